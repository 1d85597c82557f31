#include <fmt/format.h>

#include <algorithm>

#include "sim/scenario/type.h"

namespace overlaysim::scenario {
namespace {

constexpr std::string_view kDigits = "0123456789";
const std::string kVariablePattern = R"(\$\{)";
const std::string kOctet = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
const std::string kIpv4Pattern = kOctet + R"((\.)" + kOctet + "){3}";
const std::string kLengthPattern = "/(3[0-2]|[12]?[0-9])";
const std::string kIpv6Pattern = "[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*";
const std::string kIpv6LengthPattern = "/(12[0-8]|1[01][0-9]|[1-9]?[0-9])";
const std::string kNumberPattern = R"([0-9]+(\.[0-9]+)?)";

bool IsAllDigits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789.") == std::string_view::npos;
}

/// `words` names what is wanted: "a time such as \"10ms\"".
void SayWanted(const Value& from, std::string_view words, const ReadContext& context) {
  context.Error(from,
                fmt::format("\"{}\" wants {}, not {}", context.key, words,
                            from.Is(Value::Kind::Array) || from.Is(Value::Kind::Object) ? std::string(from.KindName())
                                                                                        : from.Quoted()));
}

class BoolType final : public Type {
 public:
  void Read(const Value& from, void* to, const ReadContext& context) const override {
    if (!from.Is(Value::Kind::Bool)) return SayWanted(from, "true or false", context);
    *static_cast<bool*>(to) = from.boolean;
  }
  std::optional<Value> Write(const void* from, Detail) const override {
    return Value::Bool(*static_cast<const bool*>(from));
  }
  Value Schema(const Constraints&) const override { return OrVariable(Value::Object().Set("type", "boolean")); }
  std::string Name() const override { return "boolean"; }
};

template <class T>
class IntegerType final : public Type {
 public:
  void Read(const Value& from, void* to, const ReadContext& context) const override {
    const auto [min, max] = Limits(*context.constraints);
    if (!from.Is(Value::Kind::Integer)) return SayWanted(from, Words(min, max), context);
    // boolean: it is negative
    const bool fits = from.boolean
                          ? min < 0 && from.magnitude <= uint64_t{0} - static_cast<uint64_t>(min)
                          : from.magnitude <= max && (min <= 0 || from.magnitude >= static_cast<uint64_t>(min));
    if (!fits) {
      context.Error(from,
                    fmt::format("\"{}\": {} is out of range; it wants {}", context.key, from.text, Words(min, max)));
      return;
    }
    *static_cast<T*>(to) = static_cast<T>(from.boolean ? uint64_t{0} - from.magnitude : from.magnitude);
  }
  std::optional<Value> Write(const void* from, Detail) const override {
    if constexpr (std::is_signed_v<T>) return Value::Signed(*static_cast<const T*>(from));
    return Value::Unsigned(static_cast<uint64_t>(*static_cast<const T*>(from)));
  }
  Value Schema(const Constraints& constraints) const override {
    const auto [min, max] = Limits(constraints);
    Value schema = Value::Object().Set("type", "integer").Set("minimum", Value::Signed(min));
    return OrVariable(schema.Set("maximum", Value::Unsigned(max)));
  }
  std::string Name() const override { return "whole number"; }

 private:
  static std::pair<int64_t, uint64_t> Limits(const Constraints& c) {
    return {std::max(c.min, static_cast<int64_t>(std::numeric_limits<T>::min())),
            std::min(c.max, static_cast<uint64_t>(std::numeric_limits<T>::max()))};
  }
  static std::string Words(int64_t min, uint64_t max) {
    if (max == static_cast<uint64_t>(std::numeric_limits<T>::max()) && max > UINT32_MAX) {
      return fmt::format("a whole number from {} on", min);
    }
    return fmt::format("a whole number from {} to {}", min, max);
  }
};

class StringType final : public Type {
 public:
  void Read(const Value& from, void* to, const ReadContext& context) const override {
    const Format* format = context.constraints->format;
    if (context.constraints->numbersToo && from.Is(Value::Kind::Integer)) {
      *static_cast<std::string*>(to) = from.text;
      return;
    }
    if (!from.Is(Value::Kind::String)) return SayWanted(from, format ? format->words : "a string", context);
    if (format && !format->accepts(from.text)) {
      context.Error(from, fmt::format("\"{}\": {} is not {}", context.key, from.Quoted(), format->words));
      return;
    }
    *static_cast<std::string*>(to) = from.text;
  }
  std::optional<Value> Write(const void* from, Detail) const override {
    std::string text = *static_cast<const std::string*>(from);
    for (size_t at = 0; (at = text.find("${", at)) != std::string::npos; at += 3) text.insert(at, "$");
    return Value(text);
  }
  Value Schema(const Constraints& constraints) const override {
    Value schema =
        constraints.format ? SchemaOfPattern(constraints.format->pattern) : Value::Object().Set("type", "string");
    return constraints.numbersToo ? schema.Set("type", Value::Array({"string", "integer"})) : schema;
  }
  std::string Name() const override { return "string"; }
};

/// How a type that parses itself from a string is described.
struct Quantity {
  std::string noun;     ///< "a time"
  std::string unit;     ///< one for which an example can be made of a bare number; "" if it has no units
  std::string example;  ///< without a number to make one of
  std::string pattern;
};

/// T has Parse and ToString.
template <class T>
class QuantityType final : public Type {
 public:
  explicit QuantityType(Quantity quantity) : m_quantity(std::move(quantity)) {}
  void Read(const Value& from, void* to, const ReadContext& context) const override {
    const bool number = from.Is(Value::Kind::Integer) || from.Is(Value::Kind::Float);
    const bool string = from.Is(Value::Kind::String);
    if (!number && !string) {
      return SayWanted(from, fmt::format("{} such as \"{}\"", m_quantity.noun, m_quantity.example), context);
    }
    if (string) {
      if (auto parsed = T::Parse(from.text)) {
        *static_cast<T*>(to) = *parsed;
        return;
      }
    }
    if (!m_quantity.unit.empty() && (number || IsAllDigits(from.text))) {
      const std::string withUnit = from.text + m_quantity.unit;
      context.Error(from, fmt::format("\"{}\": {} has no unit; say for example \"{}\"", context.key, from.Quoted(),
                                      T::Parse(withUnit) ? withUnit : m_quantity.example));
      return;
    }
    context.Error(from, fmt::format("\"{}\": {} is not {}; say for example \"{}\"", context.key, from.Quoted(),
                                    m_quantity.noun, m_quantity.example));
  }
  std::optional<Value> Write(const void* from, Detail) const override {
    return Value(static_cast<const T*>(from)->ToString());
  }
  Value Schema(const Constraints&) const override { return SchemaOfPattern(m_quantity.pattern); }
  std::string Name() const override { return m_quantity.noun.substr(m_quantity.noun.find(' ') + 1); }

 private:
  Quantity m_quantity;
};

/// What there is to say about the prefixes of a family.
struct PrefixWords {
  std::string_view address, prefix, length;
  std::string pattern, lengthPattern;
};

template <typename P>
class PrefixType final : public Type {
 public:
  explicit PrefixType(PrefixWords words) : m_words(std::move(words)) {}
  void Read(const Value& from, void* to, const ReadContext& context) const override {
    const bool interface = context.constraints->interfaceAddress;
    const std::string_view words = interface ? m_words.address : m_words.prefix;
    if (!from.Is(Value::Kind::String)) return SayWanted(from, words, context);
    const auto prefix = P::Parse(from.text);
    if (!prefix) {
      context.Error(from, fmt::format("\"{}\": {} is not {}", context.key, from.Quoted(), words));
    } else if (!interface && from.text.find('/') == std::string::npos) {
      context.Error(from, fmt::format("\"{}\": {} has no prefix length; say for example \"{}{}\"", context.key,
                                      from.Quoted(), from.text, m_words.length));
    } else if (!interface && *prefix != prefix->Canonical()) {
      context.Error(from, fmt::format("\"{}\": {} has bits set beyond its length; did you mean \"{}\"?", context.key,
                                      from.Quoted(), prefix->Canonical().ToString()));
    } else {
      *static_cast<P*>(to) = *prefix;
    }
  }
  std::optional<Value> Write(const void* from, Detail) const override {
    return Value(static_cast<const P*>(from)->ToString());
  }
  Value Schema(const Constraints& constraints) const override {
    return SchemaOfPattern(m_words.pattern +
                           (constraints.interfaceAddress ? "(" + m_words.lengthPattern + ")?" : m_words.lengthPattern));
  }
  std::string Name() const override { return "prefix"; }

 private:
  PrefixWords m_words;
};

std::optional<Ports::Range> ParsePortRange(std::string_view text) {
  if (text == "any") return Ports::Range{0, UINT16_MAX};
  const auto port = [](std::string_view digits) -> std::optional<uint16_t> {
    if (digits.empty() || digits.size() > 5 || digits.find_first_not_of(kDigits) != std::string_view::npos) return {};
    unsigned value = 0;
    for (char c : digits) value = value * 10 + static_cast<unsigned>(c - '0');
    return value <= UINT16_MAX ? std::optional(static_cast<uint16_t>(value)) : std::nullopt;
  };
  const size_t dash = text.find('-');
  const auto first = port(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : port(text.substr(dash + 1));
  if (!first || !last || *first > *last) return std::nullopt;
  return Ports::Range{*first, *last};
}

class PortsType final : public Type {
 public:
  void Read(const Value& from, void* to, const ReadContext& context) const override {
    Ports& ports = *static_cast<Ports*>(to);
    ports.ranges.clear();
    if (!from.Is(Value::Kind::Array)) return ReadOne(from, ports, context);
    for (const Value& item : from.items) ReadOne(item, ports, context);
  }
  std::optional<Value> Write(const void* from, Detail) const override {
    const Ports& ports = *static_cast<const Ports*>(from);
    if (ports.ranges.size() == 1) return WriteOne(ports.ranges.front());
    Value list = Value::Array();
    for (const Ports::Range& range : ports.ranges) list.items.push_back(WriteOne(range));
    return list;
  }
  Value Schema(const Constraints&) const override {
    Value number = Value::Object().Set("type", "integer").Set("minimum", Value::Unsigned(0));
    number.Set("maximum", Value::Unsigned(UINT16_MAX));
    const Value text = SchemaOfPattern("any|[0-9]{1,5}(-[0-9]{1,5})?");
    Value list = Value::Object().Set("type", "array");
    list.Set("items", Value::Object().Set("anyOf", Value::Array({number, text})));
    return Value::Object().Set("anyOf", Value::Array({number, text, list}));
  }
  std::string Name() const override { return "port, range or list of them"; }

 private:
  static void ReadOne(const Value& from, Ports& ports, const ReadContext& context) {
    if (from.Is(Value::Kind::Integer) || from.Is(Value::Kind::String)) {
      if (auto range = ParsePortRange(from.text)) return ports.ranges.push_back(*range);
    }
    SayWanted(from, "a port (8472), a range (\"30000-32767\"), \"any\" or a list of them", context);
  }
  static Value WriteOne(Ports::Range range) {
    if (range == Ports::Range{0, UINT16_MAX}) return Value("any");
    if (range.first == range.last) return Value::Unsigned(range.first);
    return Value(fmt::format("{}-{}", range.first, range.last));
  }
};

class PairsType final : public Type {
 public:
  void Read(const Value& from, void* to, const ReadContext& context) const override {
    Pairs& pairs = *static_cast<Pairs*>(to);
    pairs = {};
    if (from.Is(Value::Kind::String)) {
      if (auto index = ReadWord(from, WordsOf<PairKind>(), context)) pairs.kind = static_cast<PairKind>(*index);
      return;
    }
    const Value* count = from.Find("random");
    const Value* by = from.Find("by");
    if (!count || from.members.size() != (by ? 2 : 1) || (by && (!by->Is(Value::Kind::String) || by->text.empty())))
      return SayWanted(from, R"("all", "random", "in-order", {"random": 1000} or {"random": 1000, "by": "racks.csv"})",
                       context);
    if (by) pairs.by = by->text;
    Constraints constraints;
    constraints.min = 1;
    constraints.max = kMaxPairs;
    pairs.kind = PairKind::Random;
    ScalarType<uint64_t>().Read(*count, &pairs.count.emplace(), {context.error, "random", &constraints});
  }
  std::optional<Value> Write(const void* from, Detail) const override {
    const Pairs& pairs = *static_cast<const Pairs*>(from);
    if (!pairs.count) return Value(WordOf(pairs.kind));
    Value value = Value::Object().Set("random", Value::Unsigned(*pairs.count));
    if (!pairs.by.empty()) value.Set("by", Value(pairs.by));
    return value;
  }
  Value Schema(const Constraints&) const override {
    Constraints constraints;
    constraints.min = 1;
    constraints.max = kMaxPairs;
    Value keys = Value::Object().Set("random", ScalarType<uint64_t>().Schema(constraints));
    keys.Set("by", ScalarType<std::string>().Schema({}));
    Value object = Value::Object().Set("type", "object").Set("properties", keys);
    object.Set("required", Value::Array({"random"})).Set("additionalProperties", Value::Bool(false));
    return Value::Object().Set("anyOf", Value::Array({SchemaOfWords(WordsOf<PairKind>()), object}));
  }
  std::string Name() const override {
    return "`\"all\"`, `\"random\"`, `\"in-order\"`, `{\"random\": n}` or `{\"random\": n, \"by\": file}`";
  }

 private:
  static constexpr uint64_t kMaxPairs = 1'000'000'000;
};

class HeaderByteType final : public Type {
 public:
  void Read(const Value& from, void* to, const ReadContext& context) const override {
    HeaderByte& byte = *static_cast<HeaderByte*>(to);
    byte = {};
    byte.inherit = from.Is(Value::Kind::String) && from.text == "inherit";
    if (byte.inherit) return;
    if (!from.Is(Value::Kind::Integer)) return SayWanted(from, "a whole number from 0 to 255 or \"inherit\"", context);
    ScalarType<uint8_t>().Read(from, &byte.value, context);
  }
  std::optional<Value> Write(const void* from, Detail) const override {
    const HeaderByte& byte = *static_cast<const HeaderByte*>(from);
    return byte.inherit ? Value("inherit") : Value::Unsigned(byte.value);
  }
  Value Schema(const Constraints& constraints) const override {
    Value schema = ScalarType<uint8_t>().Schema(constraints);
    schema.Find("anyOf")->items.push_back(Value::Object().Set("const", "inherit"));
    return schema;
  }
  std::string Name() const override { return "whole number or `\"inherit\"`"; }
};

class TextLinesType final : public Type {
 public:
  void Read(const Value& from, void* to, const ReadContext& context) const override {
    TextLines& text = *static_cast<TextLines*>(to);
    text = {.isList = from.Is(Value::Kind::Array)};
    if (!text.isList && !from.Is(Value::Kind::String))
      return SayWanted(from, "a text, its lines in a list, or the name of a file", context);
    if (text.isList)
      for (const Value& item : from.items) TypeOf<Text>().Read(item, &text.lines.emplace_back(), context);
    else
      TypeOf<Text>().Read(from, &text.lines.emplace_back(), context);
  }
  std::optional<Value> Write(const void* from, Detail) const override {
    const TextLines& text = *static_cast<const TextLines*>(from);
    if (text.IsEmpty()) return std::nullopt;
    if (!text.isList) return TypeOf<Text>().Write(text.lines.data(), Detail::Full);
    return TypeOf<std::vector<Text>>().Write(&text.lines, Detail::Full);
  }
  Value Schema(const Constraints& constraints) const override {
    return Value::Object().Set(
        "anyOf", Value::Array({TypeOf<Text>().Schema(constraints), TypeOf<std::vector<Text>>().Schema(constraints)}));
  }
  std::string Name() const override { return "string or list of strings"; }
};

class AnyScalar final : public Type {
 public:
  void Read(const Value& from, void*, const ReadContext& context) const override {
    if (from.Is(Value::Kind::Null) || from.Is(Value::Kind::Array) || from.Is(Value::Kind::Object)) {
      SayWanted(from, "a string, a number, true or false", context);
    }
  }
  std::optional<Value> Write(const void*, Detail) const override { return std::nullopt; }
  Value Schema(const Constraints&) const override {
    return Value::Object().Set("type", Value::Array({"string", "number", "boolean"}));
  }
  std::string Name() const override { return "string, number or boolean"; }
};

}  // namespace

std::optional<Percent> Percent::Parse(std::string_view text) {
  if (!text.ends_with('%')) return std::nullopt;
  text.remove_suffix(1);
  const size_t dot = text.find('.');
  const std::string_view whole = text.substr(0, dot);
  const std::string_view fraction = dot == std::string_view::npos ? "0" : text.substr(dot + 1);
  const auto digits = [](std::string_view s, size_t most) {
    return !s.empty() && s.size() <= most && s.find_first_not_of(kDigits) == std::string_view::npos;
  };
  if (!digits(whole, 6) || !digits(fraction, 4)) return std::nullopt;
  Percent percent;
  for (char c : whole) percent.millionths = percent.millionths * 10 + (c - '0') * 10000;
  int64_t scale = 1000;
  for (char c : fraction) percent.millionths += (c - '0') * scale, scale /= 10;
  return percent;
}
std::string Percent::ToString() const {
  std::string fraction = fmt::format(".{:04}", millionths % 10000);
  while (fraction.back() == '0') fraction.pop_back();
  return fmt::format("{}{}%", millionths / 10000, fraction == "." ? "" : fraction);
}

std::optional<Rate> Rate::Parse(std::string_view text) {
  Rate rate{BitsPerSecond::Parse(text), {}};
  if (!rate.bits) rate.events = PerSecond::Parse(text);
  return rate.bits || rate.events ? std::optional(rate) : std::nullopt;
}
std::string Rate::ToString() const { return bits ? bits->ToString() : events.value_or(PerSecond{}).ToString(); }

bool Ports::Contains(uint16_t port) const {
  return std::any_of(ranges.begin(), ranges.end(), [&](Range r) { return r.first <= port && port <= r.last; });
}

std::optional<size_t> ReadWord(const Value& from, const EnumWords& words, const ReadContext& context) {
  const std::string known = JoinNames(words.words);
  if (!from.Is(Value::Kind::String)) {
    SayWanted(from, fmt::format("a {} ({})", words.noun, known), context);
    return std::nullopt;
  }
  auto it = std::find(words.words.begin(), words.words.end(), from.text);
  if (it != words.words.end()) return static_cast<size_t>(it - words.words.begin());
  const std::string near = DidYouMean(from.text, words.words);
  context.Error(from, fmt::format("unknown {} {}{} (known: {})", words.noun, from.Quoted(),
                                  near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near), known));
  return std::nullopt;
}

bool ReadList(const Value& from, const ReadContext& context, size_t exactly) {
  if (from.Is(Value::Kind::Array) && (exactly == 0 || from.items.size() == exactly)) return true;
  const std::string words = exactly == 0 ? "a list" : fmt::format("a list of {}", exactly);
  if (!from.Is(Value::Kind::Array)) {
    SayWanted(from, words, context);
  } else {
    context.Error(from, fmt::format("\"{}\" wants {}, not of {}", context.key, words, from.items.size()));
  }
  return false;
}

Value OrVariable(Value schema) {
  Value variable = Value::Object().Set("type", "string").Set("pattern", kVariablePattern);
  return Value::Object().Set("anyOf", Value::Array({std::move(schema), std::move(variable)}));
}
Value SchemaOfPattern(const std::string& pattern) {
  return Value::Object().Set("type", "string").Set("pattern", "^(" + pattern + ")$|" + kVariablePattern);
}
Value SchemaOfWords(const EnumWords& words) {
  Value list = Value::Array();
  for (const std::string& word : words.words) list.items.emplace_back(word);
  return OrVariable(Value::Object().Set("enum", list));
}

std::string NameOfWords(const EnumWords& words) {
  std::string name;
  for (const std::string& word : words.words) name += fmt::format("{}`\"{}\"`", name.empty() ? "" : ", ", word);
  return name;
}

template <>
const Type& ScalarType<bool>() {
  static const BoolType type;
  return type;
}
template <>
const Type& ScalarType<uint8_t>() {
  static const IntegerType<uint8_t> type;
  return type;
}
template <>
const Type& ScalarType<uint16_t>() {
  static const IntegerType<uint16_t> type;
  return type;
}
template <>
const Type& ScalarType<uint32_t>() {
  static const IntegerType<uint32_t> type;
  return type;
}
template <>
const Type& ScalarType<uint64_t>() {
  static const IntegerType<uint64_t> type;
  return type;
}
template <>
const Type& ScalarType<int64_t>() {
  static const IntegerType<int64_t> type;
  return type;
}
template <>
const Type& ScalarType<std::string>() {
  static const StringType type;
  return type;
}
template <>
const Type& ScalarType<Nanoseconds>() {
  static const QuantityType<Nanoseconds> type({"a time", "ms", "10ms", kNumberPattern + " ?(ns|us|ms|s|m|h)"});
  return type;
}
template <>
const Type& ScalarType<BitsPerSecond>() {
  static const QuantityType<BitsPerSecond> type(
      {"a rate", "Gbps", "10Gbps", kNumberPattern + " ?([TGMkK]?bps|[GMk]?bit/s|[GM]b/s|[GMk]bit|[GM]Bps)"});
  return type;
}
template <>
const Type& ScalarType<Bytes>() {
  static const QuantityType<Bytes> type({"a size", "B", "1400B", kNumberPattern + " ?([KMGT]iB|[kMGT]?B)"});
  return type;
}
template <>
const Type& ScalarType<PerSecond>() {
  static const QuantityType<PerSecond> type({"a rate", "/s", "200/s", kNumberPattern + "/(s|ms|min)"});
  return type;
}
template <>
const Type& ScalarType<Rate>() {
  static const QuantityType<Rate> type(
      {"a rate", "Mbps", "10Mbps\" or \"200/s",
       kNumberPattern + "( ?([TGMkK]?bps|[GMk]?bit/s|[GM]b/s|[GMk]bit|[GM]Bps)|/(s|ms|min))"});
  return type;
}
template <>
const Type& ScalarType<Percent>() {
  static const QuantityType<Percent> type({"a percentage", "%", "40%", R"([0-9]{1,6}(\.[0-9]{1,4})?%)"});
  return type;
}
template <>
const Type& ScalarType<Ipv4Address>() {
  static const QuantityType<Ipv4Address> type({"an address", "", "10.244.1.2", kIpv4Pattern});
  return type;
}
template <>
const Type& ScalarType<IpAddress>() {
  static const QuantityType<IpAddress> type(
      {"an address", "", "10.244.1.2\" or \"fd00:10:244:1::2", kIpv4Pattern + "|" + kIpv6Pattern});
  return type;
}
template <>
const Type& ScalarType<MacAddress>() {
  static const QuantityType<MacAddress> type(
      {"a MAC address", "", "02:00:00:00:04:01", "[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}"});
  return type;
}
template <>
const Type& ScalarType<Ipv4Prefix>() {
  static const PrefixType<Ipv4Prefix> type({"an IPv4 address such as \"172.16.1.11\" or \"172.16.1.11/24\"",
                                            "an IPv4 prefix such as \"10.244.0.0/16\"", "/16", kIpv4Pattern,
                                            kLengthPattern});
  return type;
}
template <>
const Type& ScalarType<Ipv6Prefix>() {
  static const PrefixType<Ipv6Prefix> type({"an IPv6 address such as \"fd00::1\" or \"fd00::1/64\"",
                                            "an IPv6 prefix such as \"fd00:10:244::/56\"", "/56", kIpv6Pattern,
                                            kIpv6LengthPattern});
  return type;
}
template <>
const Type& ScalarType<TextLines>() {
  static const TextLinesType type;
  return type;
}
template <>
const Type& ScalarType<Ports>() {
  static const PortsType type;
  return type;
}
template <>
const Type& ScalarType<Pairs>() {
  static const PairsType type;
  return type;
}
template <>
const Type& ScalarType<HeaderByte>() {
  static const HeaderByteType type;
  return type;
}
const Type& AnyScalarType() {
  static const AnyScalar type;
  return type;
}

}  // namespace overlaysim::scenario
