#include "sim/verify/requirements.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <map>
#include <set>

#include "sim/iproute2/command.h"
#include "sim/verify/command_policy.h"
#include "sim/verify/kernel_lab.h"

namespace overlaysim::verify {
namespace {

constexpr std::pair<int, int> kFollowed{6, 18};  // the kernel of the models and of the captures they are tested by

/// The Debian package that a program is in.
const char* PackageOf(const std::string& program) {
  static const std::map<std::string, const char*> kPackages = {
      {"ip", "iproute2"},           {"bridge", "iproute2"},
      {"nstat", "iproute2"},        {"sysctl", "procps"},
      {"ethtool", "ethtool"},       {"iptables", "iptables"},
      {"ip6tables", "iptables"},    {"nft", "nftables"},          {"ping", "iputils-ping"},
      {"arping", "iputils-arping"}, {"tracepath", "iputils-tracepath"},
      {"traceroute", "traceroute"}, {"nc", "netcat-openbsd"},
  };
  const auto found = kPackages.find(program);
  return found == kPackages.end() ? "?" : found->second;
}

std::string ProgramOf(const std::string& line) {
  PermittedCommand permitted;
  std::string why;
  return Permit(iproute2::SplitCommand(line).value_or(std::vector<std::string>{}), permitted, why) ? permitted.argv[0]
                                                                                                   : "";
}

std::pair<int, int> VersionOf(const std::string& release) {
  std::pair<int, int> version{0, 0};
  const char* end = release.data() + release.size();
  const auto major = std::from_chars(release.data(), end, version.first);
  if (major.ptr != end && *major.ptr == '.') std::from_chars(major.ptr + 1, end, version.second);
  return version;
}

}  // namespace

std::vector<std::string> MissingOnThisMachine(const ClusterPlan& plan, const std::vector<PlanCommand>& commands) {
  std::vector<std::string> missing;
  if (geteuid() != 0) missing.push_back("root's rights, to make network namespaces (sudo overlaysim verify ...)");
  std::set<std::string> programs{"ip", "ethtool"};
  for (const PlanCommand& command : commands) programs.insert(command.argv[0]);
  for (const TimedEvent& event : plan.events)
    if (event.kind == TimedEvent::Kind::Exec) programs.insert(ProgramOf(event.command));
  for (const Workload& workload : plan.workloads)
    if (workload.kind == WorkloadKind::Command) programs.insert(ProgramOf(workload.command));
  for (const std::string& program : programs)
    if (FindProgram(program).empty())
      missing.push_back(fmt::format("the program {} (Debian package {})", program, PackageOf(program)));
  return missing;
}

std::vector<std::string> MissingInKernel(const ClusterPlan& plan) {
  std::set<std::string> kinds{"veth"};
  bool needsBridgeNetfilter = false;
  for (size_t i = 0; i < plan.NetnsCount(); ++i) {
    const auto ns = plan.Materialise(NetnsId(i));
    for (const kernel::Link* link : ns->Links())
      if (link->kind == kernel::LinkKind::Bridge || link->kind == kernel::LinkKind::Vxlan ||
          link->kind == kernel::LinkKind::Dummy)
        kinds.insert(kernel::LinkKindName(link->kind));
    const bool hasBridge = kinds.count("bridge") != 0;
    for (const bool isV6 : {false, true}) {
      const bool hasRules =
          ns->netfilter.IsActive(kernel::Hook::Prerouting, isV6) || ns->netfilter.IsActive(kernel::Hook::Forward, isV6);
      needsBridgeNetfilter |= hasRules && hasBridge && (isV6 ? ns->bridgeNfCallIp6tables : ns->bridgeNfCallIptables);
    }
  }
  std::vector<std::string> missing;
  const NetnsNames noNames(plan);
  KernelLab lab(noNames);
  for (const std::string& kind : kinds) {
    std::vector<std::string> add{"ip", "link", "add", "name", "probe", "type", kind};
    if (kind == "vxlan") add.insert(add.end(), {"id", "1", "dstport", "4789"});
    if (lab.Run({"", add}).exit != 0)
      missing.push_back(fmt::format("{} devices in the kernel (modprobe {})", kind, kind));
    else
      lab.Run({"", {"ip", "link", "del", "dev", "probe"}});
  }
  if (needsBridgeNetfilter && access("/proc/sys/net/bridge/bridge-nf-call-iptables", F_OK) != 0)
    missing.push_back("packet filters for bridges in the kernel (modprobe br_netfilter)");
  return missing;
}

std::string KernelRelease() {
  utsname name{};
  uname(&name);
  return name.release;
}

std::vector<std::string> KnownDifferences(const std::string& release) {
  struct Difference {
    std::pair<int, int> since;
    const char* text;
  };
  static constexpr std::array kDifferences = {
      Difference{{6, 5},
                 "a vxlan device has no localbypass option: frames to the host's own address never leave it (6.5)"},
      Difference{{6, 12},
                 "the budget of ICMP errors (icmp_msgs_per_sec) is the machine's, not each namespace's, and is "
                 "asked before the limit per host (6.12)"},
      Difference{{6, 14}, "which reserved bits of a VXLAN header are refused is fixed (6.14)"},
  };
  std::vector<std::string> out;
  const auto version = VersionOf(release);
  for (const Difference& difference : kDifferences)
    if (version < difference.since) out.push_back(difference.text);
  if (version < kFollowed && out.empty()) out.push_back("nothing that a packet would show");
  return out;
}

}  // namespace overlaysim::verify
