#include "models/mpi/supervise.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

namespace overlaysim::mpi {
namespace {

constexpr int kInternal = 4;
volatile sig_atomic_t g_child = 0;

extern "C" void PassOn(int signal) {
  if (g_child > 0) kill(static_cast<pid_t>(g_child), signal);
}

const char* RankName() {
  const char* rank = std::getenv("OMPI_COMM_WORLD_RANK");
  if (!rank) rank = std::getenv("PMI_RANK");
  return rank ? rank : "of this process";
}

}  // namespace

void Supervise() {
  std::fflush(nullptr);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) return;  // it will do without
  if (child == 0) {
    setpgid(0, 0);  // what is sent to the parent's group comes once, from the parent
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) std::_Exit(kInternal);
    return;
  }
  g_child = child;
  struct sigaction action {};
  action.sa_handler = PassOn;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2}) sigaction(signal, &action, nullptr);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status)) std::_Exit(WEXITSTATUS(status));
  std::fprintf(stderr, "overlaysim: rank %s has been ended by signal %d (%s), and with it the run\n", RankName(),
               WTERMSIG(status), strsignal(WTERMSIG(status)));
  std::_Exit(kInternal);
}

}  // namespace overlaysim::mpi
