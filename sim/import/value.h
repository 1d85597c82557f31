#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace overlaysim::import {

/// A place inside the file that is being read; both count from 1.
struct TextPlace {
  unsigned line = 0;
  unsigned column = 0;
};

/// One value of a JSON or YAML document, with its place. Only what the reader wants of an object becomes a Value.
struct Value {
  struct Member;
  enum class Kind : uint8_t { Null, Bool, Number, String, Object, Array };

  Kind kind = Kind::Null;
  /// A YAML block scalar ("|"): its lines stand below `place`, as they are, each `blockIndent` columns further right.
  bool isBlock = false;
  unsigned blockIndent = 0;
  TextPlace place;
  std::string text;  ///< of scalars, as written (numbers, booleans) or decoded (strings)
  std::vector<Member> members;
  std::vector<Value> items;

  bool IsObject() const { return kind == Kind::Object; }
  bool IsArray() const { return kind == Kind::Array; }
  bool IsScalar() const { return kind != Kind::Object && kind != Kind::Array; }

  /// The member of that name, or null. Of several, the last, as Go's decoder has it.
  const Value* Find(std::string_view key) const;
  /// Find(a), then b in it, and so on.
  const Value* Find(std::initializer_list<std::string_view> path) const;
  /// The text of a scalar member; "" if there is none.
  std::string_view TextOf(std::string_view key) const;
};

struct Value::Member {
  std::string key;
  Value value;
};

/// "a number", "an object", …: for messages.
std::string_view Describe(Value::Kind kind);

/// What a JSON or YAML parser tells of a document, in its order.
class ValueEvents {
 public:
  virtual ~ValueEvents() = default;

  virtual void BeginObject(TextPlace place) = 0;
  virtual void Key(std::string_view key, TextPlace place) = 0;
  virtual void EndObject() = 0;
  virtual void BeginArray(TextPlace place) = 0;
  virtual void EndArray() = 0;
  /// kind, place and text of `scalar` are set; its text may be moved away.
  virtual void Scalar(Value&& scalar) = 0;
};

/// Builds a whole document as one Value. For small texts.
class ValueBuilder : public ValueEvents {
 public:
  Value root;

  void BeginObject(TextPlace place) override;
  void Key(std::string_view key, TextPlace place) override;
  void EndObject() override;
  void BeginArray(TextPlace place) override;
  void EndArray() override;
  void Scalar(Value&& scalar) override;

 private:
  Value* Add(Value&& value);
  std::vector<Value*> m_open;
};

}  // namespace overlaysim::import
