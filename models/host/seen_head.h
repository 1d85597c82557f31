#pragma once

#include "models/wire/frame.h"
#include "sim/trace/record.h"

namespace overlaysim::host {

/// What is different at the packet's front from when it was last recorded: headers put on, taken off or rewritten; the
/// whole beginning of a packet that was never recorded. The spans point into the frame and its SeenHead.
HeaderChange FindHeadChange(const wire::Frame& frame);
void RememberHead(const wire::Frame& frame);

}  // namespace overlaysim::host
