#pragma once

#include <string>

#include "sim/iproute2/namespace_set.h"
#include "sim/run/typed/tools.h"

namespace overlaysim {

/// What a person types in a namespace, as a flow that ends when the command does: ping(8), traceroute(8), nc(1),
/// arping(8), each also behind timeout(1), and the commands of sim/iproute2. Others answer as a shell does that does
/// not find them.
typed::FlowPtr MakeTypedCommand(const typed::Shell& shell, iproute2::NamespaceSet& all, const std::string& line);

}  // namespace overlaysim
