#include "gui/document/json_outline.h"

#include <algorithm>

namespace overlaysim::document {
namespace {

constexpr int kMaxDepth = 64;

class Scanner {
 public:
  explicit Scanner(std::string_view text) : m_text(text) {}

  std::optional<JsonOutline> Scan() {
    JsonOutline root;
    if (!SkipBlanks() || !ReadValue(root, 0) || !SkipBlanks() || m_at != m_text.size()) return std::nullopt;
    return root;
  }

 private:
  bool AtEnd() const { return m_at >= m_text.size(); }
  bool Take(char c) {
    if (AtEnd() || m_text[m_at] != c) return false;
    ++m_at;
    return true;
  }

  /// False in an open comment.
  bool SkipBlanks() {
    while (!AtEnd()) {
      const std::string_view rest = m_text.substr(m_at);
      if (rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\n' || rest[0] == '\r') {
        ++m_at;
      } else if (rest.substr(0, 2) == "//") {
        m_at = std::min(m_text.find('\n', m_at), m_text.size());
      } else if (rest.substr(0, 2) == "/*") {
        const size_t end = m_text.find("*/", m_at + 2);
        if (end == std::string_view::npos) return false;
        m_at = end + 2;
      } else {
        break;
      }
    }
    return true;
  }

  bool ReadString() {
    if (!Take('"')) return false;
    while (!AtEnd()) {
      const char c = m_text[m_at++];
      if (c == '"') return true;
      if (c == '\n') return false;
      if (c == '\\') ++m_at;
    }
    return false;
  }

  bool ReadValue(JsonOutline& out, int depth) {
    if (AtEnd() || depth > kMaxDepth) return false;
    out.begin = m_at;
    bool ok = true;
    switch (m_text[m_at]) {
      case '{':
        out.kind = JsonOutline::Kind::Object;
        ok = ReadList('}', [&] {
          JsonMember member;
          member.begin = m_at;
          if (!ReadString()) return false;
          member.key = m_text.substr(member.begin + 1, m_at - member.begin - 2);
          if (!SkipBlanks() || !Take(':') || !SkipBlanks() || !ReadValue(member.value, depth + 1)) return false;
          out.members.push_back(std::move(member));
          return true;
        });
        break;
      case '[':
        out.kind = JsonOutline::Kind::Array;
        ok = ReadList(']', [&] { return ReadValue(out.items.emplace_back(), depth + 1); });
        break;
      case '"':
        out.kind = JsonOutline::Kind::String;
        ok = ReadString();
        break;
      default: {
        const auto isWord = [](char c) {
          return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '+' || c == '.' || c == 'E';
        };
        while (!AtEnd() && isWord(m_text[m_at])) ++m_at;
        ok = m_at > out.begin;
      }
    }
    out.end = std::min(m_at, m_text.size());
    return ok;
  }

  template <typename Item>
  bool ReadList(char close, Item&& item) {
    ++m_at;
    if (!SkipBlanks()) return false;
    if (Take(close)) return true;
    for (;;) {
      if (!SkipBlanks() || !item() || !SkipBlanks()) return false;
      if (Take(close)) return true;
      if (!Take(',')) return false;
    }
  }

  std::string_view m_text;
  size_t m_at = 0;
};

}  // namespace

const JsonMember* JsonOutline::Find(std::string_view key) const {
  const auto it = std::find_if(members.begin(), members.end(), [key](const JsonMember& m) { return m.key == key; });
  return it == members.end() ? nullptr : &*it;
}

std::optional<JsonOutline> OutlineOf(std::string_view text) { return Scanner(text).Scan(); }

}  // namespace overlaysim::document
