#pragma once

#include <fmt/core.h>

#include <string>

namespace overlaysim {

/// Ends the program with exit code 4: we are wrong, not the author and not the packet.
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition, const std::string& message);

}  // namespace overlaysim

/// A condition that only a mistake of ours can break. Stays on in release builds. The message (fmt) names the object.
#define OVERLAYSIM_CHECK(condition, ...)                                                   \
  do {                                                                                     \
    if (!(condition)) [[unlikely]]                                                         \
      ::overlaysim::CheckFailed(__FILE__, __LINE__, #condition, fmt::format(__VA_ARGS__)); \
  } while (false)
