#include "sim/trace/capture_filter.h"

#include <fmt/format.h>
#include <pcap/pcap.h>

#include <algorithm>
#include <array>
#include <utility>

namespace overlaysim {
namespace {

// libpcap's code generator takes time by the square of an expression's terms and its optimizer by the cube: of "port 1
// or 2 or
// ..." with 2048 characters one second unoptimized, and 1024 characters half a second optimized.
constexpr size_t kMaxExpressionBytes = 2048;
constexpr size_t kMaxOptimizedBytes = 1024;

/// libpcap's words that make sense on Ethernet and never lead to a look-up. Whatever is no number, address or word of
/// these is a name to libpcap, and it would ask the name service (scanner.l of libpcap 1.10).
constexpr std::array kKeywords = std::to_array<std::string_view>({
    "dst",
    "src",
    "and",
    "or",
    "not",
    "host",
    "net",
    "mask",
    "port",
    "portrange",
    "proto",
    "protochain",
    "ether",
    "link",
    "ip",
    "ip6",
    "arp",
    "rarp",
    "tcp",
    "udp",
    "sctp",
    "icmp",
    "icmp6",
    "igmp",
    "igrp",
    "pim",
    "vrrp",
    "carp",
    "ah",
    "esp",
    "stp",
    "ipx",
    "less",
    "greater",
    "broadcast",
    "multicast",
    "len",
    "length",
    "vlan",
    "mpls",
    "pppoed",
    "pppoes",
    "geneve",
    "tcpflags",
    "tcp-fin",
    "tcp-syn",
    "tcp-rst",
    "tcp-push",
    "tcp-ack",
    "tcp-urg",
    "tcp-ece",
    "tcp-cwr",
    "icmptype",
    "icmpcode",
    "icmp-echoreply",
    "icmp-unreach",
    "icmp-sourcequench",
    "icmp-redirect",
    "icmp-echo",
    "icmp-routeradvert",
    "icmp-routersolicit",
    "icmp-timxceed",
    "icmp-paramprob",
    "icmp-tstamp",
    "icmp-tstampreply",
    "icmp-ireq",
    "icmp-ireqreply",
    "icmp-maskreq",
    "icmp-maskreply",
    "icmp6type",
    "icmp6code",
    "icmp6-destinationunreach",
    "icmp6-packettoobig",
    "icmp6-timeexceeded",
    "icmp6-parameterproblem",
    "icmp6-echo",
    "icmp6-echoreply",
    "icmp6-routersolicit",
    "icmp6-routeradvert",
    "icmp6-neighborsolicit",
    "icmp6-neighboradvert",
    "icmp6-redirect",
});

struct Refused {
  std::string_view word;
  std::string_view why;
};
constexpr std::array kRefused = std::to_array<Refused>({
    {"gateway", "\"gateway\" looks a name up twice; write \"ether host MAC and not host ADDRESS\""},
    {"inbound", "\"inbound\" needs the running kernel; capture on the device itself and match addresses"},
    {"outbound", "\"outbound\" needs the running kernel; capture on the device itself and match addresses"},
    {"ifindex", "\"ifindex\" needs the running kernel; name the device in \"on\" instead"},
});

struct NumberedProtocol {
  std::string_view name;
  unsigned number;
};
/// /etc/protocols' names, which libpcap would ask the name service for. Source: IANA, protocol numbers.
constexpr std::array kIpProtocols = std::to_array<NumberedProtocol>({
    {"icmp", 1},   {"igmp", 2},  {"ipip", 4},  {"ipencap", 4}, {"tcp", 6},    {"egp", 8},  {"igp", 9},
    {"udp", 17},   {"dccp", 33}, {"ipv6", 41}, {"rsvp", 46},   {"gre", 47},   {"esp", 50}, {"ah", 51},
    {"icmp6", 58}, {"ospf", 89}, {"pim", 103}, {"vrrp", 112},  {"sctp", 132},
});
/// Source: IANA, IEEE 802 numbers.
constexpr std::array kEtherTypes = std::to_array<NumberedProtocol>({
    {"ip", 0x0800},
    {"arp", 0x0806},
    {"rarp", 0x8035},
    {"vlan", 0x8100},
    {"ip6", 0x86dd},
    {"mpls", 0x8847},
    {"pppoed", 0x8863},
    {"pppoes", 0x8864},
    {"lldp", 0x88cc},
    {"loopback", 0x9000},
});

template <size_t N>
std::optional<unsigned> NumberOf(const std::array<NumberedProtocol, N>& table, std::string_view name) {
  const auto it = std::find_if(table.begin(), table.end(), [&](const auto& p) { return p.name == name; });
  return it == table.end() ? std::nullopt : std::optional(it->number);
}

constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }
constexpr bool IsHexDigit(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
constexpr bool IsAlnum(char c) { return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool IsWordChar(char c) { return IsAlnum(c) || c == '-' || c == '_' || c == '.'; }
constexpr bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool IsKeyword(std::string_view word) { return std::find(kKeywords.begin(), kKeywords.end(), word) != kKeywords.end(); }

bool AllDigits(std::string_view text) { return !text.empty() && std::all_of(text.begin(), text.end(), IsDigit); }

/// A number in C's notation, or up to four decimal ones with dots (10.244.1 after `net`).
bool IsNumber(std::string_view word) {
  if (word.size() > 2 && word[0] == '0' && (word[1] == 'x' || word[1] == 'X'))
    return std::all_of(word.begin() + 2, word.end(), IsHexDigit);
  for (int part = 0; part < 4; ++part) {
    const size_t dot = word.find('.');
    if (!AllDigits(word.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    word.remove_prefix(dot + 1);
  }
  return false;
}

bool IsPortRange(std::string_view word) {
  const size_t dash = word.find('-');
  return dash != std::string_view::npos && AllDigits(word.substr(0, dash)) && AllDigits(word.substr(dash + 1));
}

/// Walks over an expression as libpcap's scanner does and keeps what the next name would be the name of.
class NameRewriter {
 public:
  NameRewriter(std::string_view text, const NameResolver& resolve, FilterError& error)
      : m_text(text), m_resolve(resolve), m_error(error) {}

  std::optional<std::string> Run() {
    while (m_at < m_text.size())
      if (!Next()) return std::nullopt;
    return std::move(m_out);
  }

 private:
  enum class Names { Host, LinkHost, Port, IpProtocol, EtherType };

  bool Fail(size_t begin, std::string message) {
    m_error = {begin + 1, std::max<size_t>(m_at - begin, 1), std::move(message)};
    return false;
  }

  char At(size_t i) const { return i < m_text.size() ? m_text[i] : '\0'; }

  bool Next() {
    const size_t begin = m_at;
    const char c = m_text[m_at];
    if (c == '\\') return Escaped();
    const bool isAddressStart = m_brackets == 0 && c == ':' && At(m_at + 1) == ':';
    if (IsAlnum(c) || isAddressStart) return Word();
    ++m_at;
    if (c == '[') ++m_brackets;
    if (c == ']' && m_brackets > 0) --m_brackets;
    if (c == '(' || c == '!' || c == '&' || c == '|') m_isStart = true;
    constexpr std::string_view kOperators = "()[]!&|<>=+-*/%^:";
    if (!IsSpace(c) && kOperators.find(c) == std::string_view::npos)
      return Fail(begin, c >= ' ' && c <= '~' ? fmt::format("'{}' has no meaning in a filter", c)
                                              : "only printable ASCII characters can stand in a filter");
    m_out += c;
    return true;
  }

  std::string_view TakeWord(bool withColons) {
    const size_t begin = m_at;
    while (m_at < m_text.size() && (IsWordChar(m_text[m_at]) || (withColons && m_text[m_at] == ':'))) ++m_at;
    return m_text.substr(begin, m_at - begin);
  }

  /// "ns/pod": the word, then a slash and another word.
  std::string_view TakeQualifiedWord(size_t begin) {
    if (At(m_at) == '/' && IsAlnum(At(m_at + 1))) {
      ++m_at;
      TakeWord(false);
    }
    return m_text.substr(begin, m_at - begin);
  }

  bool Escaped() {
    const size_t begin = m_at++;
    TakeWord(false);
    const std::string_view name = TakeQualifiedWord(begin).substr(1);
    if (name.empty()) return Fail(begin, "a backslash stands before a name that is also a keyword");
    return Name(begin, name);
  }

  bool Word() {
    const size_t begin = m_at;
    std::string_view word = TakeWord(m_brackets == 0);
    if (word.find(':') != std::string_view::npos || (MacAddress::Parse(word) && !IsNumber(word))) {
      if (!MacAddress::Parse(word) && !Ipv6Address::Parse(word))
        return Fail(begin, fmt::format("\"{}\" is neither a MAC nor an IPv6 address", word));
      m_out += word;
      m_isStart = false;
      return true;
    }
    for (const Refused& refused : kRefused)
      if (word == refused.word) return Fail(begin, std::string(refused.why));
    if (IsKeyword(word)) {
      Keyword(word);
      m_out += word;
      return true;
    }
    if (IsNumber(word) || (m_names == Names::Port && IsPortRange(word))) {
      m_out += word;
      m_isStart = false;
      return true;
    }
    if (m_brackets > 0) return Fail(begin, fmt::format("\"{}\" is no field or flag of a header", word));
    return Name(begin, TakeQualifiedWord(begin));
  }

  void Keyword(std::string_view word) {
    if (word == "and" || word == "or" || word == "not") {
      m_isStart = true;
      return;
    }
    if (m_brackets > 0) return;
    if (m_isStart) {
      m_isLink = false;
      m_names = Names::Host;
    }
    m_isStart = false;
    if (word == "ether" || word == "link") m_isLink = true;
    if (word == "port" || word == "portrange") {
      m_names = Names::Port;
    } else if (word == "proto" || word == "protochain") {
      m_names = m_isLink ? Names::EtherType : Names::IpProtocol;
    } else {
      m_names = m_isLink ? Names::LinkHost : Names::Host;
    }
  }

  bool Name(size_t begin, std::string_view name) {
    m_isStart = false;
    switch (m_names) {
      case Names::Host: {
        const auto address = m_resolve ? m_resolve(name) : std::nullopt;
        if (!address)
          return Fail(begin, fmt::format("no pod or node is named \"{}\" (names are asked for nowhere else)", name));
        m_out += address->ToString();
        return true;
      }
      case Names::Port:
        return Fail(begin, fmt::format("\"{}\": give the port's number; service names are not looked up", name));
      case Names::LinkHost:
        return Fail(begin, fmt::format("\"{}\": a MAC address is expected after \"ether\"; pods and nodes are known by "
                                       "their IP addresses",
                                       name));
      case Names::IpProtocol:
        return Protocol(begin, name, NumberOf(kIpProtocols, name), "IP protocol");
      case Names::EtherType:
        return Protocol(begin, name, NumberOf(kEtherTypes, name), "EtherType");
    }
    return false;
  }

  bool Protocol(size_t begin, std::string_view name, std::optional<unsigned> number, std::string_view what) {
    if (!number) return Fail(begin, fmt::format("\"{}\" is no {} known here; give its number", name, what));
    m_out += fmt::format("{}", *number);
    return true;
  }

  std::string_view m_text;
  const NameResolver& m_resolve;
  FilterError& m_error;
  std::string m_out;
  size_t m_at = 0;
  int m_brackets = 0;
  bool m_isStart = true;  ///< a primitive begins: its first keyword sets the qualifiers anew
  bool m_isLink = false;
  Names m_names = Names::Host;
};

}  // namespace

std::string FilterError::ToString() const {
  return column == 0 ? message : fmt::format("column {}: {}", column, message);
}

std::optional<std::string> ResolveFilterNames(std::string_view expression, const NameResolver& resolve,
                                              FilterError& error) {
  if (expression.size() > kMaxExpressionBytes) {
    error = {0, 0,
             fmt::format("the filter has {} characters; {} are accepted", expression.size(), kMaxExpressionBytes)};
    return std::nullopt;
  }
  return NameRewriter(expression, resolve, error).Run();
}

struct CaptureFilter::Program {
  bpf_program code{};
  ~Program() { pcap_freecode(&code); }
};

CaptureFilter::CaptureFilter(std::unique_ptr<Program> program) : m_program(std::move(program)) {}
CaptureFilter::CaptureFilter(CaptureFilter&&) noexcept = default;
CaptureFilter& CaptureFilter::operator=(CaptureFilter&&) noexcept = default;
CaptureFilter::~CaptureFilter() = default;

std::optional<CaptureFilter> CaptureFilter::Compile(std::string_view expression, FilterError& error,
                                                    LinkType linkType) {
  const auto resolved = ResolveFilterNames(expression, nullptr, error);
  if (!resolved) return std::nullopt;
  if (std::all_of(resolved->begin(), resolved->end(), IsSpace)) return CaptureFilter(nullptr);
  const std::unique_ptr<pcap_t, decltype(&pcap_close)> handle(
      pcap_open_dead(linkType == LinkType::RawIp ? DLT_RAW : static_cast<int>(linkType),
                     static_cast<int>(kMaxSnapLength)),
      &pcap_close);
  auto program = std::make_unique<Program>();
  const int optimize = resolved->size() <= kMaxOptimizedBytes;
  if (pcap_compile(handle.get(), &program->code, resolved->c_str(), optimize, PCAP_NETMASK_UNKNOWN) != 0) {
    error = {0, expression.size(), fmt::format("\"{}\": {}", expression, pcap_geterr(handle.get()))};
    return std::nullopt;
  }
  return CaptureFilter(std::move(program));
}

bool CaptureFilter::Matches(std::span<const uint8_t> frame) const {
  if (!m_program) return true;
  pcap_pkthdr header{};
  header.caplen = header.len = static_cast<bpf_u_int32>(frame.size());
  return pcap_offline_filter(&m_program->code, &header, frame.data()) != 0;
}

}  // namespace overlaysim
