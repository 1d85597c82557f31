#pragma once

#include <memory>

#include "models/engine/transport.h"

namespace overlaysim::mpi {

/// Joins the other processes that mpirun has started, over ns-3's MpiInterface. Null: mpirun has not, or started this
/// one alone.
///
/// What goes from rank to rank in one exchange is one string of bytes, cut into as few ns3::Packets as hold it: a
/// message of MpiInterface has at most 2,000 bytes. Each is addressed to a node that stands for the rank.
std::unique_ptr<engine::Transport> Join();

}  // namespace overlaysim::mpi
