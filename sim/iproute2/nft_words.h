#pragma once

#include <cstdint>
#include <utility>

#include "models/linux/netfilter.h"

namespace overlaysim::iproute2 {

// What nft calls the bits of kernel::StateMatch, behind "ct state" and "ct status".
inline constexpr std::pair<const char*, uint8_t> kNftStates[] = {{"invalid", kernel::kStateInvalid},
                                                                 {"new", kernel::kStateNew},
                                                                 {"established", kernel::kStateEstablished},
                                                                 {"related", kernel::kStateRelated},
                                                                 {"untracked", kernel::kStateUntracked}};
inline constexpr std::pair<const char*, uint8_t> kNftStatus[] = {{"snat", kernel::kStateSnat},
                                                                 {"dnat", kernel::kStateDnat}};

}  // namespace overlaysim::iproute2
