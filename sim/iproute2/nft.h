#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "models/linux/netfilter.h"

namespace overlaysim::kernel {
class Namespace;
}

namespace overlaysim::iproute2 {

// The language of nft 1.0.6, as far as hosts of clusters are written in it: tables ip, ip6 and inet; base chains of the
// types filter, nat and route; sets with names; rules on addresses, devices, protocols, ports, ICMP types, TCP flags,
// marks, `ct state`, `ct status` and address types, with counter, limit, log, notrack, meta mark set and all verdicts
// but queue. The rest is refused by name.

struct NftProblem {
  size_t line = 0, column = 0, length = 1;  ///< from 1
  std::string text;                         ///< without "Error: "
};

struct NftListOptions {
  bool stateless = false;  ///< -s: counters without their numbers
  bool terse = false;      ///< -t: sets without their elements
};

/// What `list` commands print.
struct NftOutput {
  std::string out, warnings;
};

/// Carries out text as `nft -f` does: all of it or nothing.
std::optional<NftProblem> CarryNft(kernel::Namespace& ns, std::string_view text, NftOutput& output,
                                   const NftListOptions& options = {});

/// A rule as `nft list` prints it, without its indentation: "tcp dport 22 counter packets 0 bytes 0 accept". Rules of
/// iptables are given in nft's words.
std::string NftRuleText(const kernel::FilterTable& table, const kernel::FilterRule& rule);

std::string NftTableText(const kernel::FilterTable& table, const NftListOptions& options = {});
std::string NftChainText(const kernel::FilterTable& table, const kernel::FilterChain& chain,
                         const NftListOptions& options = {});
std::string NftSetText(const kernel::FilterSet& set, const NftListOptions& options = {});
/// "type filter hook input priority filter; policy drop;"; "" for a chain that is no base chain.
std::string NftHookText(const kernel::FilterChain& chain);
/// Whether `iptables` knows the table and all that is in it.
bool IsOfIptables(const kernel::FilterTable& table);
/// Whether nft finds extensions of iptables in it, which it cannot say itself: it warns of touching it.
bool HasXtables(const kernel::FilterTable& table);
const char* NftFamilyName(kernel::FilterFamily family);

/// Words that both directions share: the first of several for one value is printed.
struct NftWords {
  static std::optional<uint8_t> IcmpType(std::string_view word);
  static std::optional<uint8_t> IcmpCode(std::string_view word);
  static std::optional<uint8_t> Icmp6Type(std::string_view word);
  static std::optional<uint8_t> Icmp6Code(std::string_view word);
  /// `protocol`: "icmp", "icmpv6" or "icmpx".
  static std::optional<kernel::RejectWith> Reject(std::string_view word, std::string_view protocol);
  /// The hook at which the name of a priority has a meaning; nullopt: at all.
  struct Priority {
    const char* name;
    int value;
    std::optional<kernel::Hook> onlyAt;
  };
  static const Priority* FindPriority(std::string_view word);
};

}  // namespace overlaysim::iproute2
