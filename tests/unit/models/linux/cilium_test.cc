#include "models/linux/cilium.h"

#include <gtest/gtest.h>

#include "models/wire/headers.h"

namespace overlaysim::kernel {
namespace {

Ipv4Address Ip(const char* text) { return *Ipv4Address::Parse(text); }
MacAddress Mac(uint64_t value) { return MacAddress::FromUint64(value); }

/// A node with 10.0.1.1 and one pod, 10.0.1.5 behind device 9; 10.0.2.0/24 is at 172.16.0.2.
class OneNode : public CiliumMaps {
 public:
  const Endpoint* FindEndpoint(Ipv4Address a) const override { return a == pod.address ? &pod : nullptr; }
  const Endpoint* EndpointBehind(int ifindex) const override { return ifindex == pod.ifindex ? &pod : nullptr; }
  bool IsHost(Ipv4Address a) const override { return a == Ip("10.0.1.1") || a == Ip("172.16.0.1"); }
  std::optional<Ipv4Address> FindNode(Ipv4Address a) const override {
    return Ipv4Prefix{Ip("10.0.2.0"), 24}.Contains(a) ? std::optional(Ip("172.16.0.2")) : std::nullopt;
  }
  Endpoint pod{9, Mac(0x020000000005), Mac(0x020000000009), Ip("10.0.1.5"), 300};
};

constexpr int kHost = 4, kOverlay = 5;

class Cilium : public testing::Test {
 protected:
  /// An IPv4 packet of 28 bytes behind an Ethernet header.
  wire::FramePtr Packet(const char* from, const char* to, uint8_t ttl = 64) {
    wire::FramePtr frame = wire::MakeFrame(wire::kEthernetHeaderBytes + 28);
    wire::Ethernet{frame->Data()}.Write(Mac(0x020000000009), Mac(0x020000000005), wire::kEtherTypeIpv4);
    wire::WriteIpv4(frame->Data() + wire::kEthernetHeaderBytes,
                    {.totalBytes = 28, .ttl = ttl, .protocol = 17, .source = Ip(from), .destination = Ip(to)});
    return frame;
  }
  ProgramResult At(int ifindex, ProgramHook hook, wire::Frame& frame) {
    Link link{.ifindex = ifindex};
    link.address = Mac(0x020000000009);
    return programs.Run(hook, link, frame);
  }
  ProgramResult FromPod(wire::Frame& frame) { return At(9, ProgramHook::Ingress, frame); }
  uint8_t Ttl(wire::Frame& frame) { return wire::Ipv4{frame.Data() + wire::kEthernetHeaderBytes}.Ttl(); }
  void ExpectDrop(const ProgramResult& result, ProgramDrop why) {
    EXPECT_EQ(result.action, ProgramResult::Action::Drop);
    EXPECT_EQ(result.why, why);
  }
  CiliumPrograms programs{std::make_shared<OneNode>(),
                          {.host = kHost, .overlay = kOverlay, .hostMac = Mac(0x04), .overlayMac = Mac(0x06)}};
};

TEST_F(Cilium, SendsToAnotherNodeUntouchedWithTheSendersIdentity) {
  auto frame = Packet("10.0.1.5", "10.0.2.7");
  const ProgramResult result = FromPod(*frame);
  ASSERT_EQ(result.outputs.size(), 1u);
  EXPECT_EQ(result.outputs[0].ifindex, kOverlay);
  EXPECT_EQ(result.outputs[0].tunnel.remote, Ip("172.16.0.2"));
  EXPECT_EQ(result.outputs[0].tunnel.id, 300u);
  EXPECT_FALSE(result.outputs[0].tunnel.checksum);
  EXPECT_EQ(Ttl(*frame), 64);
}

TEST_F(Cilium, DeliversOutOfTheTunnelWithOneHopAndTheEndpointsAddresses) {
  auto frame = Packet("10.0.2.7", "10.0.1.5");
  frame->tunnel = {.remote = Ip("172.16.0.2"), .id = 301};
  const ProgramResult result = At(kOverlay, ProgramHook::Ingress, *frame);
  ASSERT_EQ(result.outputs.size(), 1u);
  EXPECT_EQ(result.outputs[0].ifindex, 9);
  EXPECT_FALSE(result.outputs[0].isReceived);
  EXPECT_EQ(Ttl(*frame), 63);
  EXPECT_EQ(wire::Ethernet{frame->Data()}.Destination(), Mac(0x020000000005));
  EXPECT_EQ(wire::Ethernet{frame->Data()}.Source(), Mac(0x020000000009));
}

TEST_F(Cilium, HandsTheHostWhatComesOutOfTheTunnelForNoPod) {
  auto frame = Packet("10.0.2.7", "10.0.1.1");
  frame->tunnel = {.remote = Ip("172.16.0.2"), .id = 301};
  const ProgramResult result = At(kOverlay, ProgramHook::Ingress, *frame);
  ASSERT_EQ(result.outputs.size(), 1u);
  EXPECT_EQ(result.outputs[0].ifindex, kHost);
  EXPECT_TRUE(result.outputs[0].isReceived);
  EXPECT_EQ(wire::Ethernet{frame->Data()}.Destination(), Mac(0x04));
}

TEST_F(Cilium, TheHostsOwnPacketsHaveTheIdentityRemoteNode) {
  auto frame = Packet("10.0.1.1", "10.0.2.7");
  const ProgramResult own = At(kHost, ProgramHook::Egress, *frame);
  ASSERT_EQ(own.outputs.size(), 1u);
  EXPECT_EQ(own.outputs[0].tunnel.id, 6u);
  frame = Packet("192.0.2.1", "10.0.2.7");
  frame->iif = 2;  // forwarded, from outside
  const ProgramResult others = At(kHost, ProgramHook::Egress, *frame);
  ASSERT_EQ(others.outputs.size(), 1u);
  EXPECT_EQ(others.outputs[0].tunnel.id, 2u);
}

constexpr int kWireguard = 6, kCard = 2;

class CiliumEncryption : public Cilium {
 protected:
  ProgramResult OutOfTheCard(const CiliumPrograms& with, wire::Frame& frame) {
    Link link{.ifindex = kCard, .kind = LinkKind::Physical};
    return with.Run(ProgramHook::Egress, link, frame);
  }
  CiliumPrograms native{std::make_shared<OneNode>(), {.host = kHost, .wireguard = kWireguard}};
  CiliumPrograms tunnel{std::make_shared<OneNode>(), {.host = kHost, .overlay = kOverlay, .wireguard = kWireguard}};
};

TEST_F(CiliumEncryption, TakesFromTheCardWhatIsBetweenPodsOfTwoNodes) {
  auto frame = Packet("10.0.1.5", "10.0.2.7");
  const ProgramResult result = OutOfTheCard(native, *frame);
  ASSERT_EQ(result.outputs.size(), 1u);
  EXPECT_EQ(result.outputs[0].ifindex, kWireguard);
  for (const auto& [from, to] : {std::pair{"10.0.1.1", "10.0.2.7"},  // the host's own
                                 {"10.0.1.5", "172.16.0.2"},         // to a node
                                 {"192.0.2.1", "10.0.2.7"},          // from outside
                                 {"10.0.1.5", "192.0.2.1"}}) {       // to outside
    frame = Packet(from, to);
    EXPECT_EQ(OutOfTheCard(native, *frame).action, ProgramResult::Action::Pass) << from << " " << to;
    EXPECT_EQ(OutOfTheCard(programs, *frame).action, ProgramResult::Action::Pass) << "without encryption";
  }
}

TEST_F(CiliumEncryption, LeavesWhatIsEncryptedAlready) {
  auto frame = Packet("10.0.1.5", "10.0.2.7");
  frame->mark = kCiliumWireguardMark;
  EXPECT_EQ(OutOfTheCard(native, *frame).action, ProgramResult::Action::Pass);
}

TEST_F(CiliumEncryption, TakesAllThatTheTunnelHasMarked) {
  auto frame = Packet("10.0.1.1", "10.0.2.7");
  frame->tunnel = {.remote = Ip("172.16.0.2"), .id = 0x10006};
  EXPECT_EQ(At(kOverlay, ProgramHook::Egress, *frame).action, ProgramResult::Action::Pass);
  EXPECT_EQ(frame->mark, 0x00060401u) << "set_identity_mark(): the low 16 bits above, the next 8 below";
  const uint32_t mark = frame->mark;
  frame = Packet("172.16.0.1", "172.16.0.2");
  EXPECT_EQ(OutOfTheCard(tunnel, *frame).action, ProgramResult::Action::Pass) << "of nodes";
  frame->mark = mark;
  const ProgramResult result = OutOfTheCard(tunnel, *frame);
  ASSERT_EQ(result.outputs.size(), 1u);
  EXPECT_EQ(result.outputs[0].ifindex, kWireguard);
}

TEST_F(Cilium, PassesToTheStackWhatNeitherPodNorNodeHas) {
  auto frame = Packet("10.0.1.5", "192.0.2.1");
  EXPECT_EQ(FromPod(*frame).action, ProgramResult::Action::Pass);
  EXPECT_EQ(Ttl(*frame), 63);
}

TEST_F(Cilium, AnswersArpForAnyAddressButThePodsOwn) {
  for (const auto& [target, isAnswered] : {std::pair{"10.0.1.1", true}, {"1.2.3.4", true}, {"10.0.1.5", false}}) {
    wire::FramePtr frame = wire::MakeFrame(wire::kEthernetHeaderBytes + wire::kArpBytes);
    wire::Ethernet{frame->Data()}.Write(Mac(0xffffffffffff), Mac(0x020000000005), wire::kEtherTypeArp);
    const wire::Arp arp{frame->Data() + wire::kEthernetHeaderBytes};
    arp.Write(wire::kArpRequest, Mac(0x020000000005), Ip("10.0.1.5"), {}, Ip(target));
    const ProgramResult result = FromPod(*frame);
    if (!isAnswered) {
      EXPECT_EQ(result.action, ProgramResult::Action::Pass) << target;
      continue;
    }
    ASSERT_EQ(result.outputs.size(), 1u) << target;
    EXPECT_EQ(result.outputs[0].ifindex, 9);
    EXPECT_EQ(arp.Operation(), wire::kArpReply);
    EXPECT_EQ(arp.SenderMac(), Mac(0x020000000009));
    EXPECT_EQ(arp.SenderIp(), Ip(target));
    EXPECT_EQ(arp.TargetIp(), Ip("10.0.1.5"));
  }
}

TEST_F(Cilium, DropsUnderItsOwnReasons) {
  ExpectDrop(FromPod(*Packet("10.0.1.6", "10.0.2.7")), ProgramDrop::CiliumInvalidSource);
  ExpectDrop(FromPod(*Packet("10.0.1.5", "192.0.2.1", 1)), ProgramDrop::CiliumTtlExceeded);
  auto v6 = Packet("10.0.1.5", "10.0.2.7");
  wire::Put16(v6->Data() + 12, wire::kEtherTypeIpv6);
  ExpectDrop(FromPod(*v6), ProgramDrop::CiliumUnknownL3);
  wire::Put16(v6->Data() + 12, 100);
  ExpectDrop(FromPod(*v6), ProgramDrop::CiliumUnsupportedL2);
  ExpectDrop(At(kHost, ProgramHook::Egress, *Packet("10.0.1.1", "10.0.1.77")), ProgramDrop::CiliumUnroutable);
  auto tunnelled = Packet("10.0.2.7", "10.0.1.5");
  ExpectDrop(At(kOverlay, ProgramHook::Ingress, *tunnelled), ProgramDrop::CiliumNoTunnelKey);
  tunnelled->tunnel = {.remote = Ip("172.16.0.2"), .id = 1};
  ExpectDrop(At(kOverlay, ProgramHook::Ingress, *tunnelled), ProgramDrop::CiliumInvalidIdentity);
}

}  // namespace
}  // namespace overlaysim::kernel
