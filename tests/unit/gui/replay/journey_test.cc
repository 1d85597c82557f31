#include "gui/replay/journey.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "gui/replay/link_layer.h"
#include "gui/replay/run.h"
#include "support/opened_run.h"

using namespace overlaysim;
using namespace overlaysim::replay;
using overlaysim::test::SmallRun;

namespace {

struct Opened : test::OpenedRun {
  using OpenedRun::OpenedRun;
  Journey Read(uint64_t id) {
    std::string error;
    Journey journey = ReadJourney(*run, id, error);
    EXPECT_FALSE(journey.hops.empty()) << error;
    return journey;
  }
};

const Hop& HopAt(const Journey& journey, Stage stage) {
  const auto it =
      std::find_if(journey.hops.begin(), journey.hops.end(), [&](const Hop& hop) { return hop.record.stage == stage; });
  EXPECT_NE(it, journey.hops.end());
  return *it;
}

TEST(Journey, TellsWhoseItIsAndWhatBecameOfIt) {
  Opened opened;
  const Journey request = opened.Read(SmallRun::Request(0));
  EXPECT_EQ(request.title, "ping request shop/cart → shop/redis, seq 1");
  EXPECT_EQ(request.outcome, "delivered at shop/redis/eth0 after 2.2 us");
  EXPECT_FALSE(request.isDropped);
  EXPECT_EQ(request.cause, 0u);
  EXPECT_EQ(request.consequences, std::vector<uint64_t>{SmallRun::Reply(0)});
  const Journey reply = opened.Read(SmallRun::Reply(0));
  EXPECT_EQ(reply.title, "ping reply shop/redis → shop/cart, seq 1");
  EXPECT_EQ(reply.cause, SmallRun::Request(0));
}

TEST(Journey, PutsTheBytesOfEveryStepTogether) {
  Opened opened;
  const Journey journey = opened.Read(SmallRun::Request(0));
  const Hop& send = HopAt(journey, Stage::Send);
  EXPECT_TRUE(send.before.empty());
  EXPECT_EQ(send.after, SmallRun::EchoPacket(false, 1, 64));
  EXPECT_EQ(send.afterLayer, LinkLayer::Ip);
  EXPECT_EQ(send.afterBytes, 84u);
  const Hop& forward = HopAt(journey, Stage::Forward);
  EXPECT_EQ(forward.before, SmallRun::EchoPacket(false, 1, 64));
  EXPECT_EQ(forward.after, SmallRun::EchoPacket(false, 1, 63));
  const Hop& encapsulate = HopAt(journey, Stage::Encapsulate);
  const auto inner =
      SmallRun::WithEthernet(SmallRun::EchoPacket(false, 1, 63), "02:00:00:00:02:04", "02:00:00:00:01:04");
  EXPECT_EQ(encapsulate.before, inner);
  EXPECT_EQ(encapsulate.beforeLayer, LinkLayer::Ethernet);
  auto whole = SmallRun::OuterHeaders(false, 98);
  whole.insert(whole.end(), inner.begin(), inner.end());
  EXPECT_EQ(encapsulate.after, whole);
  EXPECT_EQ(encapsulate.afterLayer, LinkLayer::Ip);
  EXPECT_EQ(encapsulate.beforeBytes, 98u);
  EXPECT_EQ(encapsulate.afterBytes, 134u);  // 98 + IPv4 20 + UDP 8 + VXLAN 8
  const Hop& decapsulate = HopAt(journey, Stage::Decapsulate);
  EXPECT_EQ(decapsulate.after, inner);
}

TEST(Journey, QuotesTheLineThatDecided) {
  Opened opened;
  const Journey journey = opened.Read(SmallRun::Request(0));
  const Hop& route = HopAt(journey, Stage::RouteInput);
  EXPECT_EQ(route.tableName, "route");
  EXPECT_EQ(route.line, "10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink");
  EXPECT_EQ(route.action, "route → flannel.1");
  EXPECT_EQ(route.why,
            "This route has the way to 10.244.2.2 (shop/redis): out through flannel.1 to the next hop 10.244.2.0.");
  const Hop& fdb = HopAt(journey, Stage::VxlanFdbLookup);
  EXPECT_EQ(fdb.tableName, "fdb");
  EXPECT_EQ(fdb.why, "The FDB of flannel.1 has 02:00:00:00:02:04 at the remote VTEP 172.16.2.12 (node2).");
  const Hop& encapsulate = HopAt(journey, Stage::Encapsulate);
  EXPECT_EQ(encapsulate.why,
            "flannel.1 puts outer headers in front, 172.16.1.11:44212 → 172.16.2.12:8472, VNI 1: 98 bytes become 134 "
            "(+36: IPv4 20 + UDP 8 + VXLAN 8).");
  EXPECT_EQ(encapsulate.mtu, 1450u);
  EXPECT_EQ(HopAt(journey, Stage::Forward).action, "ttl 64 → 63");
}

TEST(Journey, SaysWhyAPacketWasDropped) {
  Opened opened({.pings = 1, .hasDrop = true});
  const Journey journey = opened.Read(SmallRun::Request(1));
  EXPECT_TRUE(journey.isDropped);
  EXPECT_EQ(journey.outcome, "dropped at router/eth1: TtlExpired");
  EXPECT_EQ(journey.hops.back().action, "drop: TtlExpired");
  EXPECT_TRUE(journey.hops.back().isKey);
  EXPECT_NE(journey.hops.back().why.find("IP_INHDR at ip_forward"), std::string::npos);
}

TEST(Journey, LivesWithoutHeaderBytes) {
  Opened opened({.hasHeaderBytes = false});
  const Journey journey = opened.Read(SmallRun::Request(0));
  EXPECT_EQ(journey.title, "ping shop/cart -> shop/redis: shop/cart#1");
  for (const Hop& hop : journey.hops) {
    EXPECT_TRUE(hop.after.empty());
    EXPECT_FALSE(hop.why.empty());
    EXPECT_FALSE(hop.action.empty());
  }
}

TEST(Journey, SaysWhichPacketsTheTraceDoesNotHave) {
  Opened opened;
  std::string error;
  EXPECT_TRUE(ReadJourney(*opened.run, 77, error).hops.empty());
  EXPECT_EQ(error, "The trace does not have packet 77.");
}

TEST(LayerOf, WhatATunnelHasEncryptedHasNoHeaderYet) {
  TraceRecord record;
  record.stage = Stage::TunnelRoute;
  std::vector<uint8_t> message(32);
  message[0] = 4;  // transport data
  EXPECT_EQ(LayerOf(record, message, 32), LinkLayer::Payload);
  const Dissection packet = Dissect(message, LinkLayer::Payload, 32, {});
  ASSERT_EQ(packet.layers.size(), 2u);
  EXPECT_EQ(packet.layers[0].protocol, Protocol::WireGuard);
  EXPECT_EQ(packet.layers[1].protocol, Protocol::Data);
  record.stage = Stage::RouteInput;  // there an IP header has been looked for
  EXPECT_EQ(LayerOf(record, message, 32), LinkLayer::Ip);
}

}  // namespace
