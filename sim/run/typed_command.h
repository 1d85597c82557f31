#pragma once

#include <memory>
#include <string>

#include "models/host/stack.h"
#include "models/traffic/flow.h"
#include "sim/iproute2/namespace_set.h"

namespace overlaysim {

/// What a person types in a namespace, as a flow that ends when the command does: ping(8), and the commands of
/// sim/iproute2. Others answer as a shell does that does not find them. `resolve` finds the address of a name, zero
/// when there is none.
std::unique_ptr<traffic::Flow> MakeTypedCommand(host::Stack& stack, iproute2::NamespaceSet& all,
                                                const std::string& line, uint16_t icmpId, uint32_t flow,
                                                const std::function<Ipv4Address(std::string_view)>& resolve);

}  // namespace overlaysim
