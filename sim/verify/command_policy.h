#pragma once

#include <string>
#include <vector>

namespace overlaysim::verify {

/// A command that a scenario's author wrote, as it is carried out on this machine's kernel.
struct PermittedCommand {
  std::string netns;              ///< as written: `ip netns exec NETNS ...`, `ip -n NETNS ...`; "": where it is given
  std::vector<std::string> argv;  ///< without that
};

/// What of the author's commands may touch a real kernel: programs and words that can only change or ask the network
/// namespace that they run in. A scenario may come from a stranger, so whatever could start another program, read a
/// file or write outside is refused. False: refused, and `why` says what.
bool Permit(const std::vector<std::string>& argv, PermittedCommand& out, std::string& why);

}  // namespace overlaysim::verify
