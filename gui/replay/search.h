#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "gui/replay/run.h"

namespace overlaysim::replay {

/// Asked before each chunk; false ends the search. Null: it goes on to the end.
using KeepSearching = std::function<bool()>;

/// The first record from number `from` on, or with `forward` false the last one before it, that was made in that
/// namespace, at that device where ifindex is not 0. Chunks whose footers do not name the place are not read.
std::optional<uint64_t> FindRecordAt(Run& run, uint64_t from, bool forward, uint32_t netns, uint32_t ifindex,
                                     const KeepSearching& keep = {});

/// Likewise of drops.
std::optional<uint64_t> FindDrop(Run& run, uint64_t from, bool forward, const KeepSearching& keep = {});

}  // namespace overlaysim::replay
