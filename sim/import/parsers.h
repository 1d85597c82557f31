#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

#include "sim/import/value.h"

namespace overlaysim::import {

/// The first thing that a parser could not read.
struct SyntaxError {
  TextPlace place;
  std::string message;  ///< a whole sentence: "this is not valid JSON: …"
};

inline constexpr unsigned kMaxDepth = 400;            ///< levels of objects and arrays; Kubernetes' own schemas have 40
inline constexpr size_t kMaxAliasedValues = 100'000;  ///< what the aliases of a YAML document may expand to in all

/// Reads JSON, one value or several after each other, in constant memory, and reports it as events.
std::optional<SyntaxError> ParseJson(std::istream& in, ValueEvents& events);
std::optional<SyntaxError> ParseJson(std::string_view text, ValueEvents& events);

/// Reads a YAML stream. Every document, and nothing at all for an empty one, is one value; aliases are replayed within
/// kMaxAliasedValues.
std::optional<SyntaxError> ParseYaml(std::string_view text, ValueEvents& events);

}  // namespace overlaysim::import
