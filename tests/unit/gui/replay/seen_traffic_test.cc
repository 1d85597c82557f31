#include "gui/replay/seen_traffic.h"

#include <gtest/gtest.h>

#include "gui/replay/activity.h"
#include "gui/replay/run.h"
#include "support/small_run.h"

namespace overlaysim::replay {
namespace {

using test::SmallRun;
using test::SmallRunOptions;

SeenTraffic Seen(const SmallRun& small) {
  std::string error;
  auto run = Run::Open(small.Path(), error);
  EXPECT_TRUE(run) << error;
  SeenTraffic seen(run->Plan());
  EXPECT_TRUE(Activity::Read(
      *run->Trace(), run->Plan(), run->EndNs(), [](double) { return true; }, error, &seen));
  return seen;
}

TEST(SeenTraffic, TunnelsAreReadFromTheOuterHeaders) {
  const auto tunnels = Seen(SmallRun()).Tunnels();
  ASSERT_EQ(tunnels.size(), 2u) << "there and back";
  EXPECT_EQ(tunnels[0].from, SmallRun::kNode1);
  EXPECT_EQ(tunnels[0].to, SmallRun::kNode2);
  EXPECT_EQ(tunnels[0].vni, 1u);
  EXPECT_EQ(tunnels[0].packets, 3u);
  EXPECT_EQ(tunnels[1].from, SmallRun::kNode2);
}

TEST(SeenTraffic, FlowsCountWhatArrived) {
  SmallRunOptions options;
  options.hasDrop = true;
  const auto flows = Seen(SmallRun(options)).Flows();
  ASSERT_EQ(flows.size(), 2u);
  EXPECT_EQ(flows[0].from, SmallRun::kCart);
  EXPECT_EQ(flows[0].to, SmallRun::kRedis);
  EXPECT_EQ(flows[0].packets, 3u) << "the fourth was dropped";
  EXPECT_EQ(flows[1].packets, 3u);
}

TEST(SeenTraffic, WithoutHeaderBytesThereAreNoTunnels) {
  SmallRunOptions options;
  options.hasHeaderBytes = false;
  EXPECT_TRUE(Seen(SmallRun(options)).Tunnels().empty());
}

}  // namespace
}  // namespace overlaysim::replay
