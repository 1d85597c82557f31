#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace overlaysim::replay {

/// How the values of a field are written and compared.
enum class FieldKind : uint8_t {
  Protocol,  ///< there or not; has no values
  Number,    ///< decimal or 0x
  Flag,      ///< 0 or 1, also false and true
  Text,
  Bytes,    ///< 08:00:2b
  Address,  ///< IPv4 or IPv6, also as a prefix
  Mac,
  Time,  ///< nanoseconds; written with a unit: 1.2s, 300us
  Size   ///< bytes; may be written with a unit: 1500B, 4KiB
};

/// A name that a filter may use.
struct FieldInfo {
  std::string_view name;  ///< Wireshark's, or k8s.* and sim.*
  FieldKind kind;
  std::string_view meaning;  ///< one line
};

/// All of them, by name.
std::span<const FieldInfo> KnownFields();
const FieldInfo* FindField(std::string_view name);  ///< exact; null
/// The fields that a name stands for: "ip.addr" is ip.src and ip.dst; all others stand for themselves.
std::span<const std::string_view> FieldsBehind(const FieldInfo& field);
/// The known names that are most like a wrong one, the best first; at most three.
std::vector<std::string_view> SimilarFields(std::string_view wrong);

}  // namespace overlaysim::replay
