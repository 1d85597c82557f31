#pragma once

#include <optional>
#include <string>

#include "models/linux/netfilter.h"

namespace overlaysim::iproute2 {

// Words and numbers of iptables 1.8.9 (nf_tables), and what it prints.

/// "udp" or a number; "all" is 0. nullopt: unknown.
std::optional<uint8_t> ParseIpProtocol(const std::string& word);

struct IcmpMatch {
  uint8_t type = 0;
  std::optional<uint8_t> code;
};
/// "echo-request", "fragmentation-needed", "3", "3/4". nullopt: unknown.
std::optional<IcmpMatch> ParseIcmpType(const std::string& word);

/// The full name of a `--reject-with` type by its name or short name; "" when unknown.
std::string RejectType(const std::string& word);

/// One rule as `iptables -S` prints it: "-A INPUT -p udp -m udp --dport 8472 -j DROP".
std::string FilterRuleLine(const std::string& chain, const kernel::FilterRule& rule);

struct FilterListOptions {
  bool numeric = false, verbose = false, exact = false, lineNumbers = false;
};
/// One chain as `iptables -L` prints it.
std::string FilterChainTable(const std::string& chain, const kernel::FilterChainState& state,
                             const FilterListOptions& options);

const char* FilterTargetName(kernel::FilterTarget target);  ///< "" for Continue

}  // namespace overlaysim::iproute2
