#include "gui/replay/filter_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace overlaysim::replay {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool IsWord(char c) {
  return static_cast<unsigned char>(c) > ' ' && std::string_view("()!=<>{},~\"&|").find(c) == std::string_view::npos;
}

struct Unit {
  std::string_view name;
  int64_t scale;
};
constexpr Unit kTimeUnits[] = {{"ns", 1},       {"us", 1000},      {"µs", 1000},
                               {"ms", 1000000}, {"s", 1000000000}, {"min", 60000000000}};
constexpr Unit kSizeUnits[] = {{"B", 1}, {"kB", 1000}, {"KiB", 1024}, {"MB", 1000000}, {"MiB", 1048576}};

/// "1.2s" in units of one; false when it is no number with one of the units.
template <size_t N>
bool ParseWithUnit(std::string_view text, const Unit (&units)[N], int64_t& number) {
  const size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string_view amount = text.substr(0, digits), unitName = text.substr(digits);
  const auto unit = std::find_if(std::begin(units), std::end(units), [&](const Unit& u) { return u.name == unitName; });
  if (unit == std::end(units) || amount.empty() || amount.size() > 30) return false;
  __extension__ using Wide = __int128;
  Wide value = 0, scale = unit->scale;
  bool hasPoint = false, hasDigit = false;
  for (const char c : amount) {
    if (c == '.') {
      if (std::exchange(hasPoint, true)) return false;
      continue;
    }
    hasDigit = true;
    if (hasPoint) {
      scale /= 10;
      value += (c - '0') * scale;
    } else {
      value = value * 10 + (c - '0') * Wide{unit->scale};
      if (value > INT64_MAX) return false;
    }
  }
  number = static_cast<int64_t>(value);
  return hasDigit;
}

}  // namespace

Token Lexer::Next() {
  while (m_at < m_text.size() && IsBlank(m_text[m_at])) ++m_at;
  Token token;
  token.begin = m_at;
  if (m_at == m_text.size()) return token;
  const char c = m_text[m_at];
  if (c == '"') return Quoted();
  for (const std::string_view symbol : {"==", "!=", "<=", ">=", "&&", "||", "^^"})
    if (m_text.substr(m_at).starts_with(symbol)) return Take(Token::Kind::Symbol, symbol.size());
  if (std::string_view("()!<>{},~&").find(c) != std::string_view::npos) return Take(Token::Kind::Symbol, 1);
  size_t size = 0;
  while (m_at + size < m_text.size() && IsWord(m_text[m_at + size])) {
    const size_t close = m_text[m_at + size] == '[' ? m_text.find(']', m_at + size) : std::string_view::npos;
    size = close == std::string_view::npos ? size + 1 : close + 1 - m_at;
  }
  return size == 0 ? Take(Token::Kind::Bad, 1) : Take(Token::Kind::Word, size);
}

Token Lexer::Take(Token::Kind kind, size_t size) {
  Token token{kind, std::string(m_text.substr(m_at, size)), m_at, size};
  m_at += size;
  return token;
}

Token Lexer::Quoted() {
  Token token{Token::Kind::Text, "", m_at, 0};
  for (++m_at; m_at < m_text.size(); ++m_at) {
    const char c = m_text[m_at];
    if (c == '"') {
      token.length = ++m_at - token.begin;
      return token;
    }
    if (c == '\\' && m_at + 1 < m_text.size() && (m_text[m_at + 1] == '"' || m_text[m_at + 1] == '\\')) ++m_at;
    token.text += m_text[m_at];
  }
  token.kind = Token::Kind::Bad;
  token.length = m_at - token.begin;
  return token;
}

Pattern::Pattern(const std::string& text) {
  m_error = regcomp(&m_regex, text.c_str(), REG_EXTENDED | REG_ICASE | REG_NOSUB);
}

Pattern::~Pattern() {
  if (m_error == 0) regfree(&m_regex);
}

std::string Pattern::Error() const {
  if (m_error == 0) return {};
  char text[200];
  regerror(m_error, &m_regex, text, sizeof(text));
  return text;
}

bool Pattern::Matches(const std::string& text) const { return regexec(&m_regex, text.c_str(), 0, nullptr, 0) == 0; }

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
  return lower;
}

std::string Upper(std::string_view text) {
  std::string upper(text);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c; });
  return upper;
}

bool ParseInteger(std::string_view text, int64_t& number) {
  const bool isHex = text.starts_with("0x") || text.starts_with("0X");
  if (isHex) text.remove_prefix(2);
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number, isHex ? 16 : 10);
  return error == std::errc() && at == end;
}

bool ParseDuration(std::string_view text, int64_t& number) { return ParseWithUnit(text, kTimeUnits, number); }
bool ParseSize(std::string_view text, int64_t& number) {
  return ParseInteger(text, number) || ParseWithUnit(text, kSizeUnits, number);
}

std::optional<std::string> ParseBytes(std::string_view text) {
  if (text.starts_with("0x") || text.starts_with("0X")) text.remove_prefix(2);
  const char separator = text.find('-') != std::string_view::npos ? '-' : ':';
  std::string bytes;
  for (size_t at = 0; at < text.size();) {
    // Two digits a byte; one stands alone only between separators.
    const size_t digits = std::min<size_t>({2, text.size() - at, text.find(separator, at) - at});
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + at + digits, value, 16);
    if (error != std::errc() || end != text.data() + at + digits) return std::nullopt;
    if (digits == 1 && at > 0 && text[at - 1] != separator) return std::nullopt;
    bytes += static_cast<char>(value);
    at += digits;
    if (at == text.size()) break;
    if (text[at] == separator && ++at == text.size()) return std::nullopt;
  }
  return bytes.empty() ? std::nullopt : std::optional(bytes);
}

std::string BytesAsText(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes)
    text += fmt::format("{}{:02x}", text.empty() ? "" : ":", static_cast<unsigned char>(byte));
  return text;
}

}  // namespace overlaysim::replay
