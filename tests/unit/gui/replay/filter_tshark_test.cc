// The filters of a Wireshark user, answered by tshark and by us: the same frames of the same capture.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <future>

#include "gui/replay/packet_list.h"
#include "support/temporary_directory.h"
#include "support/tshark.h"

using namespace overlaysim;
using namespace overlaysim::replay;

namespace {

constexpr size_t kAtOnce = 4;

const char* const kFilters[] = {
    // parts of fields and protocols
    "eth.src[0:3] == 16:bd:36", "eth.dst[0] == 33", "eth[12:2] == 86:dd", "eth[-2:] == 0800", "frame[0-2] == ff:ff:ff",
    "frame[:3] == ff-ff-ff", "frame[-1] == 37", "frame[0,12-13] == ff:08:06", "tcp[13] == 02", "tcp[13] & 2",
    "ip[8] < 40", "ip[8:1] == 3f", "udp[2:2] == 21:18", "udp[8:1] == 08", "ip.src[0:2] == 0a:f4",
    "ipv6.src[0:2] == fd:00",
    // bits
    "tcp.flags & 0x02", "tcp.flags & 0x12 == 0x12", "tcp.flags & 2 != 2", "ip.flags & 2", "eth.dst[0] & 1",
    "eth.src & 02:00:00:00:00:00", "!(eth.type & 0xff)",
    // functions
    "len(udp) == 8", "len(tcp) == 40", "len(eth.src) == 6", "len(vxlan.vni) == 3", "len(frame) > 150",
    "count(ip.addr) > 2", "count(ipv6.addr) == 4", "count(eth) == 2", "upper(frame.interface_name) contains \"NODE1\"",
    "lower(frame.interface_name) == \"node1/eth0\"",
    // bytes anywhere
    "frame contains \"!\\\"#\"", "frame contains 01:02:03:04", "ipv6 contains 60:00", "udp contains 08:00:00:00",
    "frame.interface_name contains \"NODE\"",
    // of the capture as a whole
    "frame.time_delta > 0.001", "frame.time_delta == 0", "frame.cap_len < 100", "tcp.stream == 0",
    "tcp.window_size > 65535", "tcp.window_size == 65535", "tcp.window_size in {100000..200000}",
    // sets and ranges
    "icmp.seq in {1..2}", "tcp.port in {80, 5000..6000}", "ip.ttl in {60..63}", "ipv6.hlim in {63, 64}",
    "eth.type in {0x0806}"};

std::vector<uint64_t> AskTshark(const std::filesystem::path& capture, const std::string& filter) {
  std::string quoted;
  for (const char c : filter) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  const std::string command =
      "tshark -n -d udp.port==8472,vxlan -o ip.defragment:FALSE -o ipv6.defragment:FALSE "
      "-o tcp.desegment_tcp_streams:FALSE --disable-protocol dns -T fields -e frame.number -r '" +
      capture.string() + "' -Y '" + quoted + "' 2>/dev/null";
  std::vector<uint64_t> rows;
  FILE* pipe = popen(command.c_str(), "r");
  char line[64];
  while (fgets(line, sizeof(line), pipe)) rows.push_back(std::strtoull(line, nullptr, 10));
  EXPECT_EQ(pclose(pipe), 0) << filter;
  return rows;
}

std::vector<uint64_t> AskUs(PacketList& list, const std::string& text) {
  FilterError error;
  const auto filter = Filter::Compile(text, error);
  EXPECT_TRUE(filter) << text << ": " << error.message;
  std::vector<uint64_t> rows;
  PacketsBefore before;
  for (uint64_t i = 0; filter && i < list.Count(); ++i)
    if (list.Matches(*filter, i, &before)) rows.push_back(i + 1);
  return rows;
}

TEST(FilterAgainstTshark, FindsTheSameFrames) {
  const std::string simulator = OVERLAYSIM_BIN_DIR "/overlaysim";
  if (!std::filesystem::exists(simulator)) GTEST_SKIP() << "the simulator is not built";
  if (!test::HasTshark()) GTEST_SKIP() << "tshark is not installed";
  const test::TemporaryDirectory scratch;
  const std::string command = fmt::format("'{}' run {}/scenarios/tutorial/dual-stack.json --out {} >/dev/null 2>&1",
                                          simulator, OVERLAYSIM_SOURCE_DIR, (scratch / "run").string());
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
  std::string error;
  const auto run = Run::Open(scratch / "run", error);
  ASSERT_TRUE(run) << error;
  const auto list = PacketList::Open(*run, PacketSource::Capture, error);
  ASSERT_TRUE(list) << error;
  while (list->Continue(1 << 20)) {
  }
  ASSERT_GT(list->Count(), 100u);
  const std::filesystem::path capture = scratch / "run" / "packets.pcapng";
  size_t answered = 0;  // by some frames, and not by all
  for (size_t begin = 0; begin < std::size(kFilters); begin += kAtOnce) {
    const size_t end = std::min(begin + kAtOnce, std::size(kFilters));
    std::vector<std::future<std::vector<uint64_t>>> theirs;
    for (size_t i = begin; i < end; ++i)
      theirs.push_back(std::async(std::launch::async, AskTshark, capture, std::string(kFilters[i])));
    for (size_t i = begin; i < end; ++i) {
      const std::vector<uint64_t> expected = theirs[i - begin].get(), ours = AskUs(*list, kFilters[i]);
      EXPECT_EQ(ours, expected) << kFilters[i];
      if (!expected.empty() && expected.size() < list->Count()) ++answered;
    }
  }
  EXPECT_GT(answered, std::size(kFilters) * 2 / 3);
}

}  // namespace
