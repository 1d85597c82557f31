#pragma once

#include "models/wire/frame.h"
#include "sim/trace/record.h"

namespace overlaysim::host {

/// What is different at the packet's front from when it was last recorded: headers put on, taken off or rewritten; the
/// whole beginning of a packet that was never recorded. The spans point into the frame and its SeenHead.
HeaderChange FindHeadChange(const wire::Frame& frame);
void RememberHead(const wire::Frame& frame);
/// How much of the packet's front was in sight when it was last recorded, if nothing has changed it since; else 0.
uint32_t UnchangedHead(const wire::Frame& frame);
/// The frame's first bytes, of which it has at least so many.
void CopyHead(const wire::Frame& frame, uint8_t* to, uint32_t bytes);

}  // namespace overlaysim::host
