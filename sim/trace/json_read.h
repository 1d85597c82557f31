#pragma once

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>

namespace overlaysim {

/// The integer under the key; throws when it is missing, no integer (nlohmann would cut a fraction off), or too large
/// for T.
template <typename T, typename Json>
T IntegerOf(const Json& json, const std::string& what) {
  const bool fits = json.is_number_unsigned()  ? std::in_range<T>(json.template get<uint64_t>())
                    : json.is_number_integer() ? std::in_range<T>(json.template get<int64_t>())
                                               : false;
  if (!fits) throw std::runtime_error(fmt::format("\"{}\" is no integer, or out of range", what));
  return json.template get<T>();
}

template <typename T, typename Json>
void ReadInteger(const Json& object, const char* key, T& to) {
  to = IntegerOf<T>(object.at(key), key);
}

}  // namespace overlaysim
