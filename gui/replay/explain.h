#pragma once

#include <string_view>

#include "gui/replay/journey.h"
#include "gui/replay/run.h"

namespace overlaysim::replay {

/// "route", "neigh", "fdb", "bridge fdb", "filter", ...: what a person types behind `ip` or `bridge`; "" where the
/// record names no row.
std::string_view TableName(const TraceRecord& record);

/// What is said of a hop whose record, place, line and bytes are known: its `why`, `action` and `isKey`.
void Explain(Run& run, const StoredRecord& stored, Hop& hop);

}  // namespace overlaysim::replay
