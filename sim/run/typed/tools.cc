#include "sim/run/typed/tools.h"

#include <fmt/format.h>

#include <charconv>

namespace overlaysim::typed {
namespace {

class Answered : public traffic::Flow {
 public:
  Answered(int exit, std::string error, std::string output) {
    m_result.exit = exit;
    m_result.errorOutput = std::move(error);
    m_result.output = std::move(output);
  }
  void Start() override { Done(); }
};

}  // namespace

FlowPtr Answer(int exit, std::string error, std::string output) {
  return std::make_unique<Answered>(exit, std::move(error), std::move(output));
}

Ipv4Address Shell::AddressOf(const std::string& text) const {
  const auto address = Ipv4Address::Parse(text);
  return address ? *address : resolve(text);
}

Ipv6Address Shell::Address6Of(const std::string& text) const {
  const auto address = Ipv6Address::Parse(text);
  return address ? *address : resolve6(text);
}

char Options::Next() {
  while (m_at == 0) {  // between words
    if (m_word >= m_words.size()) return 0;
    const std::string& word = m_words[m_word];
    if (word == "--") {
      m_operands.insert(m_operands.end(), m_words.begin() + static_cast<std::ptrdiff_t>(m_word) + 1, m_words.end());
      m_word = m_words.size();
    } else if (word.size() < 2 || word[0] != '-') {
      m_operands.push_back(word);
      ++m_word;
    } else {
      m_at = 1;
    }
  }
  const std::string& word = m_words[m_word];
  const char letter = word[m_at++];
  auto endWord = [&] {
    ++m_word;
    m_at = 0;
  };
  const size_t place = letter == ':' ? std::string_view::npos : m_known.find(letter);
  if (place == std::string_view::npos) {
    if (m_at == word.size()) endWord();
    m_error = fmt::format("invalid option -- '{}'", letter);
    return '?';
  }
  if (place + 1 == m_known.size() || m_known[place + 1] != ':') {
    if (m_at == word.size()) endWord();
    return letter;
  }
  m_value = word.substr(m_at);
  endWord();
  if (!m_value.empty()) return letter;
  if (m_word == m_words.size()) {
    m_error = fmt::format("option requires an argument -- '{}'", letter);
    return '?';
  }
  m_value = m_words[m_word++];
  return letter;
}

std::optional<int64_t> ParseInteger(std::string_view text) {
  int64_t value = 0;
  auto [next, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || next != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Nanoseconds> ParseSeconds(std::string_view text) { return Nanoseconds::Parse(std::string(text) + "s"); }

Number ParseInRange(std::string_view tool, const std::string& text, int64_t low, int64_t high) {
  const auto value = ParseInteger(text);
  if (!value) return {0, fmt::format("{}: invalid argument: '{}'\n", tool, text)};
  if (*value < low || *value > high)
    return {*value,
            fmt::format("{}: invalid argument: '{}': out of range: {} <= value <= {}\n", tool, text, low, high)};
  return {*value, {}};
}

}  // namespace overlaysim::typed
