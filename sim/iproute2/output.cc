#include "sim/iproute2/output.h"

#include <fmt/format.h>

namespace overlaysim::iproute2 {
namespace {

std::string Quoted(std::string_view value) {
  std::string out = "\"";
  for (char c : value) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace

void Output::Text(std::string_view text) {
  if (!IsJson()) m_out += text;
}

void Output::String(const char* key, const char* text, std::string_view value) {
  if (IsJson()) {
    Member(key);
    m_out += Quoted(value);
  } else if (text) {
    m_out += fmt::format(fmt::runtime(text), value);
  }
}

void Output::Number(const char* key, const char* text, int64_t value) {
  if (IsJson()) {
    Member(key);
    m_out += fmt::to_string(value);
  } else if (text) {
    m_out += fmt::format(fmt::runtime(text), value);
  }
}

void Output::Hundredths(const char* key, const char* text, uint64_t value) {
  const std::string number = fmt::format("{}.{:02}", value / 100, value % 100);
  if (IsJson()) {
    Member(key);
    m_out += number;
  } else if (text) {
    m_out += fmt::format(fmt::runtime(text), number);
  }
}

void Output::Bool(const char* key, bool value) {
  if (!IsJson()) return;
  Member(key);
  m_out += value ? "true" : "false";
}

void Output::OnOff(const char* key, const char* word, bool value) {
  Bool(key, value);
  Text(fmt::format("{} {} ", word, value ? "on" : "off"));
}

void Output::Null(const char* key, const char* text) {
  if (IsJson()) {
    Member(key);
    m_out += "null";
  } else if (text) {
    m_out += text;
  }
}

void Output::Member(const char* key) {
  if (m_hasElement) m_out += ',';
  m_hasElement = true;
  if (!key) return;
  NewLine();
  m_out += Quoted(key);
  m_out += m_format == Format::PrettyJson ? ": " : ":";
}

void Output::Open(const char* key, char bracket) {
  if (!IsJson()) return;
  Member(key);
  m_out += bracket;
  if (bracket == '[' && m_format == Format::PrettyJson) m_out += ' ';
  ++m_depth;
  m_hasElement = false;
}

void Output::Close(char bracket) {
  if (!IsJson()) return;
  --m_depth;
  if (bracket == ']' && m_format == Format::PrettyJson) {
    if (m_hasElement) m_out += ' ';
  } else if (m_hasElement) {
    NewLine();
  }
  m_out += bracket;
  m_hasElement = true;
}

void Output::NewLine() {
  if (m_format != Format::PrettyJson) return;
  m_out += '\n';
  m_out.append(static_cast<size_t>(m_depth) * 4, ' ');
}

std::string Output::Take() {
  if (IsJson()) m_out += '\n';
  m_hasElement = false;
  return std::move(m_out);
}

}  // namespace overlaysim::iproute2
