#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/base/addresses.h"

namespace overlaysim::kernel {

/// Continue: no target, the rule only counts.
enum class FilterTarget : uint8_t { Accept, Drop, Reject, Return, Continue };
enum class FilterChain : uint8_t { Input, Forward, Output };

/// One line of `iptables -t filter`. What is unset matches everything.
struct FilterRule {
  std::optional<Ipv4Prefix> source;
  std::optional<Ipv4Prefix> destination;
  bool notSource = false, notDestination = false;
  std::string inDevice, outDevice;  ///< may end with '+'
  std::optional<uint8_t> protocol;
  std::optional<std::pair<uint16_t, uint16_t>> sourcePorts, destinationPorts;  ///< inclusive
  std::optional<uint8_t> icmpType;
  std::optional<uint8_t> icmpCode;
  bool notInDevice = false, notOutDevice = false, notProtocol = false;
  bool notSourcePorts = false, notDestinationPorts = false, notIcmpType = false;
  std::string rejectWith;  ///< "" is icmp-port-unreachable
  FilterTarget target = FilterTarget::Accept;
  std::string comment;
  uint64_t packets = 0, bytes = 0;
  uint32_t rowId = 0;

  bool SameMatch(const FilterRule& o) const;
};

struct FilterChainState {
  FilterTarget policy = FilterTarget::Accept;  ///< Accept or Drop
  std::vector<FilterRule> rules;
  uint64_t packets = 0, bytes = 0;  ///< that met the policy
};

/// What a rule looks at.
struct FilterPacket {
  Ipv4Address source, destination;
  uint8_t protocol = 0;
  bool hasPorts = false;  ///< false: a later fragment, or a protocol without
  uint16_t sourcePort = 0, destinationPort = 0;
  uint8_t icmpType = 0, icmpCode = 0;
  const std::string* inDevice = nullptr;  ///< nullptr: none
  const std::string* outDevice = nullptr;
  uint32_t bytes = 0;
};

struct FilterVerdict {
  FilterTarget target = FilterTarget::Accept;
  const FilterRule* rule = nullptr;  ///< nullptr: the policy
};

/// The filter table of a namespace in netfilter's order (net/ipv4/netfilter/ip_tables.c, ipt_do_table()).
struct Filter {
  FilterChainState input, forward, output;
  FilterChainState& Chain(FilterChain c) {
    return c == FilterChain::Input ? input : c == FilterChain::Forward ? forward : output;
  }
  bool Empty() const;
  FilterVerdict Decide(FilterChain chain, const FilterPacket& packet);
};

}  // namespace overlaysim::kernel
