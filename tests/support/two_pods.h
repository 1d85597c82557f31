#pragma once

#include <ns3/simulator.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "models/engine/engine.h"
#include "models/host/stack.h"

namespace overlaysim::test {

/// Two namespaces, 10.0.0.1 and 10.0.0.2, joined by their eth0: by a cable between two kernels, or as a veth pair of
/// one kernel. The least that two ends of anything can talk over. One in a process at a time.
class TwoPods : public host::Network::Source, public host::Observer {
 public:
  struct Options {
    bool veth = false;
    uint32_t mtu = 1450;
    host::CableSettings cable;
    uint64_t seed = 1;
  };
  struct Seen {
    NetnsId netns;
    bool outgoing;
    Nanoseconds at;
    std::vector<uint8_t> bytes;  ///< Ethernet header first
  };

  explicit TwoPods(const Options& options) : m_options(options) {
    engine::UseOrderedSimulator();
    network = std::make_unique<host::Network>(*this, options.seed);
    network->observer = this;
    for (uint32_t i : {0u, 1u}) network->Get(NetnsId(i)).SetCaptured(kEth0, true);
    if (!options.veth) network->AddCable(options.cable, {NetnsId(0), kEth0}, {NetnsId(1), kEth0});
  }
  ~TwoPods() override { ns3::Simulator::Destroy(); }

  host::Stack& A() { return network->Get(NetnsId(0)); }
  host::Stack& B() { return network->Get(NetnsId(1)); }
  void Run(Nanoseconds until) {
    ns3::Simulator::Stop(ns3::NanoSeconds(until.count) - ns3::Simulator::Now());
    ns3::Simulator::Run();
  }
  /// Frames that left a namespace, in order.
  std::vector<Seen> Sent() const {
    std::vector<Seen> sent;
    for (const Seen& frame : frames)
      if (frame.outgoing) sent.push_back(frame);
    return sent;
  }

  static constexpr int kEth0 = 2;
  static constexpr Ipv4Address kAddressA{0x0a000001}, kAddressB{0x0a000002};
  std::unique_ptr<host::Network> network;
  std::vector<Seen> frames;

 private:
  size_t Count() const override { return 2; }
  uint32_t KernelOf(NetnsId id) const override { return m_options.veth ? 0 : id.value; }
  std::string NameOf(NetnsId id) const override { return id.value == 0 ? "a" : "b"; }
  std::unique_ptr<kernel::Namespace> Make(NetnsId id) const override {
    auto ns = std::make_unique<kernel::Namespace>(id, NameOf(id));
    ns->SetLinkUp(1, true, {});
    kernel::Link eth0{
        .name = "eth0", .address = MacAddress::FromUint64(0x020000000001 + id.value), .mtu = m_options.mtu};
    if (m_options.veth) {
      eth0.kind = kernel::LinkKind::Veth;
      eth0.peerNetns = NetnsId(1 - id.value);
      eth0.peerIfindex = kEth0;
    }
    const int ifindex = ns->AddLink(eth0).ifindex;
    ns->SetLinkUp(ifindex, true, {});
    ns->AddAddress({.ifindex = ifindex, .local = {kAddressA.value + id.value}, .prefixLength = 24});
    return ns;
  }

  void OnRecord(const TraceRecord&, const HeaderChange&, bool) override {}
  void OnFrame(const host::Stack& stack, const kernel::Link&, const wire::Frame& frame, bool outgoing) override {
    frames.push_back({stack.Id(), outgoing, engine::Now(), {frame.Data(), frame.Data() + frame.Size()}});
  }
  uint32_t NextPacket(uint64_t) override { return ++m_packets; }

  Options m_options;
  uint32_t m_packets = 0;
};

}  // namespace overlaysim::test
