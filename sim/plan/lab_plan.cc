#include "sim/plan/lab_plan.h"

#include <fmt/format.h>

#include "sim/base/check.h"
#include "sim/iproute2/command.h"

namespace overlaysim::plan {
namespace {

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

std::unique_ptr<LabPlan> LabPlan::Build(const Context& context) {
  const scenario::Lab& lab = *context.scenario.lab;
  auto plan = std::make_unique<LabPlan>();
  for (const scenario::Text& name : lab.netns) {
    if (plan->m_machine.Find(name.value)) {
      context.Error(name.place, "there are two namespaces named \"{}\"", name.value);
      continue;
    }
    plan->m_machine.Add(name.value);
    plan->m_netns.push_back(name.value);
  }
  iproute2::MachineNamespaces all(plan->m_machine);
  for (const scenario::Text& command : lab.setup) {
    const iproute2::CommandResult result = iproute2::RunCommand(all, NetnsId(), command.value);
    if (result.exit != 0)
      context.Error(command.place, "\"{}\" fails: {}", command.value,
                    FirstLine(result.err.empty() ? result.out : result.err));
    plan->m_commands.push_back(command.value);
  }
  if (context.diagnostics.HasErrors()) return nullptr;
  const size_t count = plan->m_machine.Size();
  plan->understood = fmt::format("lab · {} namespace{}", count, count == 1 ? "" : "s");
  plan->cniName = "lab";
  return plan;
}

NetnsInfo LabPlan::Info(NetnsId id) const {
  const auto& ns = m_machine.All()[id.value];
  return {.id = id, .name = ns ? ns->Name() : "", .role = NetnsRole::Lab};
}

std::unique_ptr<kernel::Namespace> LabPlan::Materialise(NetnsId id) const {
  OVERLAYSIM_CHECK(id.value < NetnsCount(), "there is no namespace {}", id.value);
  kernel::Machine machine;
  for (const std::string& netns : m_netns) machine.Add(netns);
  iproute2::MachineNamespaces all(machine);
  for (const std::string& command : m_commands) iproute2::RunCommand(all, NetnsId(), command);
  return machine.Take(id);
}

NetnsId LabPlan::Find(std::string_view wanted) const {
  const kernel::Namespace* ns = m_machine.Find(wanted);
  return ns ? ns->Id() : NetnsId();
}

NetnsId LabPlan::FindByAddress(const IpAddress& ip) const {
  auto isLocal = [&](const kernel::Namespace& ns) {
    return ip.IsV6() ? !ip.V6().IsLoopback() && !ip.V6().IsLinkLocal() && ns.Ipv6().IsLocalAddress(ip.V6())
                     : !ip.V4().IsLoopback() && ns.IsLocalAddress(ip.V4());
  };
  for (const auto& ns : m_machine.All())
    if (ns && isLocal(*ns)) return ns->Id();
  return {};
}

}  // namespace overlaysim::plan
