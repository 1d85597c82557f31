#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/scenario/scenario.h"

namespace overlaysim::scenario {

struct Member;

/// A JSON value that knows where it stands. Integers keep their sign apart from their magnitude, so that all of int64
/// and uint64 fit; other numbers keep their text only.
struct Value {
  enum class Kind : uint8_t { Null, Bool, Integer, Float, String, Array, Object };

  Kind kind = Kind::Null;
  bool boolean = false;  ///< Bool; Integer: negative
  Place place;
  uint64_t magnitude = 0;  ///< Integer
  std::string text;        ///< String: unescaped; Integer, Float: as written
  std::vector<Value> items;
  std::vector<Member> members;

  Value();
  Value(std::string_view string);    // NOLINT: reads as JSON where values are built
  Value(const std::string& string);  // NOLINT
  Value(const char* string);         // NOLINT
  static Value Bool(bool value);
  static Value Signed(int64_t value);
  static Value Unsigned(uint64_t value);
  static Value Array();
  static Value Array(std::vector<Value> items);
  static Value Object();

  bool Is(Kind k) const { return kind == k; }
  bool IsEmptyContainer() const { return (Is(Kind::Array) && items.empty()) || (Is(Kind::Object) && members.empty()); }
  const Value* Find(std::string_view key) const;
  Value* Find(std::string_view key);
  /// Adds or replaces a member; answers *this, so that objects can be built in one expression.
  Value& Set(std::string key, Value value);
  /// Alike in content, wherever it stands.
  bool operator==(const Value& other) const;

  /// "a string", "an object", … as used in messages.
  std::string_view KindName() const;
  /// As JSON on one line, shortened for messages.
  std::string Quoted() const;
};

struct Member {
  std::string key;
  Place keyPlace;
  Value value;
};

// Below Member, because clang 14 wants it complete where a vector of it is constructed.
inline Value::Value() = default;
inline Value::Value(std::string_view string) : kind(Kind::String), text(string) {}
inline Value::Value(const std::string& string) : Value(std::string_view(string)) {}
inline Value::Value(const char* string) : Value(std::string_view(string)) {}
inline Value Value::Array() { return Array(std::vector<Value>()); }

/// JSON text: two spaces of indentation, containers that fit into 110 columns on one line.
std::string PrintJson(const Value& value);
/// The text as a JSON string, quotes included. Invalid UTF-8 becomes U+FFFD.
std::string QuoteJson(std::string_view text);
/// On one line.
std::string PrintJsonLine(const Value& value);

}  // namespace overlaysim::scenario
