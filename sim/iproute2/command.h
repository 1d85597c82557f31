#pragma once

#include <string>
#include <string_view>

#include "sim/base/units.h"
#include "sim/iproute2/namespace_set.h"

namespace overlaysim::iproute2 {

/// What a person sees of a command.
struct CommandResult {
  int exit = 0;
  std::string out, err;
};

/// Carries out one command line of `ip`, `bridge`, `sysctl`, `ethtool`, `iptables`, `nft` or `nstat` on the namespaces, with
/// the texts and exit codes of iproute2 6.1.0, procps 4.0.2, ethtool 6.1 and iptables 1.8.9. Nothing else is touched.
///
/// @param current  where it is typed; none: outside, where only `ip netns` and `ip -n NAME` mean something
/// @param line     quoted as for a shell, but there is no shell: no variables, pipes or `&&`
/// @param now      for the ages of entries
CommandResult RunCommand(NamespaceSet& all, NetnsId current, std::string_view line, Nanoseconds now = {});

/// Whether RunCommand has the program that a command line starts with (`ip netns exec NS` is looked through).
bool IsKnownCommand(std::string_view line);

/// A command line's words, by a shell's quoting rules; nullopt: a quote that does not end.
std::optional<std::vector<std::string>> SplitCommand(std::string_view line);

}  // namespace overlaysim::iproute2
