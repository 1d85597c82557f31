#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "sim/base/check.h"
#include "sim/scenario/enums.h"
#include "sim/scenario/value.h"

/// The machinery under the table of fields: how a kind of value is read, written, filled with defaults and described.
/// One description serves the reader, the writers, the JSON Schema and the reference, so that they cannot disagree.
namespace overlaysim::scenario {

struct ObjectType;

/// A rule for strings.
struct Format {
  std::string words;    ///< "a name (letters, digits, \"-\", \"_\" and \".\")"
  std::string pattern;  ///< the same as a regular expression without anchors, for the schema
  bool (*accepts)(std::string_view);
};

/// What a field asks of its value beyond its type.
struct Constraints {
  int64_t min = INT64_MIN;  ///< integers
  uint64_t max = UINT64_MAX;
  const Format* format = nullptr;  ///< strings
  bool numbersToo = false;         ///< strings: a whole number is meant as its digits
  bool interfaceAddress = false;   ///< prefixes: host bits are meant, and the length may be missing
};

/// Where a value is being read.
struct ReadContext {
  std::function<void(Place, std::string)> error;
  std::string key;  ///< under which the value stands, for messages
  const Constraints* constraints = nullptr;

  void Error(const Value& value, std::string message) const { error(value.place, std::move(message)); }
};

enum class Detail { Sparse, Full };  ///< without what would be the default anyway; all that is known

class Type {
 public:
  virtual ~Type() = default;
  virtual void Read(const Value& from, void* to, const ReadContext& context) const = 0;
  /// nullopt: there is no value (an empty optional).
  virtual std::optional<Value> Write(const void* from, Detail detail) const = 0;
  virtual Value Schema(const Constraints& constraints) const = 0;
  /// What is accepted, for the reference: "time", "list of strings", …
  virtual std::string Name() const = 0;
  virtual void FillDefaults(void*) const {}
  /// The objects that such a value consists of.
  virtual const ObjectType* Object() const { return nullptr; }
  virtual bool IsOptional() const { return false; }
};

template <class T>
const Type& TypeOf();

/// Holds when the other key has this word or, where `word` is empty, when it is left out. An empty key: always.
struct Condition {
  std::string key, word;
};

/// One key of an object.
struct Field {
  std::string name;
  const Type* type = nullptr;
  std::function<void*(void*)> member;  ///< empty: the loader deals with this key itself
  std::string description;
  std::string otherwise;              ///< what holds when it is left out and that is not a constant
  std::vector<std::string> variants;  ///< to which it belongs; empty: all
  std::optional<Value> defaultValue;  ///< filled into an optional member
  Condition condition;                ///< of the default
  bool isRequired = false;
  bool isAlwaysWritten = false;
  std::string needs;  ///< another key that must be there with it
  Constraints constraints;

  bool BelongsTo(const std::string& variant) const;
};

/// The keys of one kind of object.
///
/// Variants are told apart by the value of the key `tag` or, where that is empty, by which of the variants' names is
/// there as a key (the first in their order, if there are several).
struct ObjectType {
  std::string name;  ///< in the schema and in the reference: "leafSpine"
  std::string noun;  ///< in messages: "a node"
  std::string description;
  std::string tag;
  std::vector<std::string> variants;
  std::string defaultVariant;  ///< of a tag that may be left out
  std::string shorthand;       ///< the key for which a string alone may stand
  std::vector<Field> fields;
  std::function<const void*()> prototype;  ///< one with its constant defaults

  const Field* Find(std::string_view key, const std::string& variant) const;
  std::vector<std::string> KeysOf(const std::string& variant) const;
  /// "" if there are no variants or none can be told.
  std::string VariantOf(const Value& value) const;
  std::string VariantOf(const void* object) const;
  /// "a node", "traffic of type \"ping\"", "an event with \"exec\"".
  std::string Called(const std::string& variant) const;
  /// As JSON; nullopt if it has none (required, optional without constant, derived).
  std::optional<Value> DefaultOf(const Field& field) const;

  void Read(const Value& from, void* to, const ReadContext& context) const;
  Value Write(const void* from, Detail detail) const;
  void FillDefaults(void* object) const;
};

/// The table for objects of one kind. Specialised in fields.cc.
template <class T>
const ObjectType& Describe();

template <class T>
class ObjectBuilder {
 public:
  /// Changes the field that was added last.
  class FieldBuilder {
   public:
    explicit FieldBuilder(Field& field) : m_field(field) {}
    FieldBuilder& Required() { return m_field.isRequired = true, *this; }
    FieldBuilder& AlwaysWritten() { return m_field.isAlwaysWritten = true, *this; }
    FieldBuilder& For(std::vector<std::string> variants) { return m_field.variants = std::move(variants), *this; }
    FieldBuilder& Range(int64_t min, uint64_t max) {
      m_field.constraints.min = min;
      m_field.constraints.max = max;
      return *this;
    }
    FieldBuilder& As(const Format& format) { return m_field.constraints.format = &format, *this; }
    FieldBuilder& NumbersToo() { return m_field.constraints.numbersToo = true, *this; }
    FieldBuilder& InterfaceAddress() { return m_field.constraints.interfaceAddress = true, *this; }
    FieldBuilder& Default(Value value, Condition condition = {}) {
      m_field.defaultValue = std::move(value);
      m_field.condition = std::move(condition);
      return *this;
    }
    FieldBuilder& Otherwise(std::string words) { return m_field.otherwise = std::move(words), *this; }
    FieldBuilder& Needs(std::string key) { return m_field.needs = std::move(key), *this; }

   private:
    Field& m_field;
  };

  ObjectBuilder(std::string name, std::string noun, std::string description) {
    m_type.name = std::move(name);
    m_type.noun = std::move(noun);
    m_type.description = std::move(description);
    m_type.prototype = []() -> const void* {
      static const T object;
      return &object;
    };
  }
  ObjectBuilder& VariantsByTag(std::string key, std::vector<std::string> variants, std::string otherwise = "") {
    m_type.tag = std::move(key);
    m_type.variants = std::move(variants);
    m_type.defaultVariant = std::move(otherwise);
    return *this;
  }
  ObjectBuilder& VariantsByKey(std::vector<std::string> keys) { return m_type.variants = std::move(keys), *this; }
  ObjectBuilder& Shorthand(std::string key) { return m_type.shorthand = std::move(key), *this; }

  /// `access`: a member pointer, or a function from T& to a reference.
  template <class Access>
  FieldBuilder Add(std::string name, Access access, std::string description) {
    using M = std::remove_reference_t<std::invoke_result_t<Access, T&>>;
    FieldBuilder builder = AddLoaded(std::move(name), TypeOf<M>(), std::move(description));
    m_type.fields.back().member = [access](void* object) -> void* {
      return &std::invoke(access, *static_cast<T*>(object));
    };
    return builder;
  }
  /// A key that the loader deals with before the object is read.
  FieldBuilder AddLoaded(std::string name, const Type& type, std::string description) {
    m_type.fields.push_back({});
    Field& field = m_type.fields.back();
    field.name = std::move(name);
    field.type = &type;
    field.description = std::move(description);
    return FieldBuilder(field);
  }
  ObjectType Build() { return std::move(m_type); }

 private:
  ObjectType m_type;
};

// ---- values of one word or number ----

/// How T is written in a file, where it is not an object; specialised in scalars.cc.
template <class T>
const Type& ScalarType() = delete;

template <>
const Type& ScalarType<bool>();
template <>
const Type& ScalarType<uint8_t>();
template <>
const Type& ScalarType<uint16_t>();
template <>
const Type& ScalarType<uint32_t>();
template <>
const Type& ScalarType<uint64_t>();
template <>
const Type& ScalarType<int64_t>();
template <>
const Type& ScalarType<std::string>();
template <>
const Type& ScalarType<Nanoseconds>();
template <>
const Type& ScalarType<BitsPerSecond>();
template <>
const Type& ScalarType<Bytes>();
template <>
const Type& ScalarType<PerSecond>();
template <>
const Type& ScalarType<Percent>();
template <>
const Type& ScalarType<Rate>();
template <>
const Type& ScalarType<Ipv4Address>();
template <>
const Type& ScalarType<IpAddress>();
template <>
const Type& ScalarType<Ipv4Prefix>();
template <>
const Type& ScalarType<Ipv6Prefix>();
template <>
const Type& ScalarType<MacAddress>();
template <>
const Type& ScalarType<Ports>();
template <>
const Type& ScalarType<Pairs>();
template <>
const Type& ScalarType<HeaderByte>();
template <>
const Type& ScalarType<TextLines>();
/// A string, number or boolean: the value of a variable.
const Type& AnyScalarType();

/// Reads and writes one of `words` as its index.
std::optional<size_t> ReadWord(const Value& from, const EnumWords& words, const ReadContext& context);
Value SchemaOfWords(const EnumWords& words);
std::string NameOfWords(const EnumWords& words);
/// The schema of a string that must match, or hold a variable: "${name}".
Value SchemaOfPattern(const std::string& pattern);
/// `schema`, or a string with a variable.
Value OrVariable(Value schema);
Value ReferTo(const ObjectType& type);
bool ReadList(const Value& from, const ReadContext& context, size_t exactly);

template <class E>
class EnumType final : public Type {
 public:
  void Read(const Value& from, void* to, const ReadContext& context) const override {
    if (auto index = ReadWord(from, WordsOf<E>(), context)) *static_cast<E*>(to) = static_cast<E>(*index);
  }
  std::optional<Value> Write(const void* from, Detail) const override { return WordOf(*static_cast<const E*>(from)); }
  Value Schema(const Constraints&) const override { return SchemaOfWords(WordsOf<E>()); }
  std::string Name() const override { return NameOfWords(WordsOf<E>()); }
};

// ---- what stands around them ----

template <class T>
class ObjectOf final : public Type {
 public:
  void Read(const Value& from, void* to, const ReadContext& context) const override {
    if constexpr (requires(T & t) { t.place = Place{}; }) static_cast<T*>(to)->place = from.place;
    Describe<T>().Read(from, to, context);
  }
  std::optional<Value> Write(const void* from, Detail detail) const override {
    Value value = Describe<T>().Write(from, detail);
    if constexpr (requires(const T& t) { t.place.line; }) value.place = static_cast<const T*>(from)->place;
    return value;
  }
  Value Schema(const Constraints&) const override { return ReferTo(Describe<T>()); }
  std::string Name() const override { return "object"; }
  void FillDefaults(void* object) const override { Describe<T>().FillDefaults(object); }
  const ObjectType* Object() const override { return &Describe<T>(); }
};

/// Forwards to the type of what is inside.
class WrappingType : public Type {
 public:
  explicit WrappingType(const Type& inner) : m_inner(inner) {}
  Value Schema(const Constraints& constraints) const override { return m_inner.Schema(constraints); }
  std::string Name() const override { return m_inner.Name(); }
  const ObjectType* Object() const override { return m_inner.Object(); }

 protected:
  const Type& m_inner;
};

/// L is Located<T> or Text.
template <class L>
class LocatedType final : public WrappingType {
 public:
  LocatedType() : WrappingType(TypeOf<decltype(L::value)>()) {}
  void Read(const Value& from, void* to, const ReadContext& context) const override {
    L& located = *static_cast<L*>(to);
    located.place = from.place;
    m_inner.Read(from, &located.value, context);
  }
  std::optional<Value> Write(const void* from, Detail detail) const override {
    const L& located = *static_cast<const L*>(from);
    std::optional<Value> value = m_inner.Write(&located.value, detail);
    if (!value) return value;
    value->place = located.place;
    if (!m_inner.Object()) {  // a list or object without places of its own stands where it begins
      for (Value& item : value->items) item.place = located.place;
      for (Member& member : value->members) member.value.place = located.place;
    }
    return value;
  }
  void FillDefaults(void* object) const override { m_inner.FillDefaults(&static_cast<L*>(object)->value); }
};

template <class T>
class OptionalType final : public WrappingType {
 public:
  OptionalType() : WrappingType(TypeOf<T>()) {}
  void Read(const Value& from, void* to, const ReadContext& context) const override {
    m_inner.Read(from, &static_cast<std::optional<T>*>(to)->emplace(), context);
  }
  std::optional<Value> Write(const void* from, Detail detail) const override {
    const auto& optional = *static_cast<const std::optional<T>*>(from);
    return optional ? m_inner.Write(&*optional, detail) : std::nullopt;
  }
  void FillDefaults(void* object) const override {
    if (auto& optional = *static_cast<std::optional<T>*>(object)) m_inner.FillDefaults(&*optional);
  }
  bool IsOptional() const override { return true; }
};

template <class T>
class ListType final : public WrappingType {
 public:
  ListType() : WrappingType(TypeOf<T>()) {}
  void Read(const Value& from, void* to, const ReadContext& context) const override {
    if (!ReadList(from, context, 0)) return;
    auto& list = *static_cast<std::vector<T>*>(to);
    list.clear();
    list.reserve(from.items.size());
    for (const Value& item : from.items) m_inner.Read(item, &list.emplace_back(), context);
  }
  std::optional<Value> Write(const void* from, Detail detail) const override {
    Value list = Value::Array();
    for (const T& item : *static_cast<const std::vector<T>*>(from)) list.items.push_back(*m_inner.Write(&item, detail));
    if (!list.items.empty()) list.place = list.items.front().place;
    return list;
  }
  Value Schema(const Constraints& constraints) const override {
    return Value::Object().Set("type", "array").Set("items", m_inner.Schema(constraints));
  }
  std::string Name() const override { return "list of " + m_inner.Name() + "s"; }
  void FillDefaults(void* object) const override {
    for (T& item : *static_cast<std::vector<T>*>(object)) m_inner.FillDefaults(&item);
  }
};

template <class T>
class TwoType final : public WrappingType {
 public:
  TwoType() : WrappingType(TypeOf<T>()) {}
  void Read(const Value& from, void* to, const ReadContext& context) const override {
    if (!ReadList(from, context, 2)) return;
    for (size_t i = 0; i < 2; ++i) m_inner.Read(from.items[i], &(*static_cast<std::array<T, 2>*>(to))[i], context);
  }
  std::optional<Value> Write(const void* from, Detail detail) const override {
    Value list = Value::Array();
    for (const T& item : *static_cast<const std::array<T, 2>*>(from))
      list.items.push_back(*m_inner.Write(&item, detail));
    list.place = list.items.front().place;
    return list;
  }
  Value Schema(const Constraints& constraints) const override {
    return Value::Object()
        .Set("type", "array")
        .Set("items", m_inner.Schema(constraints))
        .Set("minItems", Value::Unsigned(2))
        .Set("maxItems", Value::Unsigned(2));
  }
  std::string Name() const override { return "list of two " + m_inner.Name() + "s"; }
};

/// Keys that the author chooses. `values` reads what stands under them.
class StringMapType final : public Type {
 public:
  explicit StringMapType(const Type& values) : m_values(values) {}
  void Read(const Value& from, void* to, const ReadContext& context) const override;
  std::optional<Value> Write(const void* from, Detail detail) const override;
  Value Schema(const Constraints& constraints) const override;
  std::string Name() const override { return "object of " + m_values.Name() + "s"; }

 private:
  const Type& m_values;
};

template <class T>
struct TypeChoice {
  static const Type& Get() {
    if constexpr (std::is_enum_v<T>) {
      static const EnumType<T> type;
      return type;
    } else if constexpr (requires { ScalarType<T>(); }) {
      return ScalarType<T>();
    } else {
      static const ObjectOf<T> type;
      return type;
    }
  }
};
template <class T>
struct TypeChoice<Located<T>> {
  static const Type& Get() {
    static const LocatedType<Located<T>> type;
    return type;
  }
};
template <>
struct TypeChoice<Text> {
  static const Type& Get() {
    static const LocatedType<Text> type;
    return type;
  }
};
template <class T>
struct TypeChoice<std::optional<T>> {
  static const Type& Get() {
    static const OptionalType<T> type;
    return type;
  }
};
template <class T>
struct TypeChoice<std::vector<T>> {
  static const Type& Get() {
    static const ListType<T> type;
    return type;
  }
};
template <class T>
struct TypeChoice<std::array<T, 2>> {
  static const Type& Get() {
    static const TwoType<T> type;
    return type;
  }
};
template <>
struct TypeChoice<std::map<std::string, Text>> {
  static const Type& Get() {
    static const StringMapType type(TypeOf<Text>());
    return type;
  }
};

template <class T>
const Type& TypeOf() {
  return TypeChoice<T>::Get();
}

}  // namespace overlaysim::scenario
