#pragma once

#include <optional>
#include <string>

#include "models/linux/link.h"
#include "sim/iproute2/words.h"

namespace overlaysim::iproute2 {

// The options behind `type KIND` of `ip link add` and `ip link set`.

/// `type bridge ...`
void ParseBridgeOptions(Words& words, kernel::BridgeOptions& bridge);

/// `type vxlan ...`. In a change (`ip link set`) what is not named stays.
void ParseVxlanOptions(Session& session, Words& words, kernel::VxlanOptions& vxlan, bool isChange);

/// `type ipip ...`
void ParseGeneveOptions(Session& session, Words& words, kernel::VxlanOptions& geneve, bool isChange);
void ParseIpipOptions(Session& session, Words& words, kernel::IpipOptions& ipip);

/// `type bridge_slave ...`
void ParseBridgePortOptions(Words& words, kernel::BridgePortOptions& port);

}  // namespace overlaysim::iproute2
