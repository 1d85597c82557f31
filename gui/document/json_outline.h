#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace overlaysim::document {

struct JsonMember;

/// Where a value of a JSON text (comments allowed) stands: offsets of its first byte and behind its last.
struct JsonOutline {
  enum class Kind : unsigned char { Object, Array, String, Other };

  Kind kind = Kind::Other;
  size_t begin = 0, end = 0;
  std::vector<JsonOutline> items;   ///< Array
  std::vector<JsonMember> members;  ///< Object
  const JsonMember* Find(std::string_view key) const;
};

struct JsonMember {
  std::string key;  ///< as written, escapes not resolved
  size_t begin = 0;
  JsonOutline value;
};

/// nullopt when the text is no JSON.
std::optional<JsonOutline> OutlineOf(std::string_view text);

}  // namespace overlaysim::document
