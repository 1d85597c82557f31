#pragma once

#include <string>

#include "sim/base/units.h"

namespace overlaysim {

/// What an event's command answered.
struct EventOutcome {
  Nanoseconds at;
  std::string text;  ///< the author's words
  int exit = 0;
  std::string output, error;
};

}  // namespace overlaysim
