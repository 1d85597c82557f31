#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sim/base/ids.h"
#include "sim/verify/event_loop.h"
#include "sim/verify/plan_commands.h"

namespace overlaysim::verify {

/// A file descriptor that is closed at its end.
class File {
 public:
  File() = default;
  explicit File(int fd) : m_fd(fd) {}
  File(File&& other) noexcept : m_fd(other.m_fd) { other.m_fd = -1; }
  File& operator=(File&& other) noexcept;
  ~File() { Close(); }
  int Get() const { return m_fd; }
  bool IsOpen() const { return m_fd >= 0; }
  void Close();

 private:
  int m_fd = -1;
};

/// What a program printed and how it ended.
struct ProgramResult {
  int exit = -1;
  std::string output;  ///< standard output, and standard error behind it
};

/// The real kernel's counterpart of a plan: network namespaces by name, and programs and sockets in them. To be used
/// inside RunIsolated(). Programs are started by execve() with their words; no shell is involved anywhere.
class KernelLab {
 public:
  explicit KernelLab(const NetnsNames& names) : m_names(names) {}

  /// Carries out the commands, with the lab's conditions: no IPv6, bridges that do not call iptables unless the plan
  /// wants it, neighbours that are not probed again (kProbeDelay), no offloads (a capture then shows what a wire
  /// would).
  /// "" or what failed.
  std::string Build(const std::vector<PlanCommand>& commands);
  /// The same for devices that commands have made since.
  void SetConditionsOfNewDevices();
  /// "" once all devices that have carrier in the plan have it here; else which one has not.
  std::string WaitForCarriers(const ClusterPlan& plan);

  /// Waits for the program's end.
  ProgramResult Run(const PlanCommand& command);
  /// A program that a scenario's author chose: without rights to anything but the network namespace.
  void Start(const PlanCommand& command, EventLoop& loop, std::function<void(ProgramResult)> onEnd);
  ProgramResult RunConfined(const PlanCommand& command);

  /// Calls `inside` in that namespace.
  void Enter(NetnsId id, const std::function<void()>& inside);
  void Enter(const std::string& netns, const std::function<void()>& inside);
  const std::string& NameOf(NetnsId id) const { return m_names.Of(id); }

 private:
  struct Running {
    pid_t pid = -1;
    File output;
    std::string text;
  };
  Running Spawn(const PlanCommand& command, bool confined);
  ProgramResult Collect(Running running);
  int NetnsFile(const std::string& name);
  void SetConditions(const std::string& netns);

  const NetnsNames& m_names;
  std::map<std::string, File> m_files;                     ///< /run/netns/NAME
  std::map<std::string, std::vector<int>> m_plainDevices;  ///< ifindexes without offloads, by namespace
};

/// Names below /proc/sys of the namespace that the calling process is in. False: there is no such setting.
bool WriteSysctl(const std::string& path, const std::string& value);

/// Where a program is: one of the usual folders for programs of the system. "": not installed.
std::string FindProgram(const std::string& name);

}  // namespace overlaysim::verify
