#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/host/stack.h"
#include "models/traffic/flow.h"

namespace overlaysim {
namespace traffic {
class TcpEdge;
}

namespace typed {

/// Where a command is typed, and what it needs of there.
struct Shell {
  host::Stack& stack;
  uint16_t processId = 0;  ///< ICMP identifier of tools that take theirs
  uint32_t flow = UINT32_MAX;
  std::function<Ipv4Address(std::string_view)> resolve;  ///< address of a pod or node by name; zero: there is none
  std::function<traffic::TcpEdge&()> tcp;                ///< the namespace's TCP
  std::function<Ipv6Address(std::string_view)> resolve6 = [](std::string_view) { return Ipv6Address{}; };

  Ipv4Address AddressOf(const std::string& text) const;   ///< dotted, or of a name; zero: there is none
  Ipv6Address Address6Of(const std::string& text) const;  ///< the same for IPv6
};

using FlowPtr = std::unique_ptr<traffic::Flow>;

// The tools: each takes the words of a command line, the first its own name.
FlowPtr MakePing(const Shell& shell, const std::vector<std::string>& words);
FlowPtr MakeNetcat(const Shell& shell, const std::vector<std::string>& words);
FlowPtr MakeTraceroute(const Shell& shell, const std::vector<std::string>& words);
FlowPtr MakeArping(const Shell& shell, const std::vector<std::string>& words);

/// A command that does nothing but answer.
FlowPtr Answer(int exit, std::string error, std::string output = {});

/// What is said of a name without address: there are no name servers.
inline constexpr char kNoName[] = "Temporary failure in name resolution";

/// getopt(3), with operands between the options.
class Options {
 public:
  /// `known`: letters, those that take a value with ':' behind them.
  Options(const std::vector<std::string>& words, std::string_view known) : m_words(words), m_known(known) {}
  /// The next option's letter; 0: there are no more; '?': Error() says what is wrong.
  char Next();
  const std::string& Value() const { return m_value; }
  const std::string& Error() const { return m_error; }  ///< "invalid option -- 'z'"
  const std::vector<std::string>& Operands() const { return m_operands; }

 private:
  const std::vector<std::string>& m_words;
  std::string_view m_known;
  size_t m_word = 1, m_at = 0;
  std::string m_value, m_error;
  std::vector<std::string> m_operands;
};

std::optional<int64_t> ParseInteger(std::string_view text);
/// "0.2" seconds, without going through floating point.
std::optional<Nanoseconds> ParseSeconds(std::string_view text);

/// strtol_or_err() of iputils: a number of that range, or what the tool says and ends with.
struct Number {
  int64_t value = 0;
  std::string error;
};
Number ParseInRange(std::string_view tool, const std::string& text, int64_t low, int64_t high);

}  // namespace typed
}  // namespace overlaysim
