// The program `iptables`: the filter table's built-in chains.

#include "sim/iproute2/iptables.h"

#include <fmt/format.h>

#include "sim/iproute2/names.h"
#include "sim/iproute2/words.h"

namespace overlaysim::iproute2 {

using kernel::Filter;
using kernel::FilterChain;
using kernel::FilterChainState;
using kernel::FilterRule;
using kernel::FilterTarget;
using kernel::Namespace;
using kernel::Table;
using kernel::TableChange;

namespace {

constexpr std::pair<const char*, FilterChain> kChains[] = {
    {"INPUT", FilterChain::Input}, {"FORWARD", FilterChain::Forward}, {"OUTPUT", FilterChain::Output}};

[[noreturn]] void Refuse(const std::string& message) {
  throw Failure{
      2, fmt::format("iptables v1.8.9 (nf_tables): {}\nTry `iptables -h' or 'iptables --help' for more information.\n",
                     message)};
}

/// A rule of an unknown chain, match or target.
[[noreturn]] void NoSuchChain() { throw Failure{1, "iptables: No chain/target/match by that name.\n"}; }

struct Invocation {
  char command = 0;  ///< the letter of -A, -I, -D, -C, -R, -F, -P, -L, -S, -Z
  std::string chain;
  size_t position = 0;  ///< of -I, -D, -R; from 1; 0: none
  FilterTarget policy = FilterTarget::Accept;
  FilterRule rule;
  FilterListOptions list;
  std::string table = "filter";
};

std::string TakeOptional(Words& words) {
  return words.Done() || words.Peek()[0] == '-' || words.Peek() == "!" ? "" : words.Next();
}

size_t TakePosition(Words& words) {
  if (words.Done()) return 0;
  const auto number = ParseNumber(words.Peek(), 0x7fffffff);
  if (!number) return 0;
  words.Next();
  return static_cast<size_t>(*number);
}

std::string NeedValue(Words& words, const std::string& option) {
  if (words.Done()) Refuse(fmt::format("option \"{}\" requires an argument", option));
  return words.Next();
}

Ipv4Prefix ParseNetwork(const std::string& word) {
  try {
    return ParsePrefixOf<Ipv4Address>(word).Canonical();
  } catch (const Failure&) {
    Refuse(fmt::format("host/network `{}' not found", word));
  }
}

uint16_t ParsePort(const std::string& word, uint16_t otherwise) {
  if (word.empty()) return otherwise;
  const auto port = ParseNumber(word, 65535);
  if (!port) Refuse(fmt::format("Port \"{}\" does not resolve to anything.\n", word));
  return static_cast<uint16_t>(*port);
}

/// "80", "80:90", ":90", "80:"
std::pair<uint16_t, uint16_t> ParsePorts(const std::string& word) {
  const size_t colon = word.find(':');
  if (colon == std::string::npos) {
    const uint16_t port = ParsePort(word, 0);
    return {port, port};
  }
  return {ParsePort(word.substr(0, colon), 0), ParsePort(word.substr(colon + 1), 65535)};
}

FilterTarget ParseTarget(const std::string& word) {
  for (FilterTarget target : {FilterTarget::Accept, FilterTarget::Drop, FilterTarget::Reject, FilterTarget::Return})
    if (word == FilterTargetName(target)) return target;
  for (const char* other :
       {"LOG", "NFLOG", "MARK", "CONNMARK", "SNAT", "DNAT", "MASQUERADE", "REDIRECT", "TCPMSS", "NOTRACK", "CT"})
    if (word == other) NotSupported(fmt::format("the target {}", word));
  Refuse(fmt::format("Chain '{}' does not exist", word));
}

bool HasPorts(const FilterRule& rule) {
  return rule.protocol && !rule.notProtocol &&
         (*rule.protocol == 6 || *rule.protocol == 17 || *rule.protocol == 132 || *rule.protocol == 136);
}

/// One match or target option; false: not one of them.
bool TakeMatch(Words& words, const std::string& option, bool isNot, FilterRule& rule) {
  auto value = [&] { return NeedValue(words, option); };
  if (option == "-p" || option == "--protocol" || option == "--proto") {
    const std::string name = value();
    const auto protocol = ParseIpProtocol(name);
    if (!protocol) Refuse(fmt::format("unknown protocol \"{}\" specified", name));
    if (*protocol != 0) rule.protocol = *protocol;
    rule.notProtocol = isNot;
  } else if (option == "-s" || option == "--source" || option == "--src") {
    rule.source = ParseNetwork(value());
    rule.notSource = isNot;
  } else if (option == "-d" || option == "--destination" || option == "--dst") {
    rule.destination = ParseNetwork(value());
    rule.notDestination = isNot;
  } else if (option == "-i" || option == "--in-interface") {
    rule.inDevice = value();
    rule.notInDevice = isNot;
  } else if (option == "-o" || option == "--out-interface") {
    rule.outDevice = value();
    rule.notOutDevice = isNot;
  } else if (HasPorts(rule) && (option == "--sport" || option == "--source-port")) {
    rule.sourcePorts = ParsePorts(value());
    rule.notSourcePorts = isNot;
  } else if (HasPorts(rule) && (option == "--dport" || option == "--destination-port")) {
    rule.destinationPorts = ParsePorts(value());
    rule.notDestinationPorts = isNot;
  } else if (rule.protocol == 1 && option == "--icmp-type") {
    const std::string name = value();
    if (name == "any") return true;
    const auto match = ParseIcmpType(name);
    if (!match) Refuse(fmt::format("Unknown ICMP type `{}'", name));
    rule.icmpType = match->type;
    rule.icmpCode = match->code;
    rule.notIcmpType = isNot;
  } else if (option == "--comment") {
    rule.comment = value();
  } else if (option == "-m" || option == "--match") {
    const std::string name = value();
    static constexpr const char* kMatches[] = {"tcp", "udp", "sctp", "icmp", "comment"};
    static constexpr const char* kOthers[] = {"conntrack", "state",    "mark",    "multiport", "set", "limit",
                                              "statistic", "addrtype", "physdev", "iprange",   "mac", "string",
                                              "u32",       "length",   "ttl",     "owner"};
    for (const char* other : kOthers)
      if (name == other) NotSupported(fmt::format("the match \"{}\"", name));
    if (std::none_of(std::begin(kMatches), std::end(kMatches), [&](const char* m) { return name == m; }))
      Refuse(fmt::format("Couldn't load match `{}':No such file or directory\n", name));
  } else if (option == "-j" || option == "--jump") {
    rule.target = ParseTarget(value());
  } else if (rule.target == FilterTarget::Reject && option == "--reject-with") {
    const std::string name = value();
    rule.rejectWith = RejectType(name);
    if (rule.rejectWith.empty()) Refuse(fmt::format("unknown reject type \"{}\"", name));
  } else {
    return false;
  }
  return true;
}

/// The letter of a command option, or 0.
char CommandLetter(const std::string& option) {
  static constexpr std::pair<const char*, char> kCommands[] = {
      {"--append", 'A'},    {"--insert", 'I'},       {"--delete", 'D'},      {"--check", 'C'},      {"--replace", 'R'},
      {"--flush", 'F'},     {"--policy", 'P'},       {"--list", 'L'},        {"--list-rules", 'S'}, {"--zero", 'Z'},
      {"--new-chain", 'N'}, {"--delete-chain", 'X'}, {"--rename-chain", 'E'}};
  for (const auto& [name, letter] : kCommands)
    if (option == name || (option.size() == 2 && option[0] == '-' && option[1] == letter)) return letter;
  return 0;
}

void TakeCommand(Words& words, char letter, const std::string& option, Invocation& call) {
  if (call.command != 0) Refuse(fmt::format("Cannot use -{} with -{}\n", letter, call.command));
  call.command = letter;
  const bool chainMayLack = std::string_view("FLSZX").find(letter) != std::string_view::npos;
  call.chain = chainMayLack ? TakeOptional(words) : NeedValue(words, option);
  if (letter == 'I' || letter == 'D' || letter == 'R' || letter == 'S' || letter == 'L')
    call.position = TakePosition(words);
  if (letter == 'P') {
    const std::string policy = NeedValue(words, option);
    if (policy != "ACCEPT" && policy != "DROP")
      throw Failure{1, "iptables: Bad policy name. Run `dmesg' for more information.\n"};
    call.policy = policy == "DROP" ? FilterTarget::Drop : FilterTarget::Accept;
  }
}

bool TakeListOption(const std::string& option, FilterListOptions& list) {
  if (option == "-n" || option == "--numeric") return list.numeric = true;
  if (option == "-v" || option == "--verbose") return list.verbose = true;
  if (option == "-x" || option == "--exact") return list.exact = true;
  if (option == "--line-numbers") return list.lineNumbers = true;
  return option == "-w" || option == "--wait";  // there is nobody to wait for
}

/// "-nvL" as "-n -v -L"
std::vector<std::string> Unbundled(std::vector<std::string> words) {
  std::vector<std::string> out;
  for (std::string& word : words) {
    const bool bundle = word.size() > 2 && word[0] == '-' && word[1] != '-' &&
                        word.find_first_not_of("nvxLSFZ", 1) == std::string::npos;
    if (!bundle) {
      out.push_back(std::move(word));
      continue;
    }
    for (char letter : word.substr(1)) out.push_back(std::string("-") + letter);
  }
  return out;
}

Invocation Parse(Words& words) {
  Invocation call;
  call.rule.target = FilterTarget::Continue;
  while (!words.Done()) {
    const bool isNot = words.Take("!");
    const std::string option = NeedValue(words, "!");
    if (const char letter = CommandLetter(option)) {
      TakeCommand(words, letter, option, call);
    } else if (option == "-t" || option == "--table") {
      call.table = NeedValue(words, option);
    } else if (option == "-V" || option == "--version") {
      throw Failure{0, ""};
    } else if (!TakeListOption(option, call.list) && !TakeMatch(words, option, isNot, call.rule)) {
      if (option[0] != '-')
        throw Failure{
            2,
            fmt::format("Bad argument `{}'\nTry `iptables -h' or 'iptables --help' for more information.\n", option)};
      Refuse(fmt::format("unknown option \"{}\"", option));
    }
  }
  if (call.command == 0) Refuse("no command specified");
  if (call.chain == "INPUT" && !call.rule.outDevice.empty()) Refuse("Can't use -o with INPUT\n");
  if (call.chain == "OUTPUT" && !call.rule.inDevice.empty()) Refuse("Can't use -i with OUTPUT\n");
  if (call.rule.target == FilterTarget::Reject) {
    if (call.rule.rejectWith.empty()) call.rule.rejectWith = "icmp-port-unreachable";
    if (call.rule.rejectWith == "tcp-reset" && call.rule.protocol != 6)
      throw Failure{
          4, fmt::format("iptables v1.8.9 (nf_tables):  RULE_APPEND failed (Invalid argument): rule in chain {}\n",
                         call.chain)};
  }
  return call;
}

FilterChainState* FindChain(Filter& filter, const std::string& name) {
  for (const auto& [chainName, chain] : kChains)
    if (name == chainName) return &filter.Chain(chain);
  return nullptr;
}

class FilterEditor {
 public:
  explicit FilterEditor(Namespace& ns) : m_ns(ns) {}

  void Insert(FilterChainState& chain, size_t index, FilterRule rule) {
    rule.rowId = m_ns.NextRowId();
    const auto at = chain.rules.insert(chain.rules.begin() + static_cast<std::ptrdiff_t>(index), std::move(rule));
    m_ns.Changed(Table::Filter, TableChange::Op::Add, &*at, at->rowId);
  }
  void Erase(FilterChainState& chain, size_t index) {
    const FilterRule gone = chain.rules[index];
    chain.rules.erase(chain.rules.begin() + static_cast<std::ptrdiff_t>(index));
    m_ns.Changed(Table::Filter, TableChange::Op::Delete, &gone, gone.rowId);
  }
  void Clear(FilterChainState& chain) {
    while (!chain.rules.empty()) Erase(chain, chain.rules.size() - 1);
  }

 private:
  Namespace& m_ns;
};

size_t IndexOf(const FilterChainState& chain, const FilterRule& rule) {
  for (size_t i = 0; i < chain.rules.size(); ++i)
    if (chain.rules[i].SameMatch(rule)) return i;
  throw Failure{1, "iptables: Bad rule (does a matching rule exist in that chain?).\n"};
}

void Edit(Namespace& ns, const Invocation& call) {
  FilterEditor editor(ns);
  FilterChainState* chain = FindChain(ns.filter, call.chain);
  if (!chain) {
    if (call.command == 'D' || call.command == 'C') IndexOf({}, call.rule);
    NoSuchChain();
  }
  const size_t count = chain->rules.size();
  switch (call.command) {
    case 'A':
      return editor.Insert(*chain, count, call.rule);
    case 'I':
      if (call.position > count + 1) throw Failure{1, "iptables: Index of insertion too big.\n"};
      return editor.Insert(*chain, call.position == 0 ? 0 : call.position - 1, call.rule);
    case 'D':
      if (call.position > count) throw Failure{1, "iptables: Index of deletion too big.\n"};
      return editor.Erase(*chain, call.position != 0 ? call.position - 1 : IndexOf(*chain, call.rule));
    case 'R':
      if (call.position == 0 || call.position > count) throw Failure{1, "iptables: Index of replacement too big.\n"};
      editor.Erase(*chain, call.position - 1);
      return editor.Insert(*chain, call.position - 1, call.rule);
    case 'C':
      IndexOf(*chain, call.rule);
      return;
    default:
      chain->policy = call.policy;
      return;
  }
}

/// -F, -Z, -L and -S, of one chain or of all.
std::string VisitChains(Namespace& ns, const Invocation& call) {
  if (!call.chain.empty() && !FindChain(ns.filter, call.chain)) NoSuchChain();
  FilterEditor editor(ns);
  std::string out;
  bool first = true;
  if (call.command == 'S')
    for (const auto& [name, id] : kChains)
      if (call.chain.empty() || call.chain == name)
        out += fmt::format("-P {} {}\n", name, FilterTargetName(ns.filter.Chain(id).policy));
  for (const auto& [name, id] : kChains) {
    if (!call.chain.empty() && call.chain != name) continue;
    FilterChainState& chain = ns.filter.Chain(id);
    if (call.command == 'F') {
      editor.Clear(chain);
    } else if (call.command == 'Z') {
      chain.packets = chain.bytes = 0;
      for (FilterRule& rule : chain.rules) rule.packets = rule.bytes = 0;
    } else if (call.command == 'L') {
      if (!first) out += "\n";
      out += FilterChainTable(name, chain, call.list);
    } else {
      for (const FilterRule& rule : chain.rules) out += FilterRuleLine(name, rule) + "\n";
    }
    first = false;
  }
  return out;
}

}  // namespace

void RunIptables(Session& session, Words& words) {
  Words unbundled(Unbundled(words.Rest()));
  const Invocation call = Parse(unbundled);
  for (const char* other : {"nat", "mangle", "raw", "security"})
    if (call.table == other) NotSupported(fmt::format("the table {}", call.table));
  if (call.table != "filter")
    throw Failure{3, fmt::format("iptables v1.8.9 (nf_tables): table '{}' does not exist\n"
                                 "Perhaps iptables or your kernel needs to be upgraded.\n",
                                 call.table)};
  switch (call.command) {
    case 'F':
    case 'Z':
    case 'L':
    case 'S':
      session.result.out += VisitChains(session.Ns(), call);
      break;
    case 'X':
      break;  // there are no chains of one's own to delete
    case 'N':
    case 'E':
      NotSupported("a chain of one's own");
    default:
      Edit(session.Ns(), call);
  }
}

}  // namespace overlaysim::iproute2
