#include "sim/import/value.h"

#include <algorithm>

namespace overlaysim::import {

const Value* Value::Find(std::string_view key) const {
  auto found = std::find_if(members.rbegin(), members.rend(), [&](const auto& m) { return m.key == key; });
  return found == members.rend() ? nullptr : &found->value;
}

const Value* Value::Find(std::initializer_list<std::string_view> path) const {
  const Value* value = this;
  for (std::string_view key : path) {
    value = value->Find(key);
    if (!value) return nullptr;
  }
  return value;
}

std::string_view Value::TextOf(std::string_view key) const {
  const Value* value = Find(key);
  return value && value->kind != Kind::Null && value->IsScalar() ? std::string_view(value->text) : std::string_view();
}

std::string_view Describe(Value::Kind kind) {
  constexpr std::string_view kWords[] = {"null", "a boolean", "a number", "a text", "an object", "an array"};
  return kWords[static_cast<size_t>(kind)];
}

/// Puts the value where the parser stands. The address stays valid while the value is open, because only the
/// innermost open object or array grows.
Value* ValueBuilder::Add(Value&& value) {
  if (m_open.empty()) {
    root = std::move(value);
    return &root;
  }
  Value& parent = *m_open.back();
  if (parent.IsArray()) {
    parent.items.push_back(std::move(value));
    return &parent.items.back();
  }
  parent.members.back().value = std::move(value);
  return &parent.members.back().value;
}

void ValueBuilder::BeginObject(TextPlace place) {
  Value value;
  value.kind = Value::Kind::Object;
  value.place = place;
  m_open.push_back(Add(std::move(value)));
}
void ValueBuilder::Key(std::string_view key, TextPlace) { m_open.back()->members.push_back({std::string(key), {}}); }
void ValueBuilder::EndObject() { m_open.pop_back(); }
void ValueBuilder::BeginArray(TextPlace place) {
  Value value;
  value.kind = Value::Kind::Array;
  value.place = place;
  m_open.push_back(Add(std::move(value)));
}
void ValueBuilder::EndArray() { m_open.pop_back(); }
void ValueBuilder::Scalar(Value&& scalar) { Add(std::move(scalar)); }

}  // namespace overlaysim::import
