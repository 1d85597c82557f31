#include "sim/verify/isolation.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace overlaysim::verify {
namespace {

/// Ends the calling process with its parent. `lifeline` reads from a pipe that only the parent can write to, so that a
/// parent that is gone already is noticed too.
void DieWithParent(int lifeline) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  pollfd poll{lifeline, POLLIN, 0};
  if (::poll(&poll, 1, 0) > 0) _exit(128 + SIGKILL);
  close(lifeline);
}

/// "" or which step failed.
std::string PrepareMounts() {
  auto failed = [](const char* what) { return std::string(what) + ": " + std::strerror(errno); };
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return errno == EINVAL ? "the root folder is no mount point: for a chroot, mount --bind ROOT ROOT before it"
                           : failed("making mounts private");
  if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) return failed("mounting /proc");
  for (const char* folder : {"/run", "/tmp"})
    if (mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") != 0)
      return failed("mounting a private /run or /tmp");
  if (mkdir("/run/netns", 0755) != 0) return failed("making /run/netns");
  return {};
}

int StatusOf(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// Process 1 of the new namespaces.
int BeFirst(const std::function<int()>& work, int errorPipe) {
  const std::string why = PrepareMounts();
  if (!why.empty()) {
    const ssize_t written = write(errorPipe, why.data(), why.size());
    return written < 0 ? 1 : 0;
  }
  close(errorPipe);
  return work();
}

/// Forks a process that ends with this one. In the parent, `lifeline` stays open until the child has ended.
pid_t ForkBound(int& lifeline) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return -1;
  const pid_t child = fork();
  if (child == 0) {
    close(ends[1]);
    DieWithParent(ends[0]);
    return 0;
  }
  close(ends[0]);
  lifeline = ends[1];
  return child;
}

/// A process whose children are in new namespaces, and waits for the first of them. This one's own would not be.
[[noreturn]] void BeMiddle(const std::function<int()>& work, int errorPipe) {
  if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC) != 0) {
    const std::string why = std::string("unshare: ") + std::strerror(errno);
    _exit(write(errorPipe, why.data(), why.size()) < 0 ? 1 : 0);
  }
  int lifeline = -1;
  const pid_t first = ForkBound(lifeline);
  if (first == 0) {
    const int code = BeFirst(work, errorPipe);
    std::fflush(nullptr);
    _exit(code);
  }
  close(errorPipe);
  _exit(first < 0 ? 1 : StatusOf(first));
}

}  // namespace

int RunIsolated(const std::function<int()>& work, std::string& error) {
  int errorPipe[2], lifeline = -1;
  if (pipe2(errorPipe, O_CLOEXEC) != 0) {
    error = std::strerror(errno);
    return -1;
  }
  std::fflush(nullptr);
  const pid_t middle = ForkBound(lifeline);
  if (middle == 0) BeMiddle(work, errorPipe[1]);
  close(errorPipe[1]);
  if (middle < 0) error = std::strerror(errno);
  char text[256];
  ssize_t got = 0;
  while ((got = read(errorPipe[0], text, sizeof text)) > 0) error.append(text, static_cast<size_t>(got));
  close(errorPipe[0]);
  const int code = middle > 0 ? StatusOf(middle) : -1;
  if (lifeline >= 0) close(lifeline);
  return error.empty() ? code : -1;
}

}  // namespace overlaysim::verify
