#pragma once

#include <regex.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace overlaysim::replay {

/// A word, text or symbol of a filter.
struct Token {
  enum class Kind : uint8_t { End, Word, Text, Symbol, Bad } kind = Kind::End;
  std::string text;
  size_t begin = 0, length = 0;
};

/// Cuts a filter into tokens; a word goes on through the brackets of a slice: `frame[0:2,4]`.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : m_text(text) {}
  Token Next();

 private:
  Token Take(Token::Kind kind, size_t size);
  Token Quoted();

  std::string_view m_text;
  size_t m_at = 0;
};

/// A regular expression of POSIX, which cannot run away as backtracking ones can.
class Pattern {
 public:
  explicit Pattern(const std::string& text);
  ~Pattern();
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;
  std::string Error() const;  ///< "": it can be used
  bool Matches(const std::string& text) const;

 private:
  regex_t m_regex{};
  int m_error = 0;
};

std::string Lower(std::string_view text);
std::string Upper(std::string_view text);
bool ParseInteger(std::string_view text, int64_t& number);   ///< decimal or 0x
bool ParseDuration(std::string_view text, int64_t& number);  ///< "1.2s", in nanoseconds
bool ParseSize(std::string_view text, int64_t& number);      ///< "4KiB", in bytes
/// "08:00", "08-00", "0800", "8" or "0x0800" as the bytes themselves.
std::optional<std::string> ParseBytes(std::string_view text);
std::string BytesAsText(std::string_view bytes);  ///< "08:00"

}  // namespace overlaysim::replay
