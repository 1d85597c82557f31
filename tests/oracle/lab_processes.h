#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace overlaysim::oracle {

/// The process ids of the lab that makes the captures: ping(8) takes its own as ICMP identifier. A lab begins in a pid
/// namespace of its own, where ids are given out in order, so what has run before says what comes next.
class LabProcesses {
 public:
  /// The commands that built a scenario, and the points it then captured ("n1.eth0"); to be called in order of
  /// scenarios.
  void Setup(const std::vector<std::string>& commands, const std::vector<std::string>& captured);
  void Change(const std::string& command);
  /// A look at the counters of so many namespaces, before or after a step.
  void Count(size_t namespaces);
  void Fork(size_t children) { m_last += static_cast<uint32_t>(children); }
  /// Something typed in a namespace: the process id of the program.
  uint32_t Typed();
  /// The end of a scenario: all tables are written down, and the namespaces deleted.
  void Finish(bool ipv6);

 private:
  /// Its own first process, and what had run until the lab's Python stood where the captures were made.
  uint32_t m_last = 43;
  bool m_isFirst = true;
  std::vector<std::string> m_namespaces;
  std::string m_settings;  ///< namespace of the settings (`sysctl`) that one process is about to make
};

}  // namespace overlaysim::oracle
