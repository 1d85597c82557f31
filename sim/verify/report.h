#pragma once

#include <string>
#include <vector>

#include "sim/verify/compare.h"

namespace overlaysim::verify {

/// Two frames beside each other, field by field, the first that differs marked. One side may be missing.
std::string SideBySide(const std::string& point, const FrameDifference& difference);

/// "node1/eth0   14 frames alike", and of the differences the first `shown`, one beside the other.
std::string PointReport(const PointComparison& comparison, size_t shown);

/// A command's output without what differs between two runs of it: times, numbers of namespaces, blanks at line ends.
std::string ComparableOutput(const std::string& output);

}  // namespace overlaysim::verify
