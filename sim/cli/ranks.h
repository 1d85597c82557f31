#pragma once

#include <memory>
#include <optional>

#include "models/engine/transport.h"

namespace overlaysim::cli {

/// The processes that mpirun has started together with this one; null: it is alone. nullopt, after a message, when this
/// program cannot join them.
std::optional<std::unique_ptr<engine::Transport>> JoinRanks();

}  // namespace overlaysim::cli
