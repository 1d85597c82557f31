#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "models/linux/fib.h"

namespace overlaysim::iproute2 {

// Numbers and their words, as iproute2 has them (/etc/iproute2/rt_protos, rt_scopes, rt_tables). A number without a
// name stands for itself; the Parse functions also take numbers (decimal, 0x...), and answer nullopt for anything else.

const char* RouteTypeName(kernel::RouteType type);
std::optional<kernel::RouteType> ParseRouteType(std::string_view word);
std::string ProtocolName(uint8_t protocol);
std::optional<uint8_t> ParseProtocol(std::string_view word);
std::string ScopeName(uint8_t scope);
std::optional<uint8_t> ParseScope(std::string_view word);
std::string TableName(uint32_t table);
std::optional<uint32_t> ParseTable(std::string_view word);

/// A whole number as get_u32() reads it: decimal, 0x hexadecimal, 0 octal; at most `max`.
std::optional<uint64_t> ParseNumber(std::string_view word, uint64_t max);

/// "default", "10.0.0.0/8", and a host without its /32.
std::string PrefixText(const Ipv4Prefix& prefix);
std::string PrefixText(const Ipv6Prefix& prefix);

}  // namespace overlaysim::iproute2
