#include "sim/base/check.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace overlaysim {

void CheckFailed(const char* file, int line, const char* condition, const std::string& message) {
  const char* slash = std::strrchr(file, '/');
  fmt::print(stderr, "overlaysim: internal error: {} ({}) at {}:{}\nPlease report this with the scenario.\n", message,
             condition, slash ? slash + 1 : file, line);
  std::fflush(stdout);
  std::fflush(stderr);
  std::_Exit(4);
}

}  // namespace overlaysim
