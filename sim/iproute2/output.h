#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace overlaysim::iproute2 {

enum class Format : uint8_t { Text, Json, PrettyJson };

/// Collects what a tool prints, as text or as iproute2's JSON, from one description of the fields.
///
/// `key` names the JSON member; nullptr: an element of an array (Text() is for what only the text has). `text` is a fmt
/// format of one argument; nullptr: not in the text.
/// Source: the layout of iproute2 6.1's `-j` (compact) and `-j -p` (pretty) output.
class Output {
 public:
  explicit Output(Format format) : m_format(format) {}

  bool IsJson() const { return m_format != Format::Text; }
  void Text(std::string_view text);
  void String(const char* key, const char* text, std::string_view value);
  void Number(const char* key, const char* text, int64_t value);
  void Hundredths(const char* key, const char* text, uint64_t value);  ///< 298.94 for 29894; the text takes a string
  void Bool(const char* key, bool value);                              ///< JSON only
  void OnOff(const char* key, const char* word, bool value);           ///< "WORD on "
  void Null(const char* key, const char* text);                        ///< "KEY": null; `text` takes no argument

  void OpenObject(const char* key = nullptr) { Open(key, '{'); }
  void CloseObject() { Close('}'); }
  void OpenArray(const char* key = nullptr) { Open(key, '['); }
  void CloseArray() { Close(']'); }

  std::string Take();  ///< all of it; JSON ends with a newline

 private:
  void Member(const char* key);
  void Open(const char* key, char bracket);
  void Close(char bracket);
  void NewLine();

  Format m_format;
  std::string m_out;
  int m_depth = 0;
  bool m_hasElement = false;  ///< in the innermost open bracket
};

}  // namespace overlaysim::iproute2
