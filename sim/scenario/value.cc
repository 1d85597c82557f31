#include "sim/scenario/value.h"

#include <fmt/format.h>

#include <algorithm>

namespace overlaysim::scenario {
namespace {

constexpr size_t kLineColumns = 110;
constexpr size_t kQuotedBytes = 60;

/// Length of the UTF-8 sequence at the start of `text`; 0 if it is not one.
size_t Utf8Length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const size_t length = byte(0) < 0x80       ? 1
                        : byte(0) >> 5 == 6  ? 2
                        : byte(0) >> 4 == 14 ? 3
                        : byte(0) >> 3 == 30 ? 4
                                             : 0;
  if (length == 0 || length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if (byte(i) >> 6 != 2) return 0;
  }
  return length;
}

/// Appends `value` on one line; stops early once `out` is longer than `limit`, when it does not matter any more.
void AppendLine(const Value& value, std::string& out, size_t limit) {
  if (out.size() > limit) return;
  switch (value.kind) {
    case Value::Kind::Null:
      out += "null";
      return;
    case Value::Kind::Bool:
      out += value.boolean ? "true" : "false";
      return;
    case Value::Kind::Integer:
    case Value::Kind::Float:
      out += value.text;
      return;
    case Value::Kind::String:
      out += QuoteJson(value.text);
      return;
    case Value::Kind::Array: {
      out += '[';
      for (const Value& item : value.items) {
        if (&item != value.items.data()) out += ", ";
        AppendLine(item, out, limit);
      }
      out += ']';
      return;
    }
    case Value::Kind::Object: {
      out += value.members.empty() ? "{" : "{ ";
      for (const Member& member : value.members) {
        if (&member != value.members.data()) out += ", ";
        out += QuoteJson(member.key) + ": ";
        AppendLine(member.value, out, limit);
      }
      out += value.members.empty() ? "}" : " }";
      return;
    }
  }
}

/// `used`: columns that already stand on the line.
void AppendFolded(const Value& value, std::string& out, size_t indent, size_t used) {
  const bool container = value.Is(Value::Kind::Array) || value.Is(Value::Kind::Object);
  std::string line;
  if (indent > 0 || !container) {
    AppendLine(value, line, kLineColumns);
    if (!container) line.clear(), AppendLine(value, line, std::string::npos);
    if (!container || used + line.size() <= kLineColumns) {
      out += line;
      return;
    }
  }
  const std::string inner(indent + 2, ' ');
  const bool array = value.Is(Value::Kind::Array);
  out += array ? "[" : "{";
  bool first = true;
  const auto startLine = [&] {
    out += first ? "\n" : ",\n";
    first = false;
    out += inner;
  };
  for (const Value& item : value.items) {
    startLine();
    AppendFolded(item, out, indent + 2, inner.size());
  }
  for (const Member& member : value.members) {
    startLine();
    const std::string key = QuoteJson(member.key) + ": ";
    out += key;
    AppendFolded(member.value, out, indent + 2, inner.size() + key.size());
  }
  out += "\n" + std::string(indent, ' ') + (array ? "]" : "}");
}

}  // namespace

Value Value::Bool(bool value) {
  Value v;
  v.kind = Kind::Bool;
  v.boolean = value;
  return v;
}
Value Value::Signed(int64_t value) {
  Value v = Unsigned(value < 0 ? uint64_t{0} - static_cast<uint64_t>(value) : static_cast<uint64_t>(value));
  v.boolean = value < 0;
  v.text = fmt::format("{}", value);
  return v;
}
Value Value::Unsigned(uint64_t value) {
  Value v;
  v.kind = Kind::Integer;
  v.magnitude = value;
  v.text = fmt::format("{}", value);
  return v;
}
Value Value::Array(std::vector<Value> items) {
  Value v;
  v.kind = Kind::Array;
  v.items = std::move(items);
  return v;
}
Value Value::Object() {
  Value v;
  v.kind = Kind::Object;
  return v;
}

const Value* Value::Find(std::string_view key) const {
  auto it = std::find_if(members.begin(), members.end(), [&](const Member& m) { return m.key == key; });
  return it == members.end() ? nullptr : &it->value;
}
Value* Value::Find(std::string_view key) { return const_cast<Value*>(std::as_const(*this).Find(key)); }

Value& Value::Set(std::string key, Value value) {
  if (Value* old = Find(key)) {
    *old = std::move(value);
  } else {
    members.push_back({std::move(key), {}, std::move(value)});
  }
  return *this;
}

bool Value::operator==(const Value& o) const {
  return kind == o.kind && boolean == o.boolean && text == o.text && items == o.items &&
         std::equal(members.begin(), members.end(), o.members.begin(), o.members.end(),
                    [](const Member& a, const Member& b) { return a.key == b.key && a.value == b.value; });
}

std::string_view Value::KindName() const {
  constexpr std::string_view kNames[] = {"null",     "a boolean", "a number", "a number",
                                         "a string", "a list",    "an object"};
  return kNames[static_cast<size_t>(kind)];
}

std::string Value::Quoted() const {
  std::string out;
  AppendLine(*this, out, kQuotedBytes);
  if (out.size() <= kQuotedBytes) return out;
  size_t end = kQuotedBytes;
  while (end > 0 && static_cast<unsigned char>(out[end]) >> 6 == 2) --end;  // not inside a UTF-8 sequence
  return out.substr(0, end) + "…";
}

std::string QuoteJson(std::string_view text) {
  std::string out = "\"";
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    const size_t length = Utf8Length(text.substr(i));
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else if (length == 0) {
      out += "\xef\xbf\xbd";
    } else {
      out += text.substr(i, length);
    }
    i += length == 0 ? 1 : length;
  }
  return out + '"';
}

std::string PrintJson(const Value& value) {
  std::string out;
  AppendFolded(value, out, 0, 0);
  return out + "\n";
}

std::string PrintJsonLine(const Value& value) {
  std::string out;
  AppendLine(value, out, std::string::npos);
  return out;
}

}  // namespace overlaysim::scenario
