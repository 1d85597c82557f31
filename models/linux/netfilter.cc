#include "models/linux/netfilter.h"

namespace overlaysim::kernel {
namespace {

bool DeviceMatches(const std::string& pattern, const std::string* device) {
  if (!device) return false;
  if (pattern.back() == '+') return device->compare(0, pattern.size() - 1, pattern, 0, pattern.size() - 1) == 0;
  return pattern == *device;
}

bool PortMatches(const std::optional<std::pair<uint16_t, uint16_t>>& range, bool isNot, uint16_t port) {
  return !range || (port >= range->first && port <= range->second) != isNot;
}

bool IcmpMatches(const FilterRule& rule, const FilterPacket& p) {
  if (!rule.icmpType) return true;
  if (p.protocol != 1) return false;
  return (*rule.icmpType == p.icmpType && (!rule.icmpCode || *rule.icmpCode == p.icmpCode)) != rule.notIcmpType;
}

bool Matches(const FilterRule& rule, const FilterPacket& p) {
  if (rule.source && rule.source->Contains(p.source) == rule.notSource) return false;
  if (rule.destination && rule.destination->Contains(p.destination) == rule.notDestination) return false;
  if (!rule.inDevice.empty() && DeviceMatches(rule.inDevice, p.inDevice) == rule.notInDevice) return false;
  if (!rule.outDevice.empty() && DeviceMatches(rule.outDevice, p.outDevice) == rule.notOutDevice) return false;
  if (rule.protocol && (*rule.protocol == p.protocol) == rule.notProtocol) return false;
  if (rule.sourcePorts || rule.destinationPorts) {
    if (!p.hasPorts) return false;
    if (!PortMatches(rule.sourcePorts, rule.notSourcePorts, p.sourcePort)) return false;
    if (!PortMatches(rule.destinationPorts, rule.notDestinationPorts, p.destinationPort)) return false;
  }
  return IcmpMatches(rule, p);
}

}  // namespace

bool FilterRule::SameMatch(const FilterRule& o) const {
  return source == o.source && destination == o.destination && notSource == o.notSource &&
         notDestination == o.notDestination && inDevice == o.inDevice && outDevice == o.outDevice &&
         protocol == o.protocol && sourcePorts == o.sourcePorts && destinationPorts == o.destinationPorts &&
         icmpType == o.icmpType && icmpCode == o.icmpCode && notInDevice == o.notInDevice &&
         notOutDevice == o.notOutDevice && notProtocol == o.notProtocol && notSourcePorts == o.notSourcePorts &&
         notDestinationPorts == o.notDestinationPorts && notIcmpType == o.notIcmpType && rejectWith == o.rejectWith &&
         target == o.target && comment == o.comment;
}

bool Filter::Empty() const {
  auto empty = [](const FilterChainState& c) { return c.rules.empty() && c.policy == FilterTarget::Accept; };
  return empty(input) && empty(forward) && empty(output);
}

FilterVerdict Filter::Decide(FilterChain chain, const FilterPacket& packet) {
  FilterChainState& state = Chain(chain);
  for (FilterRule& rule : state.rules) {
    if (!Matches(rule, packet)) continue;
    ++rule.packets;
    rule.bytes += packet.bytes;
    if (rule.target == FilterTarget::Continue) continue;
    if (rule.target == FilterTarget::Return) break;  // from a built-in chain: the policy decides
    return {rule.target, &rule};
  }
  ++state.packets;
  state.bytes += packet.bytes;
  return {state.policy, nullptr};
}

}  // namespace overlaysim::kernel
