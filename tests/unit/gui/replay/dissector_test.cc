#include "gui/replay/dissector.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <map>

#include "gui/replay/fields.h"
#include "sim/trace/capture_reader.h"
#include "support/small_run.h"
#include "support/temporary_directory.h"
#include "support/tshark.h"

using namespace overlaysim;
using namespace overlaysim::replay;
using overlaysim::test::SmallRun;

namespace {

constexpr uint16_t kPorts[] = {4789, 8472};
constexpr const char* kTo = "02:00:00:00:00:02";
constexpr const char* kFrom = "02:00:00:00:01:02";

std::string ValueOf(const Dissection& packet, std::string_view name) {
  const Field* field = packet.Find(name);
  return field ? field->value : "none";
}

std::vector<uint8_t> TunnelledPing() {
  const auto inner = SmallRun::WithEthernet(SmallRun::EchoPacket(false, 1, 63), kTo, kFrom);
  auto frame = SmallRun::OuterHeaders(false, static_cast<uint32_t>(inner.size()));
  frame.insert(frame.end(), inner.begin(), inner.end());
  return SmallRun::WithEthernet(frame, kTo, kFrom);
}

TEST(Dissector, NamesEveryHeaderOfATunnelledPing) {
  const auto frame = TunnelledPing();
  const Dissection packet = Dissect(frame, LinkLayer::Ethernet, 148, kPorts);
  std::vector<std::string_view> names;
  std::vector<int> depths;
  for (const Layer& layer : packet.layers) {
    names.push_back(layer.name);
    depths.push_back(layer.tunnelDepth);
  }
  EXPECT_EQ(names,
            (std::vector<std::string_view>{"Ethernet", "IPv4", "UDP", "VXLAN", "Ethernet", "IPv4", "ICMP", "Data"}));
  EXPECT_EQ(depths, (std::vector<int>{0, 0, 0, 0, 1, 1, 1, 1}));
  EXPECT_EQ(packet.protocol, "ICMP");
  EXPECT_EQ(packet.info, "Echo (ping) request  id=0x0001, seq=1/256, ttl=63");
  EXPECT_EQ(ValueOf(packet, "vxlan.vni"), "1");
  EXPECT_EQ(packet.layers[3].offset, 42u);  // 14 + 20 + 8
  EXPECT_EQ(packet.Find("vxlan.vni")->offset, 46u);
  EXPECT_EQ(ValueOf(packet, "icmp.checksum.status"), "1");
}

TEST(Dissector, EveryFieldHasAKnownName) {
  const auto frame = TunnelledPing();
  for (const Layer& layer : Dissect(frame, LinkLayer::Ethernet, 148, kPorts).layers) {
    EXPECT_TRUE(FindField(layer.filterName)) << layer.filterName;
    for (const Field& field : layer.fields) EXPECT_TRUE(FindField(field.name)) << field.name;
  }
}

TEST(Dissector, SaysWhereTheKnownBytesEnd) {
  const auto frame = TunnelledPing();
  for (size_t known = 1; known < frame.size(); ++known) {
    const Dissection packet = Dissect(std::span(frame).first(known), LinkLayer::Ethernet, 148, kPorts);
    ASSERT_FALSE(packet.layers.empty());
    EXPECT_NE(packet.layers.back().summary.find("not recorded"), std::string::npos) << known;
    EXPECT_EQ(packet.layers.back().offset + packet.layers.back().length, 148u) << known;
    for (const Layer& layer : packet.layers)
      for (const Field& field : layer.fields) EXPECT_LE(field.offset + field.length, known) << field.name;
  }
}

TEST(Dissector, CallsATruncatedPacketMalformed) {
  const auto frame = TunnelledPing();
  const Dissection packet = Dissect(std::span(frame).first(40), LinkLayer::Ethernet, 40, kPorts);
  EXPECT_EQ(packet.layers.back().protocol, Protocol::Malformed);
  EXPECT_EQ(packet.info, "[Malformed Packet: UDP]");
}

TEST(Dissector, HoldsChecksumsAgainstTheBytes) {
  auto frame = TunnelledPing();
  frame[70 + 8] ^= 1;  // the inner IPv4 header's TTL... without its checksum
  const Dissection packet = Dissect(frame, LinkLayer::Ethernet, 148, kPorts);
  int wrong = 0;
  for (const Layer& layer : packet.layers)
    for (const Field& field : layer.fields) wrong += field.isSuspicious;
  EXPECT_EQ(wrong, 1);
}

TEST(Dissector, GroupRecordsEndWithTheBytesThatAreKnown) {
  // An IGMPv3 report of 56 bytes, of which 40 were captured; its record says that it has six sources, so 32 bytes.
  std::vector<uint8_t> packet(40);
  const std::vector<uint8_t> header{0x45, 0,  0,    56, 0, 0, 0, 0, 1, 2, 0, 0, 10, 0, 0,   1, 224, 0,
                                    0,    22, 0x22, 0,  0, 0, 0, 0, 0, 1, 1, 0, 0,  6, 239, 1, 1,   1};
  std::copy(header.begin(), header.end(), packet.begin());
  const Dissection read = Dissect(packet, LinkLayer::Ip, 56, {});
  bool isThere = false;
  for (const Layer& layer : read.layers)
    for (const Field& field : layer.fields) {
      EXPECT_LE(field.offset + field.length, packet.size()) << field.name;
      isThere = isThere || field.name == "igmp.maddr";
    }
  EXPECT_TRUE(isThere);
}

TEST(Dissector, NeighbourOptionsEndWithTheBytesThatAreKnown) {
  // A neighbour solicitation of 80 bytes, of which 72 were captured; its option says that it has 16.
  std::vector<uint8_t> packet(72);
  packet[0] = 0x60;
  packet[5] = 40;
  packet[6] = 58;
  packet[7] = 255;
  packet[40] = 135;
  packet[64] = 1;
  packet[65] = 2;
  const Dissection read = Dissect(packet, LinkLayer::Ip, 80, {});
  const Field* option = read.Find("icmpv6.opt");
  ASSERT_NE(option, nullptr);
  EXPECT_EQ(option->offset, 64u);
  EXPECT_EQ(option->length, 8u);
}

TEST(Dissector, NestedTunnelsEnd) {
  // A VXLAN header in a VXLAN header, as often as the packet has room for.
  std::vector<uint8_t> frame = SmallRun::WithEthernet(SmallRun::EchoPacket(false, 1, 64), kTo, kFrom);
  for (int i = 0; i < 500; ++i) {
    auto outer = SmallRun::OuterHeaders(false, static_cast<uint32_t>(std::min<size_t>(frame.size(), 60000)));
    outer.insert(outer.end(), frame.begin(), frame.end());
    frame = SmallRun::WithEthernet(std::move(outer), kTo, kFrom);
  }
  EXPECT_LE(Dissect(frame, LinkLayer::Ethernet, static_cast<uint32_t>(frame.size()), kPorts).layers.size(), 32u);
}

TEST(Dissector, NothingIsKnownOfNoBytes) {
  const Dissection packet = Dissect({}, LinkLayer::Ethernet, 98, kPorts);
  EXPECT_TRUE(packet.layers.empty());
  EXPECT_EQ(packet.info, "not recorded");
}

// ------------------------------------------------------------------------------------------------ against tshark

using Values = std::map<std::string, std::vector<std::string>>;  ///< by field, in the order of the packet

std::string Attribute(std::string_view tag, std::string_view name) {
  const std::string key = fmt::format(" {}=\"", name);
  const size_t begin = tag.find(key);
  if (begin == std::string_view::npos) return {};
  const auto rest = tag.substr(begin + key.size());
  return std::string(rest.substr(0, rest.find('"')));
}

/// What tshark says of the packets' fields, in our vocabulary.
std::vector<Values> RunTsharkOn(const std::filesystem::path& capture) {
  const std::string command =
      "tshark -n -d udp.port==8472,vxlan -o ip.check_checksum:TRUE -o udp.check_checksum:TRUE -o "
      "tcp.check_checksum:TRUE "
      "-o ip.defragment:FALSE -o ipv6.defragment:FALSE -o tcp.desegment_tcp_streams:FALSE --disable-protocol dns -T "
      "pdml -r '" +
      capture.string() + "' 2>/dev/null";
  FILE* pipe = popen(command.c_str(), "r");
  std::string text;
  char part[65536];
  while (const size_t n = fread(part, 1, sizeof(part), pipe)) text.append(part, n);
  pclose(pipe);
  std::vector<Values> packets;
  for (size_t at = text.find('<'); at != std::string::npos; at = text.find('<', at + 1)) {
    const std::string_view tag = std::string_view(text).substr(at, text.find('>', at) - at);
    if (tag.starts_with("<packet")) packets.emplace_back();
    if (!tag.starts_with("<field") || tag.find(" hide=\"yes\"") != std::string_view::npos || packets.empty()) continue;
    const std::string name = Attribute(tag, "name");
    const FieldInfo* known = FindField(name);
    const bool isOfOneFrame = !name.starts_with("frame.") && name != "tcp.stream" && name != "tcp.window_size";
    if (known && isOfOneFrame && known->kind != FieldKind::Protocol && FieldsBehind(*known)[0] == name)
      packets.back()[name].push_back(Attribute(tag, "show"));
  }
  return packets;
}

Values OurValues(const ReadFrame& frame, LinkLayer first) {
  Values values;
  for (const Layer& layer : Dissect(frame.bytes, first, frame.originalLength, kPorts).layers)
    for (const Field& field : layer.fields)
      if (FindField(field.name)->kind != FieldKind::Protocol) values[std::string(field.name)].push_back(field.value);
  return values;
}

class AgainstTshark : public testing::TestWithParam<const char*> {};

TEST_P(AgainstTshark, AllFieldsHaveTheSameNamesAndValues) {
  const std::string simulator = OVERLAYSIM_BIN_DIR "/overlaysim";
  if (!std::filesystem::exists(simulator)) GTEST_SKIP() << "the simulator is not built";
  if (!test::HasTshark()) GTEST_SKIP() << "tshark is not installed";
  const test::TemporaryDirectory scratch;
  const std::string run = (scratch / "run").string();
  const std::string command = fmt::format("'{}' run {}/scenarios/tutorial/{}.json --out {} >/dev/null 2>&1", simulator,
                                          OVERLAYSIM_SOURCE_DIR, GetParam(), run);
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
  std::string error;
  const auto capture = ReadCapture(run + "/packets.pcapng", error);
  ASSERT_TRUE(capture) << error;
  const std::vector<Values> theirs = RunTsharkOn(run + "/packets.pcapng");
  ASSERT_EQ(theirs.size(), capture->frames.size());
  for (size_t i = 0; i < theirs.size(); ++i) {
    const ReadFrame& frame = capture->frames[i];
    const bool isIp = capture->interfaces[frame.interface].linkType == LinkType::RawIp;
    Values ours = OurValues(frame, isIp ? LinkLayer::Ip : LinkLayer::Ethernet);
    Values expected = theirs[i];
    // A ping's first eight bytes are a time to tshark; and it shows what it takes for DNS and the like.
    for (Values* values : {&ours, &expected}) {
      values->erase("data.data");
      values->erase("data.len");
    }
    ASSERT_EQ(ours, expected) << "frame " << i + 1 << " of " << GetParam();
  }
}

INSTANTIATE_TEST_SUITE_P(Dissector, AgainstTshark,
                         testing::Values("two-nodes", "dual-stack", "antrea-geneve", "flannel-ipip",
                                         "flannel-wireguard", "flannel-ipsec", "mtu", "cilium-geneve"),
                         [](const auto& scenario) {
                           std::string name = scenario.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
