#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "sim/import/parsers.h"
#include "sim/import/text_stream.h"

namespace overlaysim::import {

namespace {

/// Hands out a stream's bytes block by block and knows where in the file it is. nlohmann's parser tells no places, so
/// this also notes where the token that is being read began.
class JsonSource {
 public:
  explicit JsonSource(std::istream& in) : m_in(in) {}

  bool AtEnd() { return m_next == m_end && !Fill(); }
  char Current() const { return *m_next; }

  void Advance() {
    const char c = *m_next++;
    ++m_column;
    switch (kClass[static_cast<unsigned char>(c)]) {
      case Other:
        m_isEscaped = false;
        if (!m_inString && !m_inToken) BeginToken();
        break;
      case Quote:
        if (!m_inString) {
          BeginToken();
          m_inString = true;
        } else if (!m_isEscaped) {
          m_inString = m_inToken = false;
        }
        m_isEscaped = false;
        break;
      case Backslash:
        m_isEscaped = m_inString && !m_isEscaped;
        break;
      case Punctuation:
        m_isEscaped = false;
        if (!m_inString) {
          m_inToken = false;
          if (c == '{' || c == '[') m_token = Here();
        }
        break;
      case NewLine:
        m_isEscaped = m_inToken = m_inString = false;  // a raw line end inside a string is an error anyway
        ++m_line;
        m_column = 0;
        break;
    }
  }

  /// Where the last string, number, word, '{' or '[' began.
  TextPlace Token() const { return m_token; }
  /// Of the byte that was read last.
  TextPlace Here() const { return {m_line, std::max(m_column, 1u)}; }

  void SkipSpace() {
    while (!AtEnd() && (Current() == ' ' || Current() == '\n' || Current() == '\r' || Current() == '\t')) Advance();
  }

 private:
  enum Class : uint8_t { Other, Quote, Backslash, Punctuation, NewLine };
  static constexpr std::array<Class, 256> kClass = [] {
    std::array<Class, 256> classes{};
    for (unsigned char c : std::string_view(" \t\r,:{}[]")) classes[c] = Punctuation;
    classes['"'] = Quote;
    classes['\\'] = Backslash;
    classes['\n'] = NewLine;
    return classes;
  }();

  void BeginToken() {
    m_inToken = true;
    m_token = Here();
  }
  bool Fill() {
    if (!m_in) return false;
    m_in.read(m_block.data(), static_cast<std::streamsize>(m_block.size()));
    m_next = m_block.data();
    m_end = m_next + m_in.gcount();
    return m_next != m_end;
  }

  std::istream& m_in;
  std::vector<char> m_block = std::vector<char>(1 << 16);
  const char* m_next = nullptr;
  const char* m_end = nullptr;
  unsigned m_line = 1;
  unsigned m_column = 0;
  bool m_inString = false;
  bool m_isEscaped = false;
  bool m_inToken = false;
  TextPlace m_token;
};

/// What nlohmann's parser reads from; the end is the one without a source.
struct JsonCursor {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = char;

  JsonSource* source = nullptr;

  char operator*() const { return source->Current(); }
  JsonCursor& operator++() {
    source->Advance();
    return *this;
  }
  bool operator==(const JsonCursor&) const { return source->AtEnd(); }
};

/// "…syntax error while parsing object - unexpected '}'; expected string literal; last read: 'x'" without its ceremony.
std::string Explain(std::string_view what) {
  const size_t syntax = what.find("syntax error while parsing ");
  if (syntax != std::string_view::npos) {
    const size_t dash = what.find(" - ", syntax);
    what = what.substr(dash == std::string_view::npos ? syntax : dash + 3);
    if (what.starts_with("unexpected end of input"))
      return "the file ends in the middle of an object or array; is it cut off?";
    what = what.substr(0, what.find("; last read: "));
  } else if (const size_t name = what.find("] "); name != std::string_view::npos) {
    what.remove_prefix(name + 2);
  }
  return fmt::format("this is not valid JSON: {}", what);
}

struct JsonSax {
  JsonSource& source;
  ValueEvents& events;
  unsigned depth = 0;
  std::optional<SyntaxError> error;

  bool Scalar(Value::Kind kind, std::string text) {
    Value value;
    value.kind = kind;
    value.place = source.Token();
    value.text = std::move(text);
    events.Scalar(std::move(value));
    return true;
  }
  bool Enter() {
    if (++depth <= kMaxDepth) return true;
    error = {source.Here(), fmt::format("this is nested more than {} levels deep", kMaxDepth)};
    return false;
  }

  // The names below are nlohmann's.
  bool null() { return Scalar(Value::Kind::Null, {}); }
  bool boolean(bool value) { return Scalar(Value::Kind::Bool, value ? "true" : "false"); }
  bool number_integer(int64_t value) { return Scalar(Value::Kind::Number, fmt::to_string(value)); }
  bool number_unsigned(uint64_t value) { return Scalar(Value::Kind::Number, fmt::to_string(value)); }
  bool number_float(double, const std::string& text) { return Scalar(Value::Kind::Number, text); }
  bool string(std::string& text) { return Scalar(Value::Kind::String, std::move(text)); }
  bool binary(nlohmann::json::binary_t&) { return false; }
  bool start_object(size_t) {
    if (!Enter()) return false;
    events.BeginObject(source.Token());
    return true;
  }
  bool key(std::string& text) {
    events.Key(text, source.Token());
    return true;
  }
  bool end_object() {
    --depth;
    events.EndObject();
    return true;
  }
  bool start_array(size_t) {
    if (!Enter()) return false;
    events.BeginArray(source.Token());
    return true;
  }
  bool end_array() {
    --depth;
    events.EndArray();
    return true;
  }
  bool parse_error(size_t, const std::string&, const nlohmann::json::exception& e) {
    error = {source.Here(), Explain(e.what())};
    return false;
  }
};

}  // namespace

std::optional<SyntaxError> ParseJson(std::istream& in, ValueEvents& events) {
  JsonSource source(in);
  JsonSax sax{source, events, 0, {}};
  for (source.SkipSpace(); !source.AtEnd() && !sax.error; source.SkipSpace()) {
    nlohmann::json::sax_parse(JsonCursor{&source}, JsonCursor{}, &sax, nlohmann::json::input_format_t::json,
                              /*strict=*/false);
  }
  return std::move(sax.error);
}

std::optional<SyntaxError> ParseJson(std::string_view text, ValueEvents& events) {
  TextStream stream(text);
  return ParseJson(stream, events);
}

}  // namespace overlaysim::import
