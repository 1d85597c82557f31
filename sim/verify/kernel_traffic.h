#pragma once

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "sim/plan/cluster_plan.h"
#include "sim/verify/kernel_lab.h"

namespace overlaysim::verify {

/// What a line of traffic came to on the kernel; the same figures as the simulation's.
struct KernelFlow {
  uint64_t deliveredPackets = 0, deliveredBytes = 0;
  std::string output;  ///< of a command
  int exit = 0;
  bool isOpen = false;  ///< something is still to come that the comparison needs
};

/// The id of a ping's requests: given, or by order as the simulation has it.
inline uint16_t EchoIdOf(const Workload& ping) {
  return ping.icmpId.value_or(static_cast<uint16_t>(ping.id.value + 1));
}

/// The plan's traffic on real sockets. They are opened inside the plan's namespaces and used from here: no process is
/// started but for commands.
class KernelTraffic {
 public:
  KernelTraffic(KernelLab& lab, EventLoop& loop, const ClusterPlan& plan);
  ~KernelTraffic();
  /// Sets everything to begin at its time.
  void Schedule();
  /// Takes what has arrived and is not read yet.
  void Finish();
  bool IsDone() const;  ///< no transfer and no command is under way
  const std::vector<KernelFlow>& Flows() const { return m_flows; }

 private:
  struct Sender;
  struct Receiver;
  struct Transfer;

  void Start(size_t index);
  void StartPing(const Workload& workload);
  void StartUdp(const Workload& workload);
  void StartTcp(const Workload& workload);
  void StartInject(const Workload& workload);
  void StartCommand(const Workload& workload);
  void SendEchoes(const std::shared_ptr<Sender>& sender);
  void SendDatagrams(const std::shared_ptr<Sender>& sender);
  void ReadEchoes(const std::shared_ptr<Sender>& sender);
  /// A socket that takes datagrams for these flows of one port, which are told apart by their source port.
  void Listen(NetnsId on, const IpAddress& address, uint16_t port, const Workload& workload);
  void ReadDatagrams(Receiver& receiver);
  void StopListening(const Workload& workload);
  KernelFlow& FlowOf(const Workload& workload) { return m_flows[workload.id.value]; }

  KernelLab& m_lab;
  EventLoop& m_loop;
  const ClusterPlan& m_plan;
  std::vector<KernelFlow> m_flows;
  std::map<std::tuple<NetnsId, bool, uint16_t>, std::unique_ptr<Receiver>> m_receivers;
  std::vector<std::shared_ptr<Sender>> m_senders;
  std::vector<std::shared_ptr<Transfer>> m_transfers;
};

}  // namespace overlaysim::verify
