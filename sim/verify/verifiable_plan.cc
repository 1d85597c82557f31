#include "sim/verify/verifiable_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/iproute2/command.h"
#include "sim/verify/command_policy.h"

namespace overlaysim::verify {
namespace {

constexpr size_t kMostNodes = 20, kMostNamespaces = 200;
constexpr Nanoseconds kLongestRun = Seconds(120);
constexpr Nanoseconds kNotableDelay = Microseconds(100);
constexpr uint16_t kFirstPinnedPort = 33000;  // of net.ipv4.ip_local_port_range

bool HasCommand(const Workload& w) { return w.kind == WorkloadKind::Command; }

/// Addresses that were given, not those that a device makes for itself.
bool HasIpv6(const kernel::Namespace& ns) {
  const auto& all = ns.Ipv6().Addresses();
  return std::any_of(all.begin(), all.end(),
                     [](const auto& a) { return !a.local.IsLoopback() && !a.local.IsLinkLocal(); });
}

void CheckCommand(const std::string& line, std::vector<std::string>& out) {
  PermittedCommand permitted;
  std::string why;
  if (!Permit(iproute2::SplitCommand(line).value_or(std::vector<std::string>{}), permitted, why))
    out.push_back(
        fmt::format("the command \"{}\" is not carried out on a real kernel: {} is not permitted there", line, why));
}

}  // namespace

VerifiablePlan::VerifiablePlan(const ClusterPlan& base, bool everywhere) : m_base(base) {
  name = base.name;
  description = base.description;
  understood = base.understood;
  cniName = base.cniName;
  seed = base.seed;
  duration = base.duration;
  cables = base.cables;
  workloads = base.workloads;
  events = base.events;
  captures = base.captures;
  uint16_t next = kFirstPinnedPort;
  for (Workload& workload : workloads)
    if ((workload.kind == WorkloadKind::Udp || workload.kind == WorkloadKind::Tcp) && workload.sourcePort == 0)
      workload.sourcePort = next++;
  if (!everywhere) return;
  captures.clear();
  for (size_t i = 0; i < NetnsCount(); ++i) {
    const auto ns = base.Materialise(NetnsId(i));
    for (const kernel::Link* link : ns->Links())
      if (link->kind != kernel::LinkKind::Loopback) captures.push_back({.netns = NetnsId(i), .device = link->name});
  }
}

std::unique_ptr<kernel::Namespace> VerifiablePlan::Materialise(NetnsId id) const {
  auto ns = m_base.Materialise(id);
  if (!HasIpv6(*ns))
    for (const char* scope : {"all", "default"})
      ns->SetSysctl(fmt::format("net.ipv6.conf.{}.disable_ipv6", scope), "1");
  ns->defaultNeighbourParms.delayFirstProbeTime = kProbeDelay;
  ns->Ipv6().defaultNeighbourParms.delayFirstProbeTime = kProbeDelay;
  for (const kernel::Link* link : ns->Links()) {
    ns->Parms(link->ifindex).delayFirstProbeTime = kProbeDelay;
    ns->Ipv6().Parms(link->ifindex).delayFirstProbeTime = kProbeDelay;
  }
  return ns;
}

std::vector<std::string> WhyNotVerifiable(const ClusterPlan& plan) {
  std::vector<std::string> out;
  size_t nodes = 0;
  for (size_t i = 0; i < plan.NetnsCount(); ++i) nodes += plan.Info(NetnsId(i)).role == NetnsRole::Node;
  if (nodes > kMostNodes || plan.NetnsCount() > kMostNamespaces)
    out.push_back(fmt::format("it has {} nodes and {} namespaces; a kernel is given at most {} and {}", nodes,
                              plan.NetnsCount(), kMostNodes, kMostNamespaces));
  Nanoseconds end = plan.duration;
  for (const Workload& w : plan.workloads)
    end = std::max(end, w.start + w.interval * static_cast<int64_t>(w.count > 0 ? w.count - 1 : 0));
  for (const TimedEvent& event : plan.events) end = std::max(end, event.at);
  if (kLongestRun < end)
    out.push_back(fmt::format("it lasts {}, and a real kernel takes as long; at most {} is waited for", end.ToString(),
                              kLongestRun.ToString()));
  if (plan.HasAgents()) out.push_back("tables that agents write in time are not supported yet");
  if (std::any_of(plan.workloads.begin(), plan.workloads.end(),
                  [](const Workload& w) { return w.kind == WorkloadKind::Rpc; }))
    out.push_back("traffic of type \"rpc\" is not supported yet");
  for (const TimedEvent& event : plan.events)
    if (event.kind == TimedEvent::Kind::Exec) CheckCommand(event.command, out);
  for (const Workload& workload : plan.workloads)
    if (HasCommand(workload)) CheckCommand(workload.command, out);
  return out;
}

std::vector<std::string> NotesOn(const ClusterPlan& plan) {
  std::vector<std::string> out;
  const bool isSlow = std::any_of(plan.cables.begin(), plan.cables.end(),
                                  [](const CablePlan& cable) { return kNotableDelay < cable.delay; }) ||
                      std::any_of(plan.events.begin(), plan.events.end(),
                                  [](const TimedEvent& event) { return event.kind == TimedEvent::Kind::CableChange; });
  if (isSlow)
    out.push_back(
        "cables have no delay and no rate on the kernel: frames come earlier there, and none is lost in a queue");
  bool hasPaths = false;
  for (size_t i = 0; i < plan.NetnsCount() && !hasPaths; ++i)
    for (const kernel::Route& route : plan.Materialise(NetnsId(i))->Routes(0)) hasPaths |= route.nextHops.size() > 1;
  const bool hasFailures = std::any_of(plan.events.begin(), plan.events.end(), [](const TimedEvent& event) {
    return event.kind == TimedEvent::Kind::CableDown;
  });
  if (hasPaths)
    out.push_back(fmt::format("which of several next hops a flow takes is drawn by the kernel when it starts{}",
                              hasFailures ? ": what is lost when a cable fails may differ" : ""));
  if (std::any_of(plan.workloads.begin(), plan.workloads.end(),
                  [](const Workload& w) { return w.kind == WorkloadKind::Tcp; }))
    out.push_back("TCP is compared by the bytes that came through, not by segments");
  return out;
}

}  // namespace overlaysim::verify
