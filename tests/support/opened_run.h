#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "gui/replay/run.h"
#include "support/small_run.h"

namespace overlaysim::test {

/// A small run that is open.
struct OpenedRun {
  explicit OpenedRun(const SmallRunOptions& options = {}) : small(options) {
    std::string error;
    run = replay::Run::Open(small.Path(), error);
    EXPECT_TRUE(run) << error;
  }
  SmallRun small;
  std::unique_ptr<replay::Run> run;
};

}  // namespace overlaysim::test
