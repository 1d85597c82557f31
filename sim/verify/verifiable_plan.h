#pragma once

#include <string>
#include <vector>

#include "sim/plan/cluster_plan.h"

namespace overlaysim::verify {

/// Neighbours are not probed again while a run lasts: when that would be is a matter of the kernel's random timers.
inline constexpr Nanoseconds kProbeDelay = Seconds(60);

/// A plan under the conditions that make two runs of it comparable. Both the simulator and the kernel get this one.
///
/// * delay_first_probe_time is kProbeDelay on all devices (KernelLab sees to it there).
/// * IPv6 is off where a namespace has been given no IPv6 address.
/// * A sender without a source port gets one, where the kernel would draw it.
class VerifiablePlan final : public ClusterPlan {
 public:
  /// `everywhere`: all devices are captured, not only those of the plan. `base` has to outlive this.
  VerifiablePlan(const ClusterPlan& base, bool everywhere);

  size_t NetnsCount() const override { return m_base.NetnsCount(); }
  NetnsInfo Info(NetnsId id) const override { return m_base.Info(id); }
  std::unique_ptr<kernel::Namespace> Materialise(NetnsId id) const override;
  NetnsId Find(std::string_view wanted) const override { return m_base.Find(wanted); }
  NetnsId FindByAddress(const IpAddress& ip) const override { return m_base.FindByAddress(ip); }
  std::vector<kernel::Route> UnderlayRoutes(NetnsId id, uint32_t epoch) const override {
    return m_base.UnderlayRoutes(id, epoch);
  }
  std::vector<kernel::Route6> UnderlayRoutes6(NetnsId id, uint32_t epoch) const override {
    return m_base.UnderlayRoutes6(id, epoch);
  }

 private:
  const ClusterPlan& m_base;
};

/// Why a scenario cannot be carried out on this machine's kernel as it is: too large, too long, commands that a
/// stranger must not have carried out. Each is a sentence.
std::vector<std::string> WhyNotVerifiable(const ClusterPlan& plan);

/// What the kernel does not do as the scenario has it, so that differences may come from there.
std::vector<std::string> NotesOn(const ClusterPlan& plan);

}  // namespace overlaysim::verify
