#include <fmt/format.h>

#include <cerrno>

#include "sim/iproute2/names.h"
#include "sim/iproute2/words.h"

namespace overlaysim::iproute2 {

using kernel::Namespace;
using kernel::RouteType;
using kernel::Rule;

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

void ParseMark(const std::string& word, Rule& rule) {
  const size_t slash = word.find('/');
  rule.fwmark = static_cast<uint32_t>(ParseNumberOr(word.substr(0, slash), 0xffffffff, "fwmark value is invalid\n"));
  rule.fwmask =
      slash == std::string::npos
          ? 0xffffffff
          : static_cast<uint32_t>(ParseNumberOr(word.substr(slash + 1), 0xffffffff, "fwmask value is invalid\n"));
}

/// iprule_modify()
Rule ParseRule(Words& words) {
  Rule rule;
  while (!words.Done()) {
    std::string word = words.Next();
    if (word == "from") {
      rule.from = ParsePrefix(words.Next());
    } else if (word == "to") {
      rule.to = ParsePrefix(words.Next());
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

void Add(Session& session, Words& words) {
  if (words.Done()) throw Failure{1, "\"ip rule add\" requires arguments.\n"};
  Rule rule = ParseRule(words);
  if (rule.table == 0 && rule.action == RouteType::Unicast) rule.table = kernel::kTableMain;
  if (rule.action != RouteType::Unicast) rule.table = 0;
  CheckRtnetlink(session, session.Ns().AddRule(std::move(rule)));
}

void Delete(Session& session, Words& words) {
  if (words.Done()) throw Failure{1, "\"ip rule del\" requires arguments.\n"};
  const Rule rule = ParseRule(words);
  CheckRtnetlink(session, session.Ns().DeleteRule(rule));
}

void Flush(Session& session) {
  Namespace& ns = session.Ns();
  std::vector<Rule> all = ns.Rules();
  for (const Rule& rule : all)
    if (rule.preference != 0) ns.DeleteRule(rule);
}

void Show(Session& session, Words& words) {
  RuleFilter filter;
  while (!words.Done()) {
    const std::string word = words.Next();
    if (Abbreviates(word, "preference") || word == "order" || Abbreviates(word, "priority")) {
      filter.preference =
          static_cast<uint32_t>(ParseNumberOr(words.Next(), 0xffffffff, "preference value is invalid\n"));
    } else if (Abbreviates(word, "table") || Abbreviates(word, "lookup")) {
      filter.table = ParseTableOr(words.Next());
    } else if (word == "from") {
      filter.from = ParsePrefix(words.Next());
    } else if (word == "to") {
      filter.to = ParsePrefix(words.Next());
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

}  // namespace

void IpRule(Session& session, Words& words) {
  if (words.TakeAbbreviated({"add"})) return Add(session, words);
  if (words.TakeAbbreviated({"delete"})) return Delete(session, words);
  if (words.TakeAbbreviated({"flush"})) return Flush(session);
  if (!words.Done() && !words.TakeAbbreviated({"list", "show", "lst"}))
    throw Failure{255, fmt::format("Command \"{}\" is unknown, try \"ip rule help\".\n", words.Peek())};
  Show(session, words);
}

}  // namespace overlaysim::iproute2
