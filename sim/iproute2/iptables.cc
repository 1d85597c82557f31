// The programs `iptables` and `ip6tables`, version 1.8.9 (nf_tables).

#include "sim/iproute2/iptables.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "sim/iproute2/names.h"
#include "sim/iproute2/words.h"

namespace overlaysim::iproute2 {

using kernel::FilterChain;
using kernel::FilterFamily;
using kernel::FilterRule;
using kernel::FilterTable;
using kernel::Hook;
using kernel::Namespace;
using kernel::Table;
using kernel::TableChange;
using kernel::Target;

void RefuseParameter(std::string text) { throw IptablesRefusal{IptablesRefusal::Kind::Parameter, std::move(text)}; }
void RefuseRule(std::string text) { throw IptablesRefusal{IptablesRefusal::Kind::Rule, std::move(text)}; }
void RefuseKernel(std::string text) { throw IptablesRefusal{IptablesRefusal::Kind::Kernel, std::move(text)}; }

namespace {

constexpr const char* kTables[] = {"mangle", "security", "raw", "filter", "nat"};  // in the order of iptables-save
constexpr const char* kNoSuchChain = "No chain/target/match by that name";
constexpr size_t kLongestChainName = 28;

bool IsTable(std::string_view name) {
  return std::any_of(std::begin(kTables), std::end(kTables), [&](const char* t) { return name == t; });
}

std::optional<kernel::BuiltinChain> FindBuiltin(std::string_view table, std::string_view chain) {
  for (const kernel::BuiltinChain& builtin : kernel::BuiltinChains(table))
    if (chain == kernel::BuiltinName(builtin.hook)) return builtin;
  return std::nullopt;
}

struct Invocation {
  explicit Invocation(FilterFamily ofFamily) : family(ofFamily), rule(ofFamily) {}

  FilterFamily family;
  char command = 0;  ///< the letter of -A, -I, -D, -C, -R, -F, -P, -L, -S, -Z, -N, -X, -E
  std::string chain, newName, policy;
  size_t position = 0;  ///< of -I, -D, -R, -L, -S; from 1; 0: none
  IptablesRule rule;
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
  if (words.Done()) RefuseParameter(fmt::format("option \"{}\" requires an argument", option));
  return words.Next();
}

/// The letter of a command option, or 0.
char CommandLetter(const std::string& option) {
  static constexpr std::pair<const char*, char> kCommands[] = {
      {"--append", 'A'},    {"--insert", 'I'},       {"--delete", 'D'},       {"--check", 'C'},      {"--replace", 'R'},
      {"--flush", 'F'},     {"--policy", 'P'},       {"--list", 'L'},         {"--list-rules", 'S'}, {"--zero", 'Z'},
      {"--new-chain", 'N'}, {"--delete-chain", 'X'}, {"--rename-chain", 'E'}, {"--new", 'N'}};
  for (const auto& [name, letter] : kCommands)
    if (option == name || (option.size() == 2 && option[0] == '-' && option[1] == letter)) return letter;
  return 0;
}

void TakeCommand(Words& words, char letter, const std::string& option, Invocation& call) {
  if (call.command != 0) RefuseParameter(fmt::format("Cannot use -{} with -{}\n", letter, call.command));
  call.command = letter;
  const bool chainMayLack = std::string_view("FLSZX").find(letter) != std::string_view::npos;
  call.chain = chainMayLack ? TakeOptional(words) : NeedValue(words, option);
  if (std::string_view("IDRSL").find(letter) != std::string_view::npos) call.position = TakePosition(words);
  if (letter == 'P') call.policy = NeedValue(words, option);
  if (letter == 'E') call.newName = NeedValue(words, option);
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
                        word.find_first_not_of("nvxLSFZw", 1) == std::string::npos;
    if (!bundle) {
      out.push_back(std::move(word));
      continue;
    }
    for (char letter : word.substr(1)) out.push_back(std::string("-") + letter);
  }
  return out;
}

/// `-t TABLE` is looked for first: what stands behind -j depends on it.
std::string TableOf(const std::vector<std::string>& words) {
  for (size_t i = 0; i + 1 < words.size(); ++i)
    if (words[i] == "-t" || words[i] == "--table") return words[i + 1];
  return "filter";
}

Invocation Parse(const Namespace& ns, std::vector<std::string> line, std::string_view table, FilterFamily family) {
  Invocation call(family);
  call.table = table;
  const FilterTable* chains = ns.netfilter.Find(family, table);
  Words words(Unbundled(std::move(line)));
  while (!words.Done()) {
    const bool isNot = words.Take("!");
    const std::string option = NeedValue(words, "!");
    if (const char letter = CommandLetter(option)) {
      TakeCommand(words, letter, option, call);
    } else if (option == "-t" || option == "--table") {
      NeedValue(words, option);
    } else if (!TakeListOption(option, call.list) && !call.rule.Take(words, option, isNot, chains)) {
      if (option[0] != '-')
        throw Failure{2, fmt::format("Bad argument `{0}'\nTry `{1} -h' or '{1} --help' for more information.\n", option,
                                     IptablesProgram(family))};
      RefuseParameter(fmt::format("unknown option \"{}\"", option));
    }
  }
  if (call.command == 0) RefuseParameter("no command specified");
  if (std::string_view("AIDCR").find(call.command) != std::string_view::npos) {
    if (call.rule.HasOut() && (call.chain == "INPUT" || call.chain == "PREROUTING"))
      RefuseParameter(fmt::format("Can't use -o with {}\n", call.chain));
    if (call.rule.HasIn() && (call.chain == "OUTPUT" || call.chain == "POSTROUTING"))
      RefuseParameter(fmt::format("Can't use -i with {}\n", call.chain));
  }
  return call;
}

/// What the kernel refuses: targets where they make no sense, and matches without their protocol.
bool IsRefused(const FilterTable& table, const FilterChain& chain, const FilterRule& rule) {
  auto protocol = [&]() -> int {
    for (const kernel::Match& match : rule.matches)
      if (const auto* p = std::get_if<kernel::ProtocolMatch>(&match); p && !p->isNot) return p->protocol;
    return -1;
  };
  for (const kernel::Match& match : rule.matches) {
    if (const auto* t = std::get_if<kernel::TransportMatch>(&match); t && protocol() != t->protocol) return true;
    if (const auto* icmp = std::get_if<kernel::IcmpMatch>(&match); icmp && protocol() != (icmp->isV6 ? 58 : 1))
      return true;
    if (const auto* type = std::get_if<kernel::AddressTypeMatch>(&match); type && table.family == FilterFamily::Ip6) {
      constexpr unsigned kNotOfIpv6 = 1u << 3 | 1u << 6 | 1u << 8;  // broadcast, blackhole, prohibit
      if (((type->source | type->destination) & kNotOfIpv6) != 0) return true;
    }
  }
  auto onlyAt = [&](std::string_view name, std::initializer_list<Hook> hooks) {
    if (table.name != name) return true;
    return chain.hook && std::find(hooks.begin(), hooks.end(), *chain.hook) == hooks.end();
  };
  switch (rule.target.kind) {
    case Target::Kind::Masquerade:
      return onlyAt("nat", {Hook::Postrouting});
    case Target::Kind::Snat:
      return onlyAt("nat", {Hook::Postrouting, Hook::Input});
    case Target::Kind::Dnat:
    case Target::Kind::Redirect:
      return onlyAt("nat", {Hook::Prerouting, Hook::Output});
    case Target::Kind::Notrack:
      return table.name != "raw";
    case Target::Kind::Reject:
      if (rule.target.rejectWith == kernel::RejectWith::TcpReset && protocol() != 6) return true;
      return onlyAt("filter", {Hook::Input, Hook::Forward, Hook::Output});
    default:
      return false;
  }
}

/// A jump back into the chain itself or one that leads to it.
bool Leads(const FilterTable& table, const std::string& from, const std::string& to) {
  if (from == to) return true;
  const FilterChain* chain = table.Find(from);
  return chain && std::any_of(chain->rules.begin(), chain->rules.end(), [&](const FilterRule& r) {
           return !r.target.chain.empty() && Leads(table, r.target.chain, to);
         });
}

class Editor {
 public:
  Editor(Namespace& ns, const Invocation& call) : m_ns(ns), m_family(call.family), m_table(call.table) {}
  ~Editor() { m_ns.netfilter.Rebuild(); }
  Editor(const Editor&) = delete;
  Editor& operator=(const Editor&) = delete;

  /// nullptr: there is none. A built-in chain is made when it is first used.
  FilterChain* Find(const std::string& name, bool makes) {
    if (const auto builtin = FindBuiltin(m_table, name)) {
      FilterTable* table = m_ns.netfilter.Find(m_family, m_table);
      FilterChain* chain = table ? table->Find(name) : nullptr;
      return chain || !makes ? chain : &m_ns.netfilter.Builtin(m_table, builtin->hook, m_family);
    }
    FilterTable* table = m_ns.netfilter.Find(m_family, m_table);
    return table ? table->Find(name) : nullptr;
  }
  FilterTable& TheTable() {
    FilterTable* table = m_ns.netfilter.Find(m_family, m_table);
    return table ? *table : m_ns.netfilter.Add(m_family, m_table);
  }
  void Insert(FilterChain& chain, size_t index, FilterRule rule, const char* operation) {
    const FilterTable& table = TheTable();
    auto refuse = [&](const char* why) {
      RefuseKernel(fmt::format(" {} failed ({}): rule in chain {}", operation, why, chain.name));
    };
    if (IsRefused(table, chain, rule)) refuse("Invalid argument");
    if (!rule.target.chain.empty()) {
      if (table.Find(rule.target.chain)->hook) refuse("Operation not supported");
      if (Leads(table, rule.target.chain, chain.name)) refuse("Too many links");
    }
    rule.rowId = m_ns.NextRowId();
    const auto at = chain.rules.insert(chain.rules.begin() + static_cast<std::ptrdiff_t>(index), std::move(rule));
    m_ns.Changed(Table::Filter, TableChange::Op::Add, &*at, at->rowId);
  }
  void Erase(FilterChain& chain, size_t index) {
    const FilterRule gone = chain.rules[index];
    chain.rules.erase(chain.rules.begin() + static_cast<std::ptrdiff_t>(index));
    m_ns.Changed(Table::Filter, TableChange::Op::Delete, &gone, gone.rowId);
  }
  void Clear(FilterChain& chain) {
    while (!chain.rules.empty()) Erase(chain, chain.rules.size() - 1);
  }

 private:
  Namespace& m_ns;
  FilterFamily m_family;
  std::string m_table;
};

size_t IndexOf(const FilterChain& chain, const FilterRule& rule) {
  for (size_t i = 0; i < chain.rules.size(); ++i)
    if (chain.rules[i].Same(rule)) return i;
  RefuseRule("Bad rule (does a matching rule exist in that chain?)");
}

void SetPolicy(Editor& editor, const Invocation& call) {
  if (call.table == "nat" && call.policy == "DROP")
    RefuseParameter("\nThe \"nat\" table is not intended for filtering, the use of DROP is therefore inhibited.\n\n");
  if (call.policy != "ACCEPT" && call.policy != "DROP") RefuseRule("Bad policy name. Run `dmesg' for more information");
  FilterChain* chain = FindBuiltin(call.table, call.chain) ? editor.Find(call.chain, true) : nullptr;
  if (!chain) RefuseRule(kNoSuchChain);
  chain->drops = call.policy == "DROP";
  chain->countsPolicy = true;
}

void EditRules(Namespace& ns, const Invocation& call) {
  const std::vector<FilterRule> rules = call.rule.Finish();
  Editor editor(ns, call);
  const bool makes = call.command == 'A' || call.command == 'I' || call.command == 'R';
  FilterChain* chain = editor.Find(call.chain, makes);
  if (!chain) {
    if (call.command == 'D' || call.command == 'C') IndexOf({}, rules.front());
    RefuseRule(kNoSuchChain);
  }
  for (const FilterRule& rule : rules) {
    const size_t count = chain->rules.size();
    switch (call.command) {
      case 'A':
        editor.Insert(*chain, count, rule, "RULE_APPEND");
        break;
      case 'I':
        if (call.position > count + 1) RefuseRule("Index of insertion too big");
        editor.Insert(*chain, call.position == 0 ? 0 : call.position - 1, rule, "RULE_INSERT");
        break;
      case 'D':
        if (call.position > count) RefuseRule("Index of deletion too big");
        editor.Erase(*chain, call.position != 0 ? call.position - 1 : IndexOf(*chain, rule));
        break;
      case 'R':
        if (call.position == 0 || call.position > count) RefuseRule("Index of replacement too big");
        editor.Erase(*chain, call.position - 1);
        editor.Insert(*chain, call.position - 1, rule, "RULE_REPLACE");
        break;
      default:
        IndexOf(*chain, rule);
    }
  }
}

void CheckNewName(const std::string& name) {
  for (const char* target : {"ACCEPT", "DROP", "REJECT", "RETURN", "QUEUE", "LOG", "MARK", "MASQUERADE", "SNAT", "DNAT",
                             "REDIRECT", "NOTRACK", "CT"})
    if (name == target) RefuseParameter("chain name may not clash with target name");
  if (name.size() > kLongestChainName)
    RefuseParameter(fmt::format("chain name `{}' too long (must be under 29 chars)", name));
}

void AddChain(Namespace& ns, const Invocation& call) {
  CheckNewName(call.chain);
  Editor editor(ns, call);
  if (FindBuiltin(call.table, call.chain) || editor.Find(call.chain, false)) RefuseRule("Chain already exists");
  editor.TheTable().Add({.name = call.chain});
}

void DeleteChains(Namespace& ns, const Invocation& call) {
  Editor editor(ns, call);
  FilterTable* table = ns.netfilter.Find(call.family, call.table);
  if (!call.chain.empty() && !editor.Find(call.chain, false)) RefuseRule(kNoSuchChain);
  if (!table) return;
  std::vector<const FilterChain*> wanted;
  for (const auto& chain : table->chains)
    if (call.chain.empty() ? !chain->hook.has_value() : chain->name == call.chain) wanted.push_back(chain.get());
  for (const FilterChain* chain : wanted) {
    const bool isUsed = std::any_of(table->chains.begin(), table->chains.end(), [&](const auto& other) {
      return std::any_of(other->rules.begin(), other->rules.end(),
                         [&](const FilterRule& r) { return r.target.chain == chain->name; });
    });
    if (isUsed || !chain->rules.empty())
      RefuseKernel(fmt::format(" CHAIN_DEL failed (Device or resource busy): chain {}", chain->name));
  }
  std::erase_if(table->chains, [&](const auto& chain) {
    return std::find(wanted.begin(), wanted.end(), chain.get()) != wanted.end();
  });
}

void RenameChain(Namespace& ns, const Invocation& call) {
  CheckNewName(call.newName);
  Editor editor(ns, call);
  FilterChain* chain = editor.Find(call.chain, false);
  if (!chain || chain->hook) RefuseRule(kNoSuchChain);
  if (editor.Find(call.newName, false)) RefuseRule("File exists");
  for (const auto& other : editor.TheTable().chains)
    for (FilterRule& rule : other->rules)
      if (rule.target.chain == chain->name) rule.target.chain = call.newName;
  chain->name = call.newName;
}

/// -F and -Z, of one chain or of all.
void VisitChains(Namespace& ns, const Invocation& call) {
  Editor editor(ns, call);
  if (!call.chain.empty() && !FindBuiltin(call.table, call.chain) && !editor.Find(call.chain, false))
    RefuseRule(kNoSuchChain);
  const FilterTable* table = ns.netfilter.Find(call.family, call.table);
  if (!table) return;
  for (const auto& chain : table->chains) {
    if (!call.chain.empty() && call.chain != chain->name) continue;
    if (call.command == 'F') {
      editor.Clear(*chain);
    } else {
      chain->packets = chain->bytes = 0;
      for (FilterRule& rule : chain->rules) rule.packets = rule.bytes = 0;
    }
  }
}

/// -L and -S, of one chain or of all.
std::string Show(const Namespace& ns, const Invocation& call) {
  const FilterTable none;
  const FilterTable* table = ns.netfilter.Find(call.family, call.table);
  std::string heads, rules, list;
  bool found = call.chain.empty();
  for (const FilterChain& chain : ChainsInOrder(ns, call.table, call.family)) {
    if (!call.chain.empty() && call.chain != chain.name) continue;
    found = true;
    if (call.command == 'L') {
      if (!list.empty()) list += "\n";
      list += FilterChainTable(table ? *table : none, chain, call.list, call.position);
      continue;
    }
    if (call.position == 0 && !chain.hook) heads += fmt::format("-N {}\n", chain.name);
    if (call.position == 0 && chain.hook)
      heads += fmt::format("-P {} {}{}\n", chain.name, chain.drops ? "DROP" : "ACCEPT",
                           call.list.verbose ? fmt::format(" -c {} {}", chain.packets, chain.bytes) : "");
    for (size_t i = 0; i < chain.rules.size(); ++i) {
      if (call.position != 0 && call.position != i + 1) continue;
      rules += FilterRuleLine(chain.name, chain.rules[i], call.list.verbose) + "\n";
    }
  }
  if (!found) RefuseRule(kNoSuchChain);
  return call.command == 'L' ? list : heads + rules;
}

/// Carries a command out; answers what it prints.
std::string Carry(Namespace& ns, const Invocation& call) {
  switch (call.command) {
    case 'L':
    case 'S':
      return Show(ns, call);
    case 'F':
    case 'Z':
      VisitChains(ns, call);
      break;
    case 'X':
      DeleteChains(ns, call);
      break;
    case 'N':
      AddChain(ns, call);
      break;
    case 'E':
      RenameChain(ns, call);
      break;
    case 'P': {
      Editor editor(ns, call);
      SetPolicy(editor, call);
      break;
    }
    default:
      EditRules(ns, call);
  }
  return {};
}

[[noreturn]] void Complain(const char* program, const IptablesRefusal& refusal) {
  switch (refusal.kind) {
    case IptablesRefusal::Kind::Parameter:
      throw Failure{2, fmt::format("{0} v1.8.9 (nf_tables): {1}\nTry `{0} -h' or '{0} --help' for more information.\n",
                                   program, refusal.text)};
    case IptablesRefusal::Kind::Rule:
      throw Failure{1, fmt::format("{}: {}.\n", program, refusal.text)};
    case IptablesRefusal::Kind::Kernel:
      break;
  }
  throw Failure{4, fmt::format("{} v1.8.9 (nf_tables): {}\n", program, refusal.text)};
}

}  // namespace

const char* IptablesProgram(FilterFamily family) { return family == FilterFamily::Ip6 ? "ip6tables" : "iptables"; }

std::string CarryIptables(Namespace& ns, std::vector<std::string> line, std::string_view table, FilterFamily family) {
  return Carry(ns, Parse(ns, std::move(line), table, family));
}

namespace {

void Run(Session& session, Words& words, FilterFamily family) {
  const char* program = IptablesProgram(family);
  std::vector<std::string> line = words.Rest();
  if (line.size() == 1 && (line[0] == "-V" || line[0] == "--version")) {
    session.result.out += fmt::format("{} v1.8.9 (nf_tables)\n", program);
    return;
  }
  const std::string table = TableOf(line);
  if (!IsTable(table))
    throw Failure{3, fmt::format("{0} v1.8.9 (nf_tables): table '{1}' does not exist\n"
                                 "Perhaps {0} or your kernel needs to be upgraded.\n",
                                 program, table)};
  try {
    session.result.out += CarryIptables(session.Ns(), std::move(line), table, family);
  } catch (const IptablesRefusal& refusal) {
    Complain(program, refusal);
  }
}

}  // namespace

void RunIptables(Session& session, Words& words) { Run(session, words, FilterFamily::Ip); }
void RunIp6tables(Session& session, Words& words) { Run(session, words, FilterFamily::Ip6); }

}  // namespace overlaysim::iproute2
