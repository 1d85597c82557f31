#include <fmt/format.h>

#include <cerrno>

#include "sim/iproute2/names.h"
#include "sim/iproute2/words.h"

namespace overlaysim::iproute2 {

using kernel::Namespace;
using kernel::RouteType;

namespace {

std::string ParseDevice(Words& words, const char* message) {
  const std::string name = words.Next();
  if (!IsValidLinkName(name)) InvalidArgument(name, message);
  return name;
}

uint32_t ParseTableOr(const std::string& word) {
  const auto table = ParseTable(word);
  if (!table) InvalidArgument(word, "invalid table ID\n");
  return *table;
}

template <typename Rule>
void ParseMark(const std::string& word, Rule& rule) {
  const size_t slash = word.find('/');
  rule.fwmark = static_cast<uint32_t>(ParseNumberOr(word.substr(0, slash), 0xffffffff, "fwmark value is invalid\n"));
  rule.fwmask =
      slash == std::string::npos
          ? 0xffffffff
          : static_cast<uint32_t>(ParseNumberOr(word.substr(slash + 1), 0xffffffff, "fwmask value is invalid\n"));
}

/// iprule_modify()
template <typename A>
kernel::BasicRule<A> ParseRule(Session& session, Words& words) {
  kernel::BasicRule<A> rule;
  // Without -6 a rule is IPv4's, whatever its addresses are: the kernel refuses these.
  auto prefix = [&](const char* refusal) {
    const AnyPrefix given =
        ParsePrefix(words.Next(), kFamilyOf<A> == Family::Inet6 ? Family::Inet6 : session.show.family);
    const auto* of = std::get_if<PrefixOf<A>>(&given);
    if (!of) CheckRtnetlink(session, EINVAL, refusal);
    return *of;
  };
  while (!words.Done()) {
    std::string word = words.Next();
    if (word == "from") {
      rule.from = prefix("Invalid source address");
    } else if (word == "to") {
      rule.to = prefix("Invalid destination address");
    } else if (Abbreviates(word, "preference") || word == "order" || Abbreviates(word, "priority")) {
      rule.preference = static_cast<uint32_t>(ParseNumberOr(words.Next(), 0xffffffff, "preference value is invalid\n"));
    } else if (word == "fwmark") {
      ParseMark(words.Next(), rule);
    } else if (Abbreviates(word, "table") || Abbreviates(word, "lookup")) {
      rule.table = ParseTableOr(words.Next());
    } else if (word == "iif" || word == "dev") {
      rule.iif = ParseDevice(words, "\"iif\"/\"dev\" not a valid ifname");
    } else if (word == "oif") {
      rule.oif = ParseDevice(words, "\"oif\" not a valid ifname");
    } else if (word == "not") {
      rule.inverted = true;
    } else if (word == "tos" || Abbreviates(word, "dsfield")) {
      rule.tos = static_cast<uint8_t>(ParseNumberOr(words.Next(), 255, "TOS value is invalid\n"));
    } else if (word == "goto" || word == "nop" || word == "ipproto" || word == "sport" || word == "dport" ||
               word == "uidrange" || word == "realms" || word == "l3mdev" || word == "tun_id" ||
               Abbreviates(word, "suppress_prefixlength") || Abbreviates(word, "suppress_ifgroup") ||
               word == "protocol" || word == "nat") {
      NotSupported(fmt::format("the rule option \"{}\"", word));
    } else {
      if (word == "type") word = words.Next();
      const auto type = ParseRouteType(word);
      const bool isAction = type && (*type == RouteType::Unicast || *type == RouteType::Blackhole ||
                                     *type == RouteType::Unreachable || *type == RouteType::Prohibit);
      if (!isAction) InvalidArgument(word, "Failed to parse rule type");
      rule.action = *type;
    }
  }
  return rule;
}

template <typename A>
void Add(Session& session, Words& words) {
  if (words.Done()) throw Failure{1, "\"ip rule add\" requires arguments.\n"};
  auto rule = ParseRule<A>(session, words);
  if (rule.table == 0 && rule.action == RouteType::Unicast) rule.table = kernel::kTableMain;
  if (rule.action != RouteType::Unicast) rule.table = 0;
  CheckRtnetlink(session, TablesOf<A>(session.Ns()).AddRule(std::move(rule)));
}

template <typename A>
void Delete(Session& session, Words& words) {
  if (words.Done()) throw Failure{1, "\"ip rule del\" requires arguments.\n"};
  const auto rule = ParseRule<A>(session, words);
  CheckRtnetlink(session, TablesOf<A>(session.Ns()).DeleteRule(rule));
}

template <typename A>
void Flush(Session& session) {
  auto& tables = TablesOf<A>(session.Ns());
  const auto all = tables.Rules();
  for (const auto& rule : all)
    if (rule.preference != 0) tables.DeleteRule(rule);
}

void Show(Session& session, Words& words) {
  RuleFilter filter;
  filter.family = session.show.family;
  while (!words.Done()) {
    const std::string word = words.Next();
    if (Abbreviates(word, "preference") || word == "order" || Abbreviates(word, "priority")) {
      filter.preference =
          static_cast<uint32_t>(ParseNumberOr(words.Next(), 0xffffffff, "preference value is invalid\n"));
    } else if (Abbreviates(word, "table") || Abbreviates(word, "lookup")) {
      filter.table = ParseTableOr(words.Next());
    } else if (word == "from") {
      filter.from = ParsePrefix(words.Next(), session.show.family);
    } else if (word == "to") {
      filter.to = ParsePrefix(words.Next(), session.show.family);
    } else if (word == "iif" || word == "dev") {
      filter.iif = words.Next();
    } else if (word == "oif") {
      filter.oif = words.Next();
    } else {
      InvalidArgument(word, "Failed to parse rule type");
    }
  }
  session.result.out += RuleShow(session.Ns(), filter, session.show);
}

template <typename A>
void RunOf(Session& session, Words& words) {
  if (words.TakeAbbreviated({"add"})) return Add<A>(session, words);
  if (words.TakeAbbreviated({"delete"})) return Delete<A>(session, words);
  if (words.TakeAbbreviated({"flush"})) return Flush<A>(session);
  if (!words.Done() && !words.TakeAbbreviated({"list", "show", "lst"}))
    throw Failure{255, fmt::format("Command \"{}\" is unknown, try \"ip rule help\".\n", words.Peek())};
  Show(session, words);
}

}  // namespace

void IpRule(Session& session, Words& words) {
  if (session.show.family == Family::Inet6) return RunOf<Ipv6Address>(session, words);
  RunOf<Ipv4Address>(session, words);
}

}  // namespace overlaysim::iproute2
