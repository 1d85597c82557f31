#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "sim/run/simulation.h"
#include "tests/oracle/case_file.h"

namespace overlaysim::oracle {

/// What the captures note of a step beside its frames and what its sender saw: the counters that rose in the namespaces
/// that it watches, why the kernel freed packets meanwhile, and what commands and tables said.
class StepLog {
 public:
  /// To be made before the simulation runs: looks at it when each step begins and ends.
  StepLog(Simulation& simulation, const CaseScenario& scenario);

  /// {"n1": {"IpForwDatagrams": 1, ..}, ..} of a step that watches namespaces.
  nlohmann::json Counters(size_t step) const;
  /// {"NO_SOCKET at __udp4_lib_rcv": 1, ..}
  nlohmann::json Drops(size_t step) const;
  /// Adds to a step's result what it asks for by name: `said` by the step's commands, `mtu` of the device that they are
  /// about, or of a device by its name, `fdb_added` and `fdb_gone` in the vxlan devices of the watched namespaces.
  void AddTableAnswers(size_t step, nlohmann::json& result) const;
  /// {"from": .., "ttl": .., "type": .., "code": ..} of the first ICMP error that the namespace of an icmp_echo step got
  /// before the answer, whatever it was about: the captures were made with a raw socket. null: none.
  nlohmann::json IcmpErrorHeard(size_t step) const;

 private:
  using Numbers = std::map<std::string, int64_t>;
  struct Snapshot {
    std::map<std::string, Numbers> counters;  ///< by namespace
    std::vector<std::string> fdb;             ///< lines of the vxlan devices, sorted
    std::map<std::string, std::string> mtus;  ///< "mtu 1450" by device, of nodes
    Numbers drops;
  };
  /// The raw socket of an icmp_echo step.
  struct Ear {
    host::Stack* stack = nullptr;
    int socket = 0;
    bool isDone = false;
    std::string error;  ///< as JSON; "": none
  };
  Snapshot Take(const Step& step);
  void Listen(const Step& step, Ear& ear);

  Simulation& m_simulation;
  const CaseScenario& m_scenario;
  std::vector<Snapshot> m_before, m_after;
  std::vector<Ear> m_ears;
};

}  // namespace overlaysim::oracle
