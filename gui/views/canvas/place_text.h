#pragma once

#include <QString>

#include "gui/views/canvas/canvas_state.h"

namespace overlaysim::views {

/// "worker-a", "worker-a/eth0", "leaf1-spine2"; "" for nothing or what is not in the topology.
QString PlaceName(const replay::Topology& topology, const Place& place);
/// What a hand that rests on it is told: addresses, MTU, rate, what went over it at the time.
QString PlaceToolTip(const CanvasState& state, const Place& place);

}  // namespace overlaysim::views
