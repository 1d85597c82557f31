#pragma once

#include <cstdint>

#include "models/linux/table_change.h"
#include "sim/trace/little_endian.h"
#include "sim/trace/record.h"
#include "sim/trace/trace_format.h"

namespace overlaysim {

namespace trace_format {
inline constexpr auto kLastTable = kernel::Table::TunnelPeer;
}

/// A record as trace.bin has it (docs/run-directory.md), at most trace_format::kMaxRecordBytes; answers the place
/// behind it.
uint8_t* PutRecord(uint8_t* at, const TraceRecord& record, const HeaderChange& change);
/// The record at the cursor; false when it is malformed.
bool ReadRecord(ByteCursor& in, TraceRecord& record, HeaderChange& change);

}  // namespace overlaysim
