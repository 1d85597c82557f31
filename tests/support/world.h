#pragma once

#include <ns3/simulator.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "models/engine/engine.h"
#include "models/host/stack.h"
#include "sim/base/check.h"
#include "support/tables.h"

namespace overlaysim::test {

/// A small network made by hand: first the namespaces, then Start(), then packets. One in a process at a time.
class World : public host::Network::Source, public host::Observer {
 public:
  struct Seen {
    Nanoseconds at;
    bool outgoing;
    std::vector<uint8_t> bytes;  ///< Ethernet header first
  };
  struct Record {
    std::string where;  ///< namespace
    TraceRecord record;
  };

  World() { engine::UseOrderedSimulator(); }
  ~World() override {
    m_network.reset();
    ns3::Simulator::Destroy();
  }

  /// A namespace with lo up, on a kernel of its own, or on that of `on`.
  kernel::Namespace& Add(const std::string& name, const std::string& on = "") {
    const NetnsId id(m_made.size());
    m_made.push_back(std::make_unique<kernel::Namespace>(id, name));
    m_names.push_back(name);
    m_kernels.push_back(on.empty() ? id.value : m_kernels[IdOf(on).value]);
    m_made.back()->SetLinkUp(1, true, {});
    return *m_made.back();
  }
  int AddEth(kernel::Namespace& ns, const char* name, const char* mac, const char* address, uint32_t mtu = 1500) {
    return AddUpLink(ns, {.name = name, .address = Mac(mac), .mtu = mtu}, address);
  }
  /// A veth pair: `name` in `ns`, which gets the address, and `peerName` in `peer`.
  void AddVeth(kernel::Namespace& ns, const char* name, const char* mac, const char* address, kernel::Namespace& peer,
               const char* peerName, const char* peerMac, uint32_t mtu = 1500) {
    const int there =
        AddUpLink(peer, {.name = peerName, .kind = kernel::LinkKind::Veth, .address = Mac(peerMac), .mtu = mtu});
    const int here = AddUpLink(ns,
                               {.name = name,
                                .kind = kernel::LinkKind::Veth,
                                .address = Mac(mac),
                                .mtu = mtu,
                                .peerNetns = peer.Id(),
                                .peerIfindex = there},
                               address);
    peer.GetLink(there)->peerNetns = ns.Id();
    peer.GetLink(there)->peerIfindex = here;
  }
  static void AddRoute(kernel::Namespace& ns, const char* dst, const char* via, const char* dev, bool onlink = false) {
    kernel::Route route = RouteVia(dst, via, ns.FindLink(dev)->ifindex);
    route.nextHops.front().onlink = onlink;
    OVERLAYSIM_CHECK(ns.AddRoute(route, kernel::Namespace::kCreate | kernel::Namespace::kExclusive) == 0, "{}", dst);
  }

  void Start(uint64_t seed = 1) {
    m_network = std::make_unique<host::Network>(*this, seed);
    m_network->observer = this;
    m_network->observeRecords = true;
    for (size_t i = 0; i < m_names.size(); ++i) m_network->Get(NetnsId(i));
  }
  host::Cable& Connect(const char* a, const char* deviceA, const char* b, const char* deviceB,
                       host::CableSettings settings = {}) {
    return m_network->AddCable(settings, {IdOf(a), At(a).Ns().FindLink(deviceA)->ifindex},
                               {IdOf(b), At(b).Ns().FindLink(deviceB)->ifindex});
  }
  host::Network& Network() { return *m_network; }
  host::Stack& At(const std::string& name) { return m_network->Get(IdOf(name)); }
  void Capture(const std::string& name, const std::string& device) {
    At(name).SetCaptured(At(name).Ns().FindLink(device)->ifindex, true);
  }
  /// What passed a captured device so far.
  const std::vector<Seen>& Frames(const std::string& name, const std::string& device) {
    return m_frames[{IdOf(name).value, At(name).Ns().FindLink(device)->ifindex}];
  }
  uint64_t Ended(Verdict verdict) const { return m_network->verdicts[static_cast<size_t>(verdict)]; }

  void Run(Nanoseconds span) {
    ns3::Simulator::Stop(ns3::NanoSeconds(span.count));
    ns3::Simulator::Run();
  }
  /// Sends a frame out of a device as if a program had put it there.
  void SendFrame(const std::string& name, const std::string& device, const std::vector<uint8_t>& bytes) {
    host::Backlog::Guard guard(At(name).KernelBacklog());
    At(name).SendFrame(At(name).Ns().FindLink(device)->ifindex, wire::MakeFrame(bytes));
  }

  std::vector<Record> records;

 private:
  NetnsId IdOf(const std::string& name) const {
    for (size_t i = 0; i < m_names.size(); ++i)
      if (m_names[i] == name) return NetnsId(i);
    OVERLAYSIM_CHECK(false, "no namespace {}", name);
  }
  size_t Count() const override { return m_names.size(); }
  uint32_t KernelOf(NetnsId id) const override { return m_kernels[id.value]; }
  std::string NameOf(NetnsId id) const override { return m_names[id.value]; }
  std::unique_ptr<kernel::Namespace> Make(NetnsId id) const override { return std::move(m_made[id.value]); }
  void OnRecord(const TraceRecord& record, const HeaderChange&, bool) override {
    records.push_back({m_names[record.netns], record});
  }
  void OnFrame(const host::Stack& stack, const kernel::Link& link, const wire::Frame& frame, bool outgoing) override {
    m_frames[{stack.Id().value, link.ifindex}].push_back(
        {engine::Now(), outgoing, {frame.Data(), frame.Data() + frame.Size()}});
  }
  uint32_t NextPacket(uint64_t journey) override { return ++m_packets[journey]; }

  mutable std::vector<std::unique_ptr<kernel::Namespace>> m_made;
  std::vector<std::string> m_names;
  std::vector<uint32_t> m_kernels;
  std::unique_ptr<host::Network> m_network;
  std::map<std::pair<uint32_t, int>, std::vector<Seen>> m_frames;
  std::map<uint64_t, uint32_t> m_packets;
};

}  // namespace overlaysim::test
