// `iptables-save` and `ip6tables-save`, and their text read back as `iptables-restore` and `ip6tables-restore` do.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "models/linux/namespace.h"
#include "sim/iproute2/command.h"
#include "sim/iproute2/iptables.h"
#include "sim/iproute2/names.h"
#include "sim/iproute2/words.h"

namespace overlaysim::iproute2 {

using kernel::FilterChain;
using kernel::FilterFamily;
using kernel::FilterRule;
using kernel::FilterTable;
using kernel::Namespace;

namespace {

constexpr const char* kTables[] = {"mangle", "security", "raw", "filter", "nat"};  // in the order of printing

/// asctime() of simulated time, which begins with 1970.
std::string DateOf(Nanoseconds now) {
  static constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = now.count / Seconds(1).count;
  std::tm t{};
  gmtime_r(&seconds, &t);
  return fmt::format("{} {} {:>2} {:02}:{:02}:{:02} {}", kDays.at(static_cast<size_t>(t.tm_wday)),
                     kMonths.at(static_cast<size_t>(t.tm_mon)), t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec,
                     t.tm_year + 1900);
}

/// "[5:6]"
bool ParseCounters(const std::string& word, uint64_t& packets, uint64_t& bytes) {
  const size_t colon = word.find(':');
  if (word.size() < 5 || word.front() != '[' || word.back() != ']' || colon == std::string::npos) return false;
  const auto first = ParseNumber(word.substr(1, colon - 1), UINT64_MAX);
  const auto second = ParseNumber(word.substr(colon + 1, word.size() - colon - 2), UINT64_MAX);
  if (!first || !second) return false;
  packets = *first;
  bytes = *second;
  return true;
}

/// One table while its part of the text is read: it is put back as it was unless COMMIT comes.
class Transaction {
 public:
  Transaction(Namespace& ns, std::string table, FilterFamily family)
      : m_ns(ns), m_name(std::move(table)), m_family(family) {
    if (const FilterTable* table_ = m_ns.netfilter.Find(m_family, m_name))
      for (const auto& chain : table_->chains) m_before.push_back(*chain);
    m_existed = !m_before.empty() || m_ns.netfilter.Find(m_family, m_name);
  }
  ~Transaction() {
    if (!m_committed) {
      if (FilterTable* table = m_ns.netfilter.Find(m_family, m_name)) {
        table->chains.clear();
        for (FilterChain& chain : m_before) table->Add(std::move(chain));
        if (!m_existed) m_ns.netfilter.Remove(*table);
      }
    }
    m_ns.netfilter.Rebuild();
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  const std::string& Name() const { return m_name; }
  void Commit() { m_committed = true; }
  void Flush() {
    if (FilterTable* table = m_ns.netfilter.Find(m_family, m_name)) table->chains.clear();
  }
  /// ":FORWARD DROP [5:6]", ":MINE - [0:0]"; false: it cannot be.
  bool SetChain(const std::vector<std::string>& words) {
    if (words.size() < 2) return false;
    const std::string name = words[0].substr(1);
    FilterTable* table = m_ns.netfilter.Find(m_family, m_name);
    if (!table) table = &m_ns.netfilter.Add(m_family, m_name);
    FilterChain* chain = nullptr;
    for (const kernel::BuiltinChain& builtin : kernel::BuiltinChains(m_name))
      if (name == kernel::BuiltinName(builtin.hook)) chain = &m_ns.netfilter.Builtin(m_name, builtin.hook, m_family);
    if (!chain) {
      chain = table->Find(name);
      if (chain)
        chain->rules.clear();
      else
        chain = &table->Add({.name = name});
      return words[1] == "-";
    }
    if (words[1] != "ACCEPT" && words[1] != "DROP" && words[1] != "-") return false;
    chain->drops = words[1] == "DROP";
    chain->countsPolicy = true;
    return words.size() < 3 || ParseCounters(words[2], chain->packets, chain->bytes);
  }

 private:
  Namespace& m_ns;
  std::string m_name;
  FilterFamily m_family;
  std::vector<FilterChain> m_before;
  bool m_existed = false, m_committed = false;
};

std::string Trimmed(std::string_view line) {
  const size_t begin = line.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return std::string(line.substr(begin, line.find_last_not_of(" \t\r") - begin + 1));
}

/// With the word of the line that the message quotes, or else the whole line.
IptablesProblem ProblemAt(size_t number, std::string_view written, const std::string& line, std::string message) {
  IptablesProblem problem{.line = number, .column = written.find(line) + 1, .length = line.size()};
  const size_t open = message.find_first_of("\"`'");
  const size_t close = open == std::string::npos ? open : message.find_first_of("\"'", open + 1);
  if (close != std::string::npos) {
    const std::string word = message.substr(open + 1, close - open - 1);
    if (const size_t at = written.find(word); !word.empty() && at != std::string_view::npos) {
      problem.column = at + 1;
      problem.length = word.size();
    }
  }
  problem.text = std::move(message);
  return problem;
}

/// What is wrong with a line; "": nothing.
std::string TakeLine(Namespace& ns, std::optional<Transaction>& open, const std::string& line, bool flushes,
                     FilterFamily family) {
  if (!open) {
    if (line[0] != '*') return "failed";
    const std::string table = line.substr(1);
    if (std::none_of(std::begin(kTables), std::end(kTables), [&](const char* t) { return table == t; }))
      return fmt::format("table name '{}' invalid", table);
    open.emplace(ns, table, family);
    if (flushes) open->Flush();
    return {};
  }
  if (line == "COMMIT") {
    open->Commit();
    open.reset();
    return {};
  }
  auto words = SplitCommand(line);
  if (!words || words->empty()) return "failed";
  if (line[0] == ':') return open->SetChain(*words) ? "" : "failed";
  if ((*words)[0][0] == '[') {
    uint64_t packets = 0, bytes = 0;
    if (!ParseCounters((*words)[0], packets, bytes)) return "failed";
    words->erase(words->begin());
    for (const std::string& word : {std::string("-c"), fmt::to_string(packets), fmt::to_string(bytes)})
      words->push_back(word);
  }
  if ((*words)[0][0] != '-') return "failed";
  try {
    CarryIptables(ns, std::move(*words), open->Name(), family);
  } catch (const IptablesRefusal& refusal) {
    return Trimmed(refusal.text);
  } catch (const Failure& failure) {
    return failure.err.substr(0, failure.err.find('\n'));
  }
  return {};
}

}  // namespace

std::string IptablesSave(const Namespace& ns, std::string_view only, bool counters, const std::string& date,
                         FilterFamily family) {
  std::string out;
  for (const char* name : kTables) {
    if (!only.empty() && only != name) continue;
    if (!ns.netfilter.Find(family, name)) continue;
    out += fmt::format("# Generated by {}-save v1.8.9 (nf_tables) on {}\n*{}\n", IptablesProgram(family), date, name);
    std::string rules;
    for (const FilterChain& chain : ChainsInOrder(ns, name, family)) {
      const char* policy = !chain.hook ? "-" : chain.drops ? "DROP" : "ACCEPT";
      out += fmt::format(":{} {} [{}:{}]\n", chain.name, policy, chain.hook ? chain.packets : 0,
                         chain.hook ? chain.bytes : 0);
      for (const FilterRule& rule : chain.rules) {
        if (counters) rules += fmt::format("[{}:{}] ", rule.packets, rule.bytes);
        rules += FilterRuleLine(chain.name, rule) + "\n";
      }
    }
    out += rules + fmt::format("COMMIT\n# Completed on {}\n", date);
  }
  return out;
}

std::optional<IptablesProblem> IptablesRestore(Namespace& ns, std::string_view text, bool flushes,
                                               FilterFamily family) {
  std::optional<Transaction> open;
  size_t number = 0;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view written = text.substr(begin, end - begin);
    const std::string line = Trimmed(written);
    begin = end + 1;
    ++number;
    if (line.empty() || line[0] == '#') continue;
    if (std::string problem = TakeLine(ns, open, line, flushes, family); !problem.empty())
      return ProblemAt(number, written, line, std::move(problem));
  }
  if (open) return IptablesProblem{.line = number, .column = 1, .text = "COMMIT expected"};
  return std::nullopt;
}

namespace {

void RunSave(Session& session, Words& words, FilterFamily family) {
  const char* program = IptablesProgram(family);
  bool counters = false;
  std::string table;
  while (!words.Done()) {
    const std::string option = words.Next();
    if (option == "-V" || option == "--version") {
      session.result.out += fmt::format("{}-save v1.8.9 (nf_tables)\n", program);
      return;
    }
    if (option == "-c" || option == "--counters") {
      counters = true;
    } else if ((option == "-t" || option == "--table") && !words.Done()) {
      table = words.Next();
    } else if (option[0] == '-') {
      throw Failure{1, fmt::format("{0}-save: unrecognized option '{1}'\n"
                                   "Look at manual page `{0}-save.8' for more information.\n",
                                   program, option)};
    } else {
      throw Failure{1, "Unknown arguments found on commandline\n"};
    }
  }
  if (!table.empty() && kernel::BuiltinChains(table).empty())
    throw Failure{1, fmt::format("Table `{}' does not exist\n", table)};
  session.result.out += IptablesSave(session.Ns(), table, counters, DateOf(session.now), family);
}

}  // namespace

void RunIptablesSave(Session& session, Words& words) { RunSave(session, words, FilterFamily::Ip); }
void RunIp6tablesSave(Session& session, Words& words) { RunSave(session, words, FilterFamily::Ip6); }

}  // namespace overlaysim::iproute2
