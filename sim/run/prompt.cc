#include "sim/run/prompt.h"

#include <fmt/format.h>

namespace overlaysim {
namespace {

std::string CommandOf(const Workload& w) {
  if (w.kind == WorkloadKind::Command) return w.command;
  if (w.kind != WorkloadKind::Ping) return w.name;
  const Workload usual;
  std::string out = fmt::format("ping -c {}", w.count);
  if (w.interval != usual.interval) {
    std::string seconds = fmt::format("{}.{:09}", w.interval.count / 1000000000, w.interval.count % 1000000000);
    seconds.erase(seconds.find_last_not_of('0') + 1);
    out += " -i " + (seconds.back() == '.' ? seconds.substr(0, seconds.size() - 1) : seconds);
  }
  if (w.payload != usual.payload) out += fmt::format(" -s {}", w.payload);
  if (w.ttl != usual.ttl) out += fmt::format(" -t {}", w.ttl);
  if (w.tos != usual.tos) out += fmt::format(" -Q {}", w.tos);
  if (w.df) out += " -M do";
  if (!w.source.IsZero()) out += " -I " + w.source.ToString();
  return out + " " + w.destination.ToString();
}

}  // namespace

std::string PromptOf(const Workload& workload, bool isPod) {
  if (workload.kind == WorkloadKind::Tcp || workload.kind == WorkloadKind::Rpc)
    return workload.name;  // nobody types it
  const std::string command = CommandOf(workload);
  if (!isPod) return fmt::format("{}$ {}", workload.fromName, command);
  const size_t slash = workload.fromName.find('/');
  if (slash == std::string::npos) return fmt::format("kubectl exec {} -- {}", workload.fromName, command);
  return fmt::format("kubectl exec -n {} {} -- {}", workload.fromName.substr(0, slash),
                     workload.fromName.substr(slash + 1), command);
}

}  // namespace overlaysim
