#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace overlaysim {

enum class Severity { Error, Warning, Note };

/// Where something stands in a file. Line and column count from 1; 0 means "the file as a whole".
struct SourcePlace {
  std::string file;
  unsigned line = 0;
  unsigned column = 0;
  unsigned length = 0;  ///< bytes to underline; 0: one caret
};

/// The author's mistake, with its place and what would be right.
struct Diagnostic {
  Severity severity = Severity::Error;
  SourcePlace place;
  std::string message;
};

/// Collects all problems of an input, so that they are reported in one go.
class Diagnostics {
 public:
  void Error(SourcePlace place, std::string message);
  void Warning(SourcePlace place, std::string message);
  void Note(SourcePlace place, std::string message);

  bool HasErrors() const { return m_errors > 0; }
  size_t ErrorCount() const { return m_errors; }
  const std::vector<Diagnostic>& All() const { return m_all; }
  /// Remembers a file's text, so that Format can show the line.
  void AddSource(const std::string& file, std::string text);

  /// All of them as "file:line:column: error: message", in order of place, each followed by its line and a marker where
  /// the text is known, and last "N errors".
  std::string Format() const;

 private:
  void Add(Severity severity, SourcePlace place, std::string message);
  std::vector<Diagnostic> m_all;
  std::vector<std::pair<std::string, std::string>> m_sources;
  size_t m_errors = 0;
};

/// The candidate nearest to `word` by edit distance, if it is near enough to be a slip; else "".
std::string DidYouMean(std::string_view word, const std::vector<std::string>& candidates);

/// "a, b, c"
std::string JoinNames(const std::vector<std::string>& names);

}  // namespace overlaysim
