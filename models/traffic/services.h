#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace overlaysim::traffic {

/// Debian's name of a port (/etc/services of netbase 6.4), of those in general use; "*": none.
std::string_view ServiceName(uint16_t port, bool udp);
/// The port of such a name.
std::optional<uint16_t> ServicePort(std::string_view name, bool udp);

}  // namespace overlaysim::traffic
