#include "tests/oracle/lab_processes.h"

#include <algorithm>
#include <regex>
#include <set>

namespace overlaysim::oracle {
namespace {

constexpr uint32_t kShellCommand = 2;  // sh -c, and the program
constexpr uint32_t kJob = 1;           // a child of the lab's own, inside a namespace

}  // namespace

void LabProcesses::Change(const std::string& command) {
  static const std::regex setting(R"(ip netns exec (\S+) sysctl -w (\S+)=.*)");
  std::smatch match;
  if (!std::regex_match(command, match, setting)) {
    m_settings.clear();
    return Fork(kShellCommand);
  }
  // Settings of a namespace are made together by one child; that of a device's probes by another.
  const bool isProbes = match[2].str().find(".delay_first_probe_time") != std::string::npos;
  if (isProbes || match[1] != m_settings) Fork(kJob);
  m_settings = isProbes ? "" : match[1].str();
}

void LabProcesses::Setup(const std::vector<std::string>& commands, const std::vector<std::string>& captured) {
  static const std::regex addNetns(R"(ip netns add (\S+))");
  static const std::regex addLink(R"(ip -n (\S+) link add (?:dev |name )?(\S+) .*?(?:peer name (\S+) netns (\S+).*)?)");
  static const std::regex usual("(eth0|cni0|br0|flannel|vx).*");
  m_namespaces.clear();
  m_settings.clear();
  std::set<std::string> all;
  auto addPoint = [&](const std::string& ns, const std::string& device) {
    if (ns != "r" && std::regex_match(device, usual)) all.insert(ns + "." + device);
  };
  for (size_t i = 0; i < commands.size(); ++i) {
    std::smatch match;
    if (std::regex_match(commands[i], match, addNetns)) {  // one line with what brings `lo` up
      m_namespaces.push_back(match[1]);
      Fork(kShellCommand + 1);
      ++i;
      continue;
    }
    if (std::regex_match(commands[i], match, addLink)) {
      addPoint(match[1], match[2]);
      if (match[3].matched) addPoint(match[4], match[3]);
    }
    Change(commands[i]);
  }
  // Without a choice of points the lab lists the devices of each namespace but the router's.
  if (all == std::set<std::string>(captured.begin(), captured.end()))
    for (const std::string& ns : m_namespaces)
      if (ns != "r") Fork(kShellCommand);
  Fork(captured.size());  // tcpdump
}

void LabProcesses::Count(size_t namespaces) { Fork(namespaces * (kJob + kShellCommand)); }

uint32_t LabProcesses::Typed() {
  Fork(3);  // sh, `ip netns exec` that becomes timeout(1), and what that starts
  return m_last;
}

void LabProcesses::Finish(bool ipv6) {
  const uint32_t tables = ipv6 ? 6 : 5;
  for (const std::string& ns : m_namespaces) {
    if (m_isFirst || ns[0] == 'n' || ns[0] == 'h') Fork(tables * 2 * kShellCommand);  // as text and as JSON
    Fork(kShellCommand);
  }
  m_isFirst = false;
}

}  // namespace overlaysim::oracle
