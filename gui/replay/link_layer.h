#pragma once

#include <cstdint>
#include <span>

#include "gui/replay/dissector.h"
#include "sim/trace/record.h"

namespace overlaysim::replay {

/// What the first of a packet's known bytes belong to, at a record or right before it. An IP header says how long the
/// packet is; the stage alone does not tell whether the device has link headers, and before a step the packet may have had
/// another outermost header than behind it.
LinkLayer LayerOf(const TraceRecord& record, std::span<const uint8_t> head, uint32_t size);

}  // namespace overlaysim::replay
