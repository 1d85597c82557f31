#include "sim/scenario/json_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>

namespace overlaysim::scenario {
namespace {

/// Follows the text along with the parser's events, because nlohmann/json 3.11 keeps no positions: each event is one
/// token, and between two tokens there are only white space, comments, commas and colons.
class Cursor {
 public:
  Cursor(std::string_view text, uint16_t source) : m_text(text), m_source(source) {
    if (text.starts_with("\xef\xbb\xbf")) m_next = m_lineStart = 3;
  }

  /// The place of the next token, which is passed.
  Place Take() {
    SkipGap();
    const size_t start = m_next;
    const Place place = At(start);
    if (start >= m_text.size()) return place;
    if (m_text[start] == '"') {
      for (++m_next; m_next < m_text.size() && m_text[m_next] != '"'; ++m_next) {
        if (m_text[m_next] == '\\') ++m_next;
      }
      ++m_next;
    } else if (std::string_view("{}[]").find(m_text[start]) != std::string_view::npos) {
      ++m_next;
    } else {
      m_next = std::min(m_text.find_first_of(" \t\r\n,:]}/", start), m_text.size());
    }
    Place taken = place;
    taken.length = static_cast<uint16_t>(std::min<size_t>(m_next - start, UINT16_MAX));
    return taken;
  }

  /// The place of a byte that has not been passed yet.
  Place At(size_t offset) {
    offset = std::min(offset, m_text.size());
    for (size_t end; (end = m_text.find('\n', m_lineStart)) < offset;) {
      m_lineStart = end + 1;
      ++m_line;
    }
    return {m_line, static_cast<uint32_t>(offset - m_lineStart + 1), 0, m_source};
  }

 private:
  void SkipGap() {
    while (m_next < m_text.size()) {
      const char c = m_text[m_next];
      if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',' || c == ':') {
        ++m_next;
      } else if (m_text.substr(m_next, 2) == "//") {
        m_next = std::min(m_text.find_first_of("\r\n", m_next), m_text.size());
      } else if (m_text.substr(m_next, 2) == "/*") {
        const size_t end = m_text.find("*/", m_next + 2);
        m_next = end == std::string_view::npos ? m_text.size() : end + 2;
      } else {
        return;
      }
    }
  }

  std::string_view m_text;
  uint16_t m_source;
  size_t m_next = 0;
  size_t m_lineStart = 0;
  uint32_t m_line = 1;
};

/// Builds the tree from the parser's events. Its functions have the names and the order that nlohmann's SAX interface
/// asks for.
class TreeBuilder {
 public:
  using number_integer_t = nlohmann::json::number_integer_t;
  using number_unsigned_t = nlohmann::json::number_unsigned_t;
  using number_float_t = nlohmann::json::number_float_t;
  using string_t = nlohmann::json::string_t;
  using binary_t = nlohmann::json::binary_t;

  TreeBuilder(std::string_view text, uint16_t source, const ReportError& report)
      : m_cursor(text, source), m_report(report) {}

  bool null() { return Add(Value()); }
  bool boolean(bool value) { return Add(Value::Bool(value)); }
  bool number_integer(number_integer_t value) { return Add(Value::Signed(value)); }
  bool number_unsigned(number_unsigned_t value) { return Add(Value::Unsigned(value)); }
  bool number_float(number_float_t, const string_t& written) {
    Value value{written};
    value.kind = Value::Kind::Float;
    return Add(std::move(value));
  }
  bool string(string_t& text) { return Add(Value(text)); }
  bool binary(binary_t&) { return false; }  // does not occur in text
  bool start_object(size_t) { return Open(Value::Object()); }
  bool start_array(size_t) { return Open(Value::Array()); }
  bool end_object() { return Close(); }
  bool end_array() { return Close(); }
  bool key(string_t& text) {
    Level& level = m_levels.back();
    const Place place = m_cursor.Take();
    auto [first, isNew] = level.keys.try_emplace(text, place.line);
    if (!isNew) {
      Fail(place, fmt::format("duplicate key {}; the first is in line {}", QuoteJson(text), first->second));
    }
    level.value.members.push_back({text, place, {}});
    return true;
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception& error) {
    std::string_view message = error.what();
    if (size_t at = message.find("syntax error"); at != std::string_view::npos) {
      message.remove_prefix(at);
    } else if (at = message.find("] "); at != std::string_view::npos) {
      message.remove_prefix(at + 2);
    }
    // The parser counts the byte that it stumbled over.
    Fail(m_cursor.At(position > 0 ? position - 1 : 0), std::string(message));
    return false;
  }

  std::optional<Value> Result() {
    if (m_failed) return std::nullopt;
    return std::move(m_root);
  }

 private:
  struct Level {
    Value value;
    std::unordered_map<std::string, uint32_t> keys;  ///< where each stands first
  };

  void Fail(Place place, std::string message) {
    m_failed = true;
    m_report(place, std::move(message));
  }

  bool Add(Value value) {
    value.place = m_cursor.Take();
    return Attach(std::move(value));
  }

  bool Attach(Value value) {
    if (++m_count > kMaxValues) {
      Fail(value.place, fmt::format("more than {} values are too many for a scenario", kMaxValues));
      return false;
    }
    if (m_levels.empty()) {
      m_root = std::move(value);
    } else if (Value& parent = m_levels.back().value; parent.Is(Value::Kind::Array)) {
      parent.items.push_back(std::move(value));
    } else {
      parent.members.back().value = std::move(value);
    }
    return true;
  }

  bool Open(Value value) {
    value.place = m_cursor.Take();
    if (m_levels.size() >= kMaxDepth) {
      Fail(value.place, fmt::format("nested more than {} deep", kMaxDepth));
      return false;
    }
    m_levels.push_back({std::move(value), {}});
    return true;
  }

  bool Close() {
    m_cursor.Take();
    Value value = std::move(m_levels.back().value);
    m_levels.pop_back();
    return Attach(std::move(value));
  }

  Cursor m_cursor;
  const ReportError& m_report;
  std::vector<Level> m_levels;
  Value m_root;
  size_t m_count = 0;
  bool m_failed = false;
};

}  // namespace

std::optional<Value> ReadJson(std::string_view text, uint16_t source, const ReportError& report) {
  TreeBuilder builder(text, source, report);
  nlohmann::json::sax_parse(text.begin(), text.end(), &builder, nlohmann::json::input_format_t::json, true, true);
  return builder.Result();
}

}  // namespace overlaysim::scenario
