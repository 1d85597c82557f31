#include "sim/verify/isolation.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace overlaysim::verify {
namespace {

#define NEEDS_ROOT() \
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to make namespaces"

TEST(Isolation, ReturnsWhatTheWorkReturned) {
  NEEDS_ROOT();
  std::string error;
  const int code = RunIsolated([] { return getpid() == 1 ? 7 : 8; }, error);
  if (code < 0) GTEST_SKIP() << error;
  EXPECT_EQ(7, code);
}

TEST(Isolation, FilesAndNamespacesAreNotSeenOutside) {
  NEEDS_ROOT();
  std::string error;
  const int code = RunIsolated(
      [] {
        return mkdir("/run/netns/overlaysim-isolation", 0755) == 0 &&
               access("/run/netns/overlaysim-isolation", F_OK) == 0;
      },
      error);
  if (code < 0) GTEST_SKIP() << error;
  EXPECT_EQ(1, code);
  EXPECT_NE(0, access("/run/netns/overlaysim-isolation", F_OK));
}

/// Both ends of a run that is killed: what it has started must not outlive it.
TEST(Isolation, KilledInTheMiddleLeavesNothing) {
  NEEDS_ROOT();
  int alive[2];  // whoever lives holds the writing end
  ASSERT_EQ(0, pipe2(alive, O_CLOEXEC));
  const pid_t run = fork();
  if (run == 0) {
    close(alive[0]);
    std::string error;
    RunIsolated(
        [&] {
          if (fork() == 0) setsid();  // a program that has left its parent
          const ssize_t written = write(alive[1], "x", 1);
          while (written == 1) pause();
          return 0;
        },
        error);
    _exit(write(alive[1], "-", 1) == 1 ? 0 : 1);  // no namespaces here
  }
  close(alive[1]);
  char byte = 0;
  ASSERT_EQ(1, read(alive[0], &byte, 1));
  kill(run, SIGKILL);
  waitpid(run, nullptr, 0);
  if (byte == '-') GTEST_SKIP() << "no namespaces of one's own here";
  ssize_t got = 1;
  while (got > 0) {  // the end of the file comes when the last holder is gone
    pollfd poll{alive[0], POLLIN, 0};
    ASSERT_EQ(1, ::poll(&poll, 1, 10000)) << "something has outlived the run";
    got = read(alive[0], &byte, 1);
  }
  EXPECT_EQ(0, got);
  close(alive[0]);
}

}  // namespace
}  // namespace overlaysim::verify
