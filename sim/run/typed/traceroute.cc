#include "models/traffic/traceroute.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "sim/run/typed/tools.h"
#include "sim/run/typed/usage.h"

namespace overlaysim::typed {
namespace {

using Method = traffic::TracerouteSettings::Method;

constexpr char kVersion[] =
    "Modern traceroute for Linux, version 2.1.2\n"
    "Copyright (c) 2016  Dmitry Butskoy,   License: GPL v2 or any later\n";
constexpr uint32_t kMostHops = 255;
constexpr uint32_t kMostProbes = 10;
constexpr uint32_t kMostBytes = 65000;

struct Option {
  char letter;             ///< as one is typed; that of options without letter is not a letter
  std::string_view name;   ///< behind "--"
  std::string_view value;  ///< what the usage calls its value; "": takes none
};
constexpr std::array<Option, 31> kOptions{{{'4', "", ""},
                                           {'6', "", ""},
                                           {'d', "debug", ""},
                                           {'F', "dont-fragment", ""},
                                           {'f', "first", "first_ttl"},
                                           {'g', "gateway", "gate,..."},
                                           {'I', "icmp", ""},
                                           {'T', "tcp", ""},
                                           {'i', "interface", "device"},
                                           {'m', "max-hops", "max_ttl"},
                                           {'N', "sim-queries", "squeries"},
                                           {'n', "", ""},
                                           {'p', "port", "port"},
                                           {'t', "tos", "tos"},
                                           {'l', "flowlabel", "flow_label"},
                                           {'w', "wait", "MAX,HERE,NEAR"},
                                           {'q', "queries", "nqueries"},
                                           {'r', "", ""},
                                           {'s', "source", "src_addr"},
                                           {'z', "sendwait", "sendwait"},
                                           {'e', "extensions", ""},
                                           {'A', "as-path-lookups", ""},
                                           {'M', "module", "name"},
                                           {'O', "options", "OPTS,..."},
                                           {'U', "udp", ""},
                                           {'D', "dccp", ""},
                                           {'P', "protocol", "prot"},
                                           {'\1', "mtu", ""},
                                           {'\2', "back", ""},
                                           {'V', "version", ""},
                                           {'\3', "help", ""}}};

/// strtoul() with base 0, to the end.
std::optional<uint32_t> ParseUnsigned(std::string_view text) {
  const bool isHex = text.substr(0, 2) == "0x" || text.substr(0, 2) == "0X";
  if (isHex) text.remove_prefix(2);
  uint32_t value = 0;
  const int base = isHex ? 16 : text.size() > 1 && text[0] == '0' ? 8 : 10;
  auto [next, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || next != text.data() + text.size()) return std::nullopt;
  return value;
}

/// "5", "5,3" or "5,3,10": factors that are left out are not looked at.
bool ParseWait(std::string_view text, traffic::TracerouteSettings& s) {
  std::array<std::optional<Nanoseconds>, 3> parts;
  for (size_t i = 0; i < parts.size(); ++i) {
    const size_t comma = i + 1 < parts.size() ? text.find(',') : std::string_view::npos;
    parts[i] = ParseSeconds(text.substr(0, comma));
    if (!parts[i]) return false;
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  s.wait = *parts[0];
  s.hereThousandths = parts[1].value_or(Nanoseconds{0}).count / 1000000;
  s.nearThousandths = parts[2].value_or(Nanoseconds{0}).count / 1000000;
  return true;
}

/// The command line as traceroute's own parser (CLIF) reads it.
class Parser {
 public:
  Parser(const Shell& shell, const std::vector<std::string>& words) : m_shell(shell), m_words(words) {}

  FlowPtr Make();

 private:
  FlowPtr Word();
  FlowPtr Long(const std::string& word);
  FlowPtr Letters(const std::string& word);
  FlowPtr Operand(const std::string& word);
  FlowPtr Apply(const Option& option, const std::string& typed, const std::optional<std::string>& joined);
  bool Set(char letter, const std::string& value);
  FlowPtr BadOption(const std::string& typed) const {
    return Answer(2, fmt::format("Bad option `{}' (argc {})\n", typed, m_at));
  }

  const Shell& m_shell;
  const std::vector<std::string>& m_words;
  size_t m_at = 1;  ///< which word
  size_t m_operands = 0;
  bool m_optionsEnded = false, m_isIpv6 = false;
  traffic::TracerouteSettings m_settings;
  std::optional<uint32_t> m_port, m_packetBytes;
};

FlowPtr Parser::Make() {
  m_settings.icmpId = m_shell.processId;
  m_settings.flow = m_shell.flow;
  if (m_words.size() == 1) return Answer(0, std::string(kTracerouteUsage));
  for (; m_at < m_words.size(); ++m_at)
    if (FlowPtr answer = Word()) return answer;
  if (m_operands == 0) return Answer(2, "Specify \"host\" missing argument.\n");
  traffic::TracerouteSettings& s = m_settings;
  auto refuse = [](const std::string& why) { return Answer(2, why + "\n"); };
  if (s.firstHop == 0 || s.firstHop > s.maxHops) return refuse("first hop out of range");
  if (s.maxHops > kMostHops) return refuse(fmt::format("max hops cannot be more than {}", kMostHops));
  if (s.probesPerHop == 0 || s.probesPerHop > kMostProbes)
    return refuse(fmt::format("no more than {} probes per hop", kMostProbes));
  if (m_packetBytes.value_or(0) > kMostBytes)
    return refuse(fmt::format("too big packetlen {} specified", *m_packetBytes));
  const bool isV6 = s.destination.IsV6();
  const uint32_t ipHeader = isV6 ? wire::kIpv6HeaderBytes : wire::kIpv4HeaderBytes;
  const uint32_t headers = ipHeader + wire::kUdpHeaderBytes;  // as long as those of ICMP
  s.packetBytes = std::max(m_packetBytes.value_or(ipHeader + traffic::TracerouteSettings::kPayloadBytes), headers);
  if (m_port) s.port = static_cast<uint16_t>(*m_port);
  auto fail = [&](const char* call, const char* why) {
    const std::string header = fmt::format("traceroute to {} ({}), {} hops max, {} byte packets", s.destinationText,
                                           s.destination.ToString(), s.maxHops, s.packetBytes);
    return Answer(1, fmt::format("\n{}: {}\n", call, why), s.method == Method::Icmp ? std::string() : header);
  };
  if (s.oif < 0) return fail("setsockopt SO_BINDTODEVICE", "No such device");
  const kernel::Namespace& ns = m_shell.stack.Ns();
  if (!s.source.IsZero() && !(isV6 ? ns.Ipv6().IsLocalAddress(s.source.V6()) : ns.IsLocalAddress(s.source.V4())))
    return fail("bind", "Cannot assign requested address");
  return std::make_unique<traffic::Traceroute>(m_shell.stack, s);
}

/// What ends the command, or null.
FlowPtr Parser::Word() {
  const std::string& word = m_words[m_at];
  if (m_optionsEnded || word.size() < 2 || word[0] != '-') return Operand(word);
  if (word == "--") {
    m_optionsEnded = true;
    return nullptr;
  }
  return word[1] == '-' ? Long(word) : Letters(word);
}

FlowPtr Parser::Long(const std::string& word) {
  const size_t equals = word.find('=');
  const std::string name = word.substr(2, equals == std::string::npos ? equals : equals - 2);
  const auto* option = std::find_if(kOptions.begin(), kOptions.end(),
                                    [&](const Option& o) { return !o.name.empty() && o.name == name; });
  if (option == kOptions.end()) return BadOption(word);
  std::optional<std::string> joined;
  if (equals != std::string::npos) joined = word.substr(equals + 1);
  return Apply(*option, "--" + name, joined);
}

/// A letter with its value behind it, or several letters that take none.
FlowPtr Parser::Letters(const std::string& word) {
  for (size_t i = 1; i < word.size(); ++i) {
    const auto* option =
        std::find_if(kOptions.begin(), kOptions.end(), [&](const Option& o) { return o.letter == word[i]; });
    if (option == kOptions.end()) return BadOption(fmt::format("-{}", word[i]));
    const std::string typed = fmt::format("-{}", word[i]);
    if (!option->value.empty()) {
      if (i == 1 && word.size() > 2) return Apply(*option, typed, word.substr(2));
      if (i + 1 < word.size())
        return Answer(
            2, fmt::format("Option `{}' (argc {}) requires an argument: `{} {}'\n", typed, m_at, typed, option->value));
    }
    if (FlowPtr answer = Apply(*option, typed, std::nullopt)) return answer;
  }
  return nullptr;
}

FlowPtr Parser::Apply(const Option& option, const std::string& typed, const std::optional<std::string>& joined) {
  if (option.letter == '\3') return Answer(0, std::string(kTracerouteUsage));
  if (option.letter == 'V') return Answer(0, {}, kVersion);
  std::string value = joined.value_or("");
  if (!option.value.empty() && !joined) {
    if (m_at + 1 == m_words.size())
      return Answer(2, fmt::format("Option `{}' (argc {}) requires an argument: `{}{}{}'\n", typed, m_at, typed,
                                   typed[1] == '-' ? "=" : " ", option.value));
    value = m_words[++m_at];
  }
  if (std::string_view("dgTlreAODP\1\2").find(option.letter) != std::string_view::npos)
    return Answer(2, fmt::format("traceroute: {} is not supported yet\n", typed));
  if (option.letter == 'M' && value != "default" && value != "icmp" && value != "udp")
    return Answer(2, fmt::format("Unknown traceroute module {}\n", value));
  if (Set(option.letter, value)) return nullptr;
  return Answer(2, fmt::format("Cannot handle `{}' option with arg `{}' (argc {})\n", typed, value, m_at));
}

/// False: that is no value for it.
bool Parser::Set(char letter, const std::string& value) {
  traffic::TracerouteSettings& s = m_settings;
  auto number = [&](auto& target) {
    const auto parsed = ParseUnsigned(value);
    if (parsed) target = static_cast<std::decay_t<decltype(target)>>(*parsed);
    return parsed.has_value();
  };
  switch (letter) {
    case 'n':
      s.numeric = true;
      return true;
    case 'F':
      s.dontFragment = true;
      return true;
    case 'I':
      s.method = Method::Icmp;
      return true;
    case 'U':
      s.method = Method::Udp;
      return true;
    case 'M':
      s.method = value == "icmp" ? Method::Icmp : value == "udp" ? Method::Udp : Method::Default;
      return true;
    case 'f':
      return number(s.firstHop);
    case 'm':
      return number(s.maxHops);
    case 'N':
      return number(s.simultaneous);
    case 'q':
      return number(s.probesPerHop);
    case 't':
      return number(s.tos);
    case 'p': {
      uint32_t port = 0;
      if (!number(port)) return false;
      m_port = port;
      return true;
    }
    case 'w':
      return ParseWait(value, s);
    case 'z': {
      const auto wait = ParseSeconds(value);
      if (!wait) return false;
      s.sendWait = *wait >= Seconds(10) ? Nanoseconds{wait->count / 1000} : *wait;  // as milliseconds, if it is much
      return true;
    }
    case 's': {
      const auto address = IpAddress::Parse(value);
      if (address) s.source = *address;
      return address.has_value();
    }
    case 'i': {
      const kernel::Link* link = m_shell.stack.Ns().FindLink(value);
      s.oif = link ? link->ifindex : -1;
      return true;
    }
    default:
      m_isIpv6 = letter == '6';
      return true;
  }
}

FlowPtr Parser::Operand(const std::string& word) {
  ++m_operands;
  auto refuse = [&](const char* which) {
    return fmt::format("Cannot handle \"{}\" cmdline arg `{}' on position {} (argc {})\n", which, word, m_operands,
                       m_at);
  };
  if (m_operands == 1) {
    m_settings.destinationText = word;
    if (m_isIpv6 || Ipv6Address::Parse(word))
      m_settings.destination = m_shell.Address6Of(word);
    else
      m_settings.destination = m_shell.AddressOf(word);
    if (!m_settings.destination.IsZero()) return nullptr;
    return Answer(2, fmt::format("{}: {}\n{}", word, kNoName, refuse("host")));
  }
  if (m_operands == 2) {
    m_packetBytes = ParseUnsigned(word);
    return m_packetBytes ? nullptr : Answer(2, refuse("packetlen"));
  }
  return Answer(2, fmt::format("Extra arg `{}' (position {}, argc {})\n", word, m_operands, m_at));
}

}  // namespace

FlowPtr MakeTraceroute(const Shell& shell, const std::vector<std::string>& words) {
  return Parser(shell, words).Make();
}

}  // namespace overlaysim::typed
