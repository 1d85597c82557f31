#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/linux/netfilter.h"

namespace overlaysim::kernel {
class Namespace;
}

namespace overlaysim::iproute2 {

class Words;

// Words and numbers of iptables and ip6tables 1.8.9 (nf_tables), and what they print. Which of the two it is, is said
// by the family of its tables: FilterFamily::Ip or Ip6.

const char* IptablesProgram(kernel::FilterFamily family);  ///< "iptables", "ip6tables"

/// How iptables ends when it refuses: each program words these three in its own way.
struct IptablesRefusal {
  enum class Kind : uint8_t {
    Parameter,  ///< the words are wrong: exit 2
    Rule,       ///< what they name is not there, or is in the way: exit 1
    Kernel      ///< the kernel says no: exit 4
  } kind = Kind::Parameter;
  std::string text;
};
[[noreturn]] void RefuseParameter(std::string text);
[[noreturn]] void RefuseRule(std::string text);
[[noreturn]] void RefuseKernel(std::string text);

/// "udp" or a number; "all" is 0. nullopt: unknown.
std::optional<uint8_t> ParseIpProtocol(const std::string& word);
std::string IpProtocolName(uint8_t protocol, bool numeric = false);

/// A port by its number or its name in /etc/services, as far as clusters use them.
std::optional<uint16_t> ParseService(const std::string& word);
std::string ServiceName(uint16_t port);

/// "echo-request", "fragmentation-needed", "any" (of IPv4), "3", "3/4". nullopt: unknown.
std::optional<kernel::IcmpMatch> ParseIcmpType(const std::string& word, bool isV6 = false);

/// By the name or the short name of a `--reject-with` type.
std::optional<kernel::RejectWith> ParseRejectType(const std::string& word, bool isV6 = false);
const char* RejectName(const kernel::Target& target);  ///< "icmp-port-unreachable"

extern const std::vector<std::pair<const char*, uint8_t>> kConnectionStates;  ///< in the order of printing
extern const std::vector<std::pair<const char*, uint8_t>> kTcpFlags;
extern const std::vector<std::pair<const char*, uint8_t>> kAddressTypes;  ///< numbers of RouteType

/// Reads the words of one rule: matches, then the target with its options.
class IptablesRule {
 public:
  explicit IptablesRule(kernel::FilterFamily family) : m_isV6(family == kernel::FilterFamily::Ip6) {}
  /// Eats one option and its values; false: it is none of a rule's.
  bool Take(Words& words, const std::string& option, bool isNot, const kernel::FilterTable* table);
  /// The rules that the words stand for: one for each pair of addresses. Refuses what is not complete.
  std::vector<kernel::FilterRule> Finish() const;
  bool HasIn() const { return m_in.has_value(); }
  bool HasOut() const { return m_out.has_value(); }
  uint64_t packets = 0, bytes = 0;  ///< `-c`, and the counters of iptables-restore

 private:
  bool TakeBasic(Words& words, const std::string& option, bool isNot);
  bool TakeExtension(Words& words, const std::string& option, bool isNot);
  bool TakeTarget(Words& words, const std::string& option);
  bool TakePhysdev(Words& words, const std::string& option, bool isNot);
  void Load(const std::string& match);
  bool HasTransport() const;
  template <typename M>
  M* Last();
  template <typename M>
  M& LastOrNew();

  bool m_isV6;
  std::vector<kernel::AddressMatch> m_sources, m_destinations;
  std::optional<kernel::DeviceMatch> m_in, m_out;
  std::optional<kernel::ProtocolMatch> m_protocol;
  std::vector<kernel::Match> m_extensions;
  kernel::Target m_target;
  std::string m_targetName;
  bool m_hasNatAddress = false, m_hasMark = false;
};

/// Carries out one command line of iptables, without the program's name, on that table; answers what it prints.
/// Throws IptablesRefusal.
std::string CarryIptables(kernel::Namespace& ns, std::vector<std::string> line, std::string_view table,
                          kernel::FilterFamily family = kernel::FilterFamily::Ip);

/// All tables that have chains, as `iptables-save` prints them; `only`: one table ("": all). `date` stands in the
/// comments.
std::string IptablesSave(const kernel::Namespace& ns, std::string_view only, bool counters, const std::string& date,
                         kernel::FilterFamily family = kernel::FilterFamily::Ip);

struct IptablesProblem {
  size_t line = 0, column = 0, length = 1;  ///< from 1
  std::string text;
};
/// Reads text as iptables-save prints it, as `iptables-restore` does: a table is changed at its COMMIT or not at all.
/// `flushes`: what the tables hold goes first (without `-n`). nullopt: all is done.
std::optional<IptablesProblem> IptablesRestore(kernel::Namespace& ns, std::string_view text, bool flushes,
                                               kernel::FilterFamily family = kernel::FilterFamily::Ip);

/// One rule as `iptables -S` prints it: "-A INPUT -p udp -m udp --dport 8472 -j DROP".
/// `counters`: with what it has counted, as -v has it.
std::string FilterRuleLine(const std::string& chain, const kernel::FilterRule& rule, bool counters = false);

struct FilterListOptions {
  bool numeric = false, verbose = false, exact = false, lineNumbers = false;
};
/// One chain as `iptables -L` prints it; `only`: just that rule (from 1; 0: all, with headings).
std::string FilterChainTable(const kernel::FilterTable& table, const kernel::FilterChain& chain,
                             const FilterListOptions& options, size_t only = 0);

/// "DROP", the chain of a jump; "" for none.
std::string FilterTargetName(const kernel::Target& target);

/// An iptables table's chains in the order of printing: the built-in ones (made up when they are not there), then the
/// others by name.
std::vector<kernel::FilterChain> ChainsInOrder(const kernel::Namespace& ns, std::string_view table,
                                               kernel::FilterFamily family = kernel::FilterFamily::Ip);

}  // namespace overlaysim::iproute2
