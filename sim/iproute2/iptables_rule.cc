// The words of a rule, as iptables reads them (iptables/xshared.c, extensions/libxt_*.c, libipt_*.c and libip6t_*.c).

#include <fmt/format.h>

#include <algorithm>

#include "sim/iproute2/iptables.h"
#include "sim/iproute2/names.h"
#include "sim/iproute2/words.h"

namespace overlaysim::iproute2 {

using kernel::AddressMatch;
using kernel::AddressTypeMatch;
using kernel::Comment;
using kernel::FilterRule;
using kernel::IcmpMatch;
using kernel::LimitMatch;
using kernel::MarkMatch;
using kernel::Match;
using kernel::MultiportMatch;
using kernel::NatRange;
using kernel::PhysdevMatch;
using kernel::PortRange;
using kernel::StateMatch;
using kernel::Target;
using kernel::TransportMatch;

namespace {

constexpr uint8_t kIcmp = 1, kIcmpv6 = 58, kTcp = 6, kUdp = 17, kDccp = 33, kSctp = 132, kUdplite = 136;

std::string NeedValue(Words& words, const std::string& option) {
  if (words.Done()) RefuseParameter(fmt::format("option \"{}\" requires an argument", option));
  return words.Next();
}

std::vector<std::string> Split(const std::string& text, char at) {
  std::vector<std::string> out;
  for (size_t begin = 0;;) {
    const size_t end = text.find(at, begin);
    out.push_back(text.substr(begin, end - begin));
    if (end == std::string::npos) return out;
    begin = end + 1;
  }
}

std::vector<AddressMatch> ParseAddresses(const std::string& text, bool isDestination, bool isNot, bool isV6) {
  std::vector<AddressMatch> out;
  for (const std::string& word : Split(text, ',')) {
    try {
      const IpPrefix prefix = isV6 ? IpPrefix(ParsePrefixOf<Ipv6Address>(word).Canonical())
                                   : IpPrefix(ParsePrefixOf<Ipv4Address>(word).Canonical());
      out.push_back({isDestination, {prefix}, isNot});
    } catch (const Failure&) {
      const size_t slash = word.find('/');
      const auto address = slash == std::string::npos ? std::nullopt : IpAddress::Parse(word.substr(0, slash));
      if (address && address->IsV6() == isV6)
        RefuseParameter(fmt::format("invalid mask `{}' specified", word.substr(slash + 1)));
      RefuseParameter(fmt::format("host/network `{}' not found", word));
    }
  }
  return out;
}

uint16_t ParsePort(const std::string& word, uint16_t otherwise, uint8_t protocol) {
  if (word.empty()) return otherwise;
  const auto port = ParseService(word);
  if (!port)
    RefuseParameter(protocol == kUdp ? fmt::format("Port \"{}\" does not resolve to anything.\n", word)
                                     : fmt::format("invalid port/service `{}' specified", word));
  return *port;
}

/// "80", "80:90", ":90", "80:"; `protocol` words the refusal.
PortRange ParsePorts(const std::string& word, char separator = ':', uint8_t protocol = kTcp) {
  const size_t at = word.find(separator);
  if (at == std::string::npos) {
    const uint16_t port = ParsePort(word, 0, protocol);
    return {port, port};
  }
  const PortRange ports{ParsePort(word.substr(0, at), 0, protocol), ParsePort(word.substr(at + 1), 65535, protocol)};
  if (ports.first > ports.last) RefuseParameter("invalid portrange (min > max)");
  return ports;
}

/// "5", "0x4000/0x4000"
std::pair<uint32_t, uint32_t> ParseMark(const std::string& match, const std::string& option, const std::string& word) {
  const size_t slash = word.find('/');
  const auto value = ParseNumber(word.substr(0, slash), UINT32_MAX);
  const auto mask = slash == std::string::npos ? std::optional<uint64_t>(UINT32_MAX)
                                               : ParseNumber(word.substr(slash + 1), UINT32_MAX);
  if (!value || !mask)
    RefuseParameter(fmt::format("{}: bad integer value for option \"{}\", or out of range.\n", match, option));
  return {static_cast<uint32_t>(*value), static_cast<uint32_t>(*mask)};
}

/// "10.1.1.1", "10.1.1.1-10.1.1.9:1000-2000", ":80"; "fd00::1", "[fd00::1-fd00::9]:1000-2000"
void ParseNatAddress(const std::string& word, NatRange& range, bool isV6) {
  size_t colon = word.find(':');
  std::string addresses = word.substr(0, colon);
  if (isV6 && !word.empty() && word[0] == '[') {
    const size_t close = word.find(']');
    if (close == std::string::npos) RefuseParameter(fmt::format("Invalid address:port syntax \"{}\"\n", word));
    addresses = word.substr(1, close - 1);
    colon = close + 1 < word.size() ? close + 1 : std::string::npos;
  } else if (isV6 && (colon != 0 || word.find(':', 1) != std::string::npos)) {
    addresses = word;
    colon = std::string::npos;
  }
  if (!addresses.empty()) {
    const size_t dash = addresses.find('-');
    const auto low = IpAddress::Parse(addresses.substr(0, dash));
    const auto high = dash == std::string::npos ? low : IpAddress::Parse(addresses.substr(dash + 1));
    if (!low || !high || low->IsV6() != isV6 || high->IsV6() != isV6)
      RefuseParameter(fmt::format("Bad IP address \"{}\"{}", addresses, isV6 ? "" : "\n"));
    range.low = *low;
    range.high = *high;
  }
  if (colon != std::string::npos) range.ports = ParsePorts(word.substr(colon + 1), '-');
}

uint8_t ParseTcpFlags(const std::string& words) {
  uint8_t out = 0;
  for (const std::string& word : Split(words, ',')) {
    if (word == "ALL") {
      out = 0x3f;
    } else if (word != "NONE") {
      const auto flag =
          std::find_if(kTcpFlags.begin(), kTcpFlags.end(), [&](const auto& f) { return word == f.first; });
      if (flag == kTcpFlags.end()) RefuseParameter(fmt::format("Unknown TCP flag `{}'", word));
      out |= flag->second;
    }
  }
  return out;
}

uint16_t ParseAddressTypes(const std::string& words) {
  uint16_t out = 0;
  for (const std::string& word : Split(words, ',')) {
    const auto type =
        std::find_if(kAddressTypes.begin(), kAddressTypes.end(), [&](const auto& t) { return word == t.first; });
    if (type == kAddressTypes.end()) RefuseParameter(fmt::format("addrtype: bad type \"{}\"", word));
    out = static_cast<uint16_t>(out | 1u << type->second);
  }
  return out;
}

/// parse_rate() of libxt_limit.c, in the words that iptables shows: it keeps the time that one packet takes, and says
/// it in the longest unit in which that is a whole number of packets.
void ParseRate(const std::string& word, LimitMatch& limit) {
  constexpr uint64_t kScale = 10000;
  static constexpr std::pair<const char*, uint64_t> kUnits[] = {
      {"day", 86400}, {"hour", 3600}, {"minute", 60}, {"second", 1}};
  auto refuse = [&] { RefuseParameter(fmt::format("bad rate \"{}\"'", word)); };
  const size_t slash = word.find('/');
  const auto rate = ParseNumber(word.substr(0, slash), INT32_MAX);
  const std::string unit = slash == std::string::npos ? "second" : word.substr(slash + 1);
  const auto given = std::find_if(std::begin(kUnits), std::end(kUnits), [&](const auto& u) {
    return !unit.empty() && std::string_view(u.first).substr(0, unit.size()) == unit;
  });
  if (!rate || *rate == 0 || given == std::end(kUnits)) refuse();
  const uint64_t period = kScale * given->second / *rate;
  if (period == 0) RefuseParameter(fmt::format("Rate too fast \"{}\"", word));
  size_t shown = 0;
  while (shown + 1 < std::size(kUnits)) {
    const uint64_t next = kScale * kUnits[shown + 1].second;
    if (period > next || next / period < next % period) break;
    ++shown;
  }
  limit.rate = kScale * kUnits[shown].second / period;
  limit.unit = Seconds(static_cast<int64_t>(kUnits[shown].second));
}

bool IsTransport(uint8_t protocol) {
  return protocol == kTcp || protocol == kUdp || protocol == kDccp || protocol == kSctp || protocol == kUdplite;
}

struct TargetName {
  const char* name;
  Target::Kind kind;
};
constexpr TargetName kTargets[] = {
    {"ACCEPT", Target::Kind::Accept},         {"DROP", Target::Kind::Drop},       {"REJECT", Target::Kind::Reject},
    {"RETURN", Target::Kind::Return},         {"MARK", Target::Kind::Mark},       {"LOG", Target::Kind::Log},
    {"MASQUERADE", Target::Kind::Masquerade}, {"SNAT", Target::Kind::Snat},       {"DNAT", Target::Kind::Dnat},
    {"REDIRECT", Target::Kind::Redirect},     {"NOTRACK", Target::Kind::Notrack}, {"CT", Target::Kind::Notrack}};
constexpr const char* kOtherTargets[] = {"NFLOG",    "CONNMARK", "TCPMSS", "TPROXY", "TRACE", "CLASSIFY",  "DSCP",
                                         "CHECKSUM", "NETMAP",   "TTL",    "SET",    "QUEUE", "CLUSTERIP", "NFQUEUE"};
constexpr const char* kOtherMatches[] = {
    "set",       "statistic", "iprange", "mac",  "string",  "u32",      "length", "ttl",    "owner", "recent",
    "hashlimit", "connlimit", "tos",     "dscp", "pkttype", "rpfilter", "socket", "cgroup", "bpf",   "time",
    "connmark",  "hl",        "eui64",   "frag", "rt",      "hbh",      "dst",    "ah",     "mh",    "ipv6header"};

}  // namespace

template <typename M>
M* IptablesRule::Last() {
  for (auto it = m_extensions.rbegin(); it != m_extensions.rend(); ++it)
    if (M* match = std::get_if<M>(&*it)) return match;
  return nullptr;
}
template <typename M>
M& IptablesRule::LastOrNew() {
  if (M* match = Last<M>()) return *match;
  return std::get<M>(m_extensions.emplace_back(M{}));
}

bool IptablesRule::HasTransport() const {
  return m_protocol && !m_protocol->isNot && IsTransport(m_protocol->protocol);
}

void IptablesRule::Load(const std::string& match) {
  static constexpr std::pair<const char*, uint8_t> kTransports[] = {
      {"tcp", kTcp}, {"udp", kUdp}, {"sctp", kSctp}, {"dccp", kDccp}, {"udplite", kUdplite}};
  for (const auto& [name, protocol] : kTransports)
    if (match == name) return void(m_extensions.emplace_back(TransportMatch{.protocol = protocol}));
  const bool isIcmp = m_isV6 ? match == "icmp6" || match == "icmpv6" : match == "icmp";
  if (isIcmp)
    return void(m_extensions.emplace_back(IcmpMatch{.isV6 = m_isV6, .isNot = true}));  // Finish() wants a type
  if (match == "comment") return void(m_extensions.emplace_back(Comment{}));
  if (match == "conntrack") return void(m_extensions.emplace_back(StateMatch{}));
  if (match == "state") return void(m_extensions.emplace_back(StateMatch{.asState = true}));
  if (match == "mark") return void(m_extensions.emplace_back(MarkMatch{.mask = 0}));
  if (match == "multiport") return void(m_extensions.emplace_back(MultiportMatch{}));
  if (match == "addrtype") return void(m_extensions.emplace_back(AddressTypeMatch{}));
  if (match == "physdev") return void(m_extensions.emplace_back(PhysdevMatch{}));
  if (match == "limit") return void(m_extensions.emplace_back(LimitMatch{}));
  for (const char* other : kOtherMatches)
    if (match == other) NotSupported(fmt::format("the match \"{}\"", match));
  RefuseParameter(fmt::format("Couldn't load match `{}':No such file or directory\n", match));
}

bool IptablesRule::TakeBasic(Words& words, const std::string& option, bool isNot) {
  if (option == "-p" || option == "--protocol" || option == "--proto") {
    const std::string name = NeedValue(words, option);
    const auto protocol = ParseIpProtocol(name);
    if (!protocol) RefuseParameter(fmt::format("unknown protocol \"{}\" specified", name));
    if (*protocol != 0) m_protocol = kernel::ProtocolMatch{*protocol, isNot};
  } else if (option == "-s" || option == "--source" || option == "--src") {
    m_sources = ParseAddresses(NeedValue(words, option), false, isNot, m_isV6);
  } else if (option == "-d" || option == "--destination" || option == "--dst") {
    m_destinations = ParseAddresses(NeedValue(words, option), true, isNot, m_isV6);
  } else if (option == "-i" || option == "--in-interface") {
    m_in = kernel::DeviceMatch{false, NeedValue(words, option), isNot};
  } else if (option == "-o" || option == "--out-interface") {
    m_out = kernel::DeviceMatch{true, NeedValue(words, option), isNot};
  } else if (option == "-m" || option == "--match") {
    Load(NeedValue(words, option));
  } else if (m_isV6 && (option == "-f" || option == "--fragments")) {
    RefuseParameter("`-f' is not supported in IPv6, use -m frag instead");
  } else {
    return false;
  }
  return true;
}

bool IptablesRule::TakePhysdev(Words& words, const std::string& option, bool isNot) {
  PhysdevMatch* match = Last<PhysdevMatch>();
  if (!match) return false;
  if (option == "--physdev-in") {
    match->in = NeedValue(words, option);
    match->notIn = isNot;
  } else if (option == "--physdev-out") {
    match->out = NeedValue(words, option);
    match->notOut = isNot;
  } else if (option == "--physdev-is-in") {
    match->isIn = true;
    match->notIsIn = isNot;
  } else if (option == "--physdev-is-out") {
    match->isOut = true;
    match->notIsOut = isNot;
  } else if (option == "--physdev-is-bridged") {
    match->isBridged = true;
    match->notIsBridged = isNot;
  } else {
    return false;
  }
  return true;
}

bool IptablesRule::TakeExtension(Words& words, const std::string& option, bool isNot) {
  auto value = [&] { return NeedValue(words, option); };
  auto transport = [&]() -> TransportMatch& {
    TransportMatch& match = LastOrNew<TransportMatch>();
    if (match.protocol == 0) match.protocol = m_protocol->protocol;
    return match;
  };
  const bool hasPorts = HasTransport() || Last<TransportMatch>();
  const bool isTcp = (HasTransport() && m_protocol->protocol == kTcp) ||
                     (Last<TransportMatch>() && Last<TransportMatch>()->protocol == kTcp);
  MultiportMatch* multiport = Last<MultiportMatch>();
  auto takeMultiport = [&](MultiportMatch::Of of) {
    multiport->of = of;
    multiport->isNot = isNot;
    for (const std::string& word : Split(value(), ',')) multiport->any.push_back(ParsePorts(word));
  };
  if (multiport && (option == "--dports" || option == "--destination-ports")) {
    takeMultiport(MultiportMatch::Of::Destination);
  } else if (multiport && (option == "--sports" || option == "--source-ports")) {
    takeMultiport(MultiportMatch::Of::Source);
  } else if (multiport && option == "--ports") {
    takeMultiport(MultiportMatch::Of::Either);
  } else if (hasPorts && (option == "--sport" || option == "--source-port")) {
    TransportMatch& match = transport();
    match.source = ParsePorts(value(), ':', match.protocol);
    match.notSource = isNot;
  } else if (hasPorts && (option == "--dport" || option == "--destination-port")) {
    TransportMatch& match = transport();
    match.destination = ParsePorts(value(), ':', match.protocol);
    match.notDestination = isNot;
  } else if (isTcp && option == "--syn") {
    TransportMatch& match = transport();
    match.flagMask = 0x17;
    match.flags = 0x02;
    match.notFlags = isNot;
  } else if (isTcp && option == "--tcp-flags") {
    TransportMatch& match = transport();
    match.flagMask = ParseTcpFlags(value());
    match.flags = ParseTcpFlags(value());
    match.notFlags = isNot;
  } else if (option == (m_isV6 ? "--icmpv6-type" : "--icmp-type") &&
             (Last<IcmpMatch>() || (m_protocol && m_protocol->protocol == (m_isV6 ? kIcmpv6 : kIcmp)))) {
    const std::string name = value();
    const auto match = ParseIcmpType(name, m_isV6);
    if (!match) RefuseParameter(fmt::format("Unknown ICMP{} type `{}'", m_isV6 ? "v6" : "", name));
    IcmpMatch& icmp = LastOrNew<IcmpMatch>();
    icmp = *match;
    icmp.isNot = isNot;
  } else if ((option == "--limit" || option == "--limit-burst") && Last<LimitMatch>()) {
    constexpr uint64_t kLargestBurst = 10000;
    if (isNot) RefuseParameter(fmt::format("limit: option \"{}\" cannot be inverted.\n", option));
    if (option == "--limit") {
      ParseRate(value(), *Last<LimitMatch>());
    } else {
      const auto burst = ParseNumber(value(), kLargestBurst);
      if (!burst) RefuseParameter("limit: bad value for option \"--limit-burst\", or out of range (0-10000).\n");
      Last<LimitMatch>()->burst = static_cast<uint32_t>(*burst);
    }
  } else if (option == "--comment" && Last<Comment>()) {
    Last<Comment>()->text = value();
  } else if ((option == "--ctstate" && Last<StateMatch>() && !Last<StateMatch>()->asState) ||
             (option == "--state" && Last<StateMatch>() && Last<StateMatch>()->asState)) {
    StateMatch& match = *Last<StateMatch>();
    for (const std::string& word : Split(value(), ',')) {
      const auto state = std::find_if(kConnectionStates.begin(), kConnectionStates.end(),
                                      [&](const auto& s) { return word == s.first; });
      if (state == kConnectionStates.end() || (match.asState && state->second >= kernel::kStateSnat))
        RefuseParameter(fmt::format("Bad {} \"{}\"", match.asState ? "state" : "ctstate", word));
      match.any |= state->second;
    }
    match.isNot = isNot;
  } else if (option == "--mark" && Last<MarkMatch>()) {
    MarkMatch& match = *Last<MarkMatch>();
    std::tie(match.value, match.mask) = ParseMark("mark", option, value());
    match.isNot = isNot;
  } else if (option == "--src-type" && Last<AddressTypeMatch>()) {
    Last<AddressTypeMatch>()->source = ParseAddressTypes(value());
    Last<AddressTypeMatch>()->notSource = isNot;
  } else if (option == "--dst-type" && Last<AddressTypeMatch>()) {
    Last<AddressTypeMatch>()->destination = ParseAddressTypes(value());
    Last<AddressTypeMatch>()->notDestination = isNot;
  } else {
    return TakePhysdev(words, option, isNot);
  }
  return true;
}

bool IptablesRule::TakeTarget(Words& words, const std::string& option) {
  auto value = [&] { return NeedValue(words, option); };
  auto mark = [&] { return ParseMark("MARK", option, value()); };
  Target& t = m_target;
  switch (t.kind) {
    case Target::Kind::Reject:
      if (option == "--reject-with") {
        const std::string name = value();
        const auto with = ParseRejectType(name, m_isV6);
        if (!with) RefuseParameter(fmt::format("unknown reject type \"{}\"", name));
        t.rejectWith = *with;
        return true;
      }
      return false;
    case Target::Kind::Mark: {
      std::pair<uint32_t, uint32_t> given;
      if (option == "--set-xmark") {
        std::tie(t.mark, t.mask) = mark();
      } else if (option == "--set-mark") {
        given = mark();
        t.mark = given.first;
        t.mask = given.first | given.second;
      } else if (option == "--or-mark") {
        t.mark = t.mask = mark().first;
      } else if (option == "--and-mark") {
        t.mark = 0;
        t.mask = ~mark().first;
      } else if (option == "--xor-mark") {
        t.mark = mark().first;
        t.mask = 0;
      } else {
        return false;
      }
      return m_hasMark = true;
    }
    case Target::Kind::Log:
      if (option == "--log-prefix") {
        t.prefix = value();
        return true;
      }
      if (option == "--log-level") {
        const std::string level = value();
        if (level != "4" && level != "warning" && level != "warn") NotSupported("a log level other than warning");
        return true;
      }
      return false;
    case Target::Kind::Notrack:
      return t.asCt && option == "--notrack";
    case Target::Kind::Masquerade:
    case Target::Kind::Redirect:
    case Target::Kind::Snat:
    case Target::Kind::Dnat:
      break;
    default:
      return false;
  }
  const bool toPorts = t.kind == Target::Kind::Masquerade || t.kind == Target::Kind::Redirect;
  if (toPorts && option == "--to-ports") {
    if (!HasTransport()) RefuseParameter("Need TCP, UDP, SCTP or DCCP with port specification");
    t.nat.ports = ParsePorts(value(), '-');
  } else if ((t.kind == Target::Kind::Snat && option == "--to-source") ||
             (t.kind == Target::Kind::Dnat && option == "--to-destination")) {
    ParseNatAddress(value(), t.nat, m_isV6);
    if (t.nat.ports && !HasTransport()) RefuseParameter("Need TCP, UDP, SCTP or DCCP with port specification");
    m_hasNatAddress = true;
  } else if (option == "--random") {
    t.nat.random = true;
  } else if (option == "--random-fully" && t.kind != Target::Kind::Dnat && t.kind != Target::Kind::Redirect) {
    t.nat.fullyRandom = true;
  } else if (option == "--persistent" && !toPorts) {
    t.nat.persistent = true;
  } else {
    return false;
  }
  return true;
}

bool IptablesRule::Take(Words& words, const std::string& option, bool isNot, const kernel::FilterTable* table) {
  if (option == "-j" || option == "--jump" || option == "-g" || option == "--goto") {
    if (!m_targetName.empty())
      RefuseParameter(fmt::format("multiple -{} flags not allowed", option[1] == '-' ? option[2] : option[1]));
    m_targetName = NeedValue(words, option);
    const bool isGoto = option == "-g" || option == "--goto";
    if (!isGoto)
      for (const TargetName& target : kTargets)
        if (m_targetName == target.name) {
          m_target.kind = target.kind;
          m_target.asCt = m_targetName == "CT";
          m_target.isIcmpv6 = m_isV6 && target.kind == Target::Kind::Reject;
          return true;
        }
    if (table && table->Find(m_targetName)) {
      m_target.kind = isGoto ? Target::Kind::Goto : Target::Kind::Jump;
      m_target.chain = m_targetName;
      return true;
    }
    for (const char* other : kOtherTargets)
      if (m_targetName == other) NotSupported(fmt::format("the target {}", m_targetName));
    RefuseParameter(fmt::format("Chain '{}' does not exist", m_targetName));
  }
  if (option == "-c" || option == "--set-counters") {
    packets = ParseNumber(NeedValue(words, option), UINT64_MAX).value_or(0);
    bytes = ParseNumber(NeedValue(words, option), UINT64_MAX).value_or(0);
    return true;
  }
  return TakeBasic(words, option, isNot) || TakeExtension(words, option, isNot) || TakeTarget(words, option);
}

std::vector<FilterRule> IptablesRule::Finish() const {
  for (const Match& match : m_extensions) {
    if (const auto* icmp = std::get_if<IcmpMatch>(&match); icmp && !icmp->type && icmp->isNot)
      RefuseParameter(m_isV6 ? "icmp6: option \"--icmpv6-type\" must be specified\n"
                             : "icmp: option \"--icmp-type\" must be specified\n");
    if (const auto* state = std::get_if<StateMatch>(&match); state && state->any == 0)
      RefuseParameter(state->asState ? "state: option \"--state\" must be specified\n"
                                     : "conntrack: At least one option is required");
    if (const auto* mark = std::get_if<MarkMatch>(&match); mark && mark->mask == 0 && mark->value == 0)
      RefuseParameter("mark: option \"--mark\" must be specified\n");
    if (const auto* type = std::get_if<AddressTypeMatch>(&match); type && type->source == 0 && type->destination == 0)
      RefuseParameter("addrtype: you must specify --src-type or --dst-type");
    if (const auto* physdev = std::get_if<PhysdevMatch>(&match); physdev && *physdev == PhysdevMatch{})
      RefuseParameter("PHYSDEV: no physdev option specified");
    if (const auto* ports = std::get_if<MultiportMatch>(&match)) {
      if (ports->any.empty()) RefuseParameter("multiport expection an option");
      if (!HasTransport()) RefuseParameter("multiport needs `-p tcp', `-p udp', `-p udplite', `-p sctp' or `-p dccp'");
    }
  }
  if ((m_target.kind == Target::Kind::Snat || m_target.kind == Target::Kind::Dnat) && !m_hasNatAddress)
    RefuseParameter(fmt::format("{}: option \"--to-{}\" must be specified\n", m_targetName,
                                m_target.kind == Target::Kind::Snat ? "source" : "destination"));
  if (m_target.kind == Target::Kind::Mark && !m_hasMark)
    RefuseParameter("MARK: One of the --set-xmark, --{and,or,xor,set}-mark options is required");
  std::vector<FilterRule> out;
  const std::vector<AddressMatch> none(1);
  for (const AddressMatch& source : m_sources.empty() ? none : m_sources)
    for (const AddressMatch& destination : m_destinations.empty() ? none : m_destinations) {
      FilterRule rule{.target = m_target, .packets = packets, .bytes = bytes};
      if (!source.any.empty() && (source.any[0].length > 0 || source.isNot)) rule.matches.push_back(source);
      if (!destination.any.empty() && (destination.any[0].length > 0 || destination.isNot))
        rule.matches.push_back(destination);
      if (m_in) rule.matches.push_back(*m_in);
      if (m_out) rule.matches.push_back(*m_out);
      if (m_protocol) rule.matches.push_back(*m_protocol);
      rule.matches.insert(rule.matches.end(), m_extensions.begin(), m_extensions.end());
      out.push_back(std::move(rule));
    }
  return out;
}

}  // namespace overlaysim::iproute2
