#pragma once

#include <functional>
#include <string>

namespace overlaysim::verify {

/// Runs `work` in a process of its own with mount, network and process namespaces of its own, where /run, /tmp and
/// /proc are private too. Whatever ends that process or this one - an end, a signal, SIGKILL - takes all processes and
/// network namespaces that `work` has made along, and nothing outside has been touched. Needs root.
///
/// Returns what `work` returned (0 to 255); -1, with `error`, when the namespaces cannot be made; 128 + N when the
/// process was ended by signal N.
int RunIsolated(const std::function<int()>& work, std::string& error);

}  // namespace overlaysim::verify
