// IPv4 options (net/ipv4/ip_options.c).

#include <cstring>

#include "models/engine/engine.h"
#include "models/host/stack.h"

namespace overlaysim::host {

namespace {

enum Option : uint8_t {
  kEnd = 0,
  kNoOperation = 1,
  kRecordRoute = 7,
  kTimestamp = 68,
  kLooseSourceRoute = 131,
  kCipso = 134,
  kStrictSourceRoute = 137
};
constexpr uint8_t kCopied = 0x80;  // the option stands in every fragment
enum TimestampKind : uint8_t { kTimeOnly = 0, kTimeAndAddress = 1, kPrespecified = 3 };

}  // namespace

uint32_t Stack::TimeOfDay() {
  constexpr int64_t kDay = int64_t{24} * 60 * 60 * 1000;
  return static_cast<uint32_t>(engine::Now().count / 1000000 % kDay);
}

/// fib_compute_spec_dst(): the address of ours that the sender of this packet would be answered from.
Ipv4Address Stack::SpecificDestination(const kernel::Link& link, const wire::Frame& packet, const InputRoute& route) {
  const wire::Ipv4 ip{const_cast<uint8_t*>(packet.Data())};
  if (route.local && !route.broadcast) return ip.Destination();
  if (ip.Source().IsZero()) return m_ns->SelectAddress(link.ifindex, ip.Source(), kernel::kScopeLink);
  const kernel::RouteAnswer back =
      m_ns->Lookup({.dst = ip.Source(), .iif = 1, .tos = static_cast<uint8_t>(ip.Tos() & 0x1c), .mark = packet.mark});
  if (back.error == 0) return PreferredSource(back);
  return m_ns->SelectAddress(link.ifindex, ip.Source(), kernel::kScopeGlobal);
}

/// ip_options_compile(): checks the options and writes what is asked of this host into them. Returns 0, or how far into
/// the header the fault is.
uint8_t Stack::CompileOptions(const kernel::Link& link, wire::Frame& packet, const InputRoute& route) {
  uint8_t* const ip = packet.Data();
  wire::IpOptions& found = packet.options;
  found = {};
  found.bytes = static_cast<uint8_t>(wire::Ipv4{ip}.HeaderBytes() - wire::kIpv4HeaderBytes);
  const uint32_t end = wire::Ipv4{ip}.HeaderBytes();
  for (uint32_t at = wire::kIpv4HeaderBytes; at < end;) {
    uint8_t* const option = ip + at;
    auto fault = [&](uint32_t offset) { return static_cast<uint8_t>(at + offset); };
    if (*option == kEnd) {
      for (++at; at < end; ++at) {
        found.changed |= ip[at] != kEnd;
        ip[at] = kEnd;
      }
      break;
    }
    if (*option == kNoOperation) {
      ++at;
      continue;
    }
    if (end - at < 2 || option[1] < 2 || option[1] > end - at) return fault(0);
    const uint8_t length = option[1];
    switch (*option) {
      case kLooseSourceRoute:
      case kStrictSourceRoute:
        if (length < 3) return fault(1);
        if (option[2] < 4) return fault(2);
        if (found.sourceRoute != 0) return fault(0);
        found.sourceRoute = static_cast<uint8_t>(at);
        break;
      case kRecordRoute:
        if (found.recordRoute != 0) return fault(0);
        if (length < 3) return fault(1);
        if (option[2] < 4) return fault(2);
        if (option[2] <= length) {
          if (option[2] + 3 > length) return fault(2);
          wire::PutIpv4(option + option[2] - 1, SpecificDestination(link, packet, route));
          option[2] = static_cast<uint8_t>(option[2] + 4);
          found.recordsAddress = found.changed = true;
        }
        found.recordRoute = static_cast<uint8_t>(at);
        break;
      case kTimestamp: {
        if (found.timestamp != 0) return fault(0);
        if (length < 4) return fault(1);
        if (option[2] < 5) return fault(2);
        const uint8_t kind = option[3] & 0xf;
        if (option[2] > length) {
          if (kind != kPrespecified) {
            if (option[3] >> 4 == 15) return fault(3);
            option[3] = static_cast<uint8_t>(option[3] + 0x10);
            found.changed = true;
          }
        } else if (option[2] + 3 > length) {
          return fault(2);
        } else if (kind == kTimeOnly) {
          wire::Put32(option + option[2] - 1, TimeOfDay());
          option[2] = static_cast<uint8_t>(option[2] + 4);
          found.stampsTime = found.changed = true;
        } else if (kind == kTimeAndAddress || kind == kPrespecified) {
          if (option[2] + 7 > length) return fault(2);
          uint8_t* const entry = option + option[2] - 1;
          if (kind == kPrespecified) {
            // As the kernel has it: an address of somebody else's is passed over.
            const kernel::RouteAnswer whose = m_ns->Lookup({.dst = wire::GetIpv4(entry)});
            if (whose.error != 0 || whose.route.type == kernel::RouteType::Unicast) break;
          } else {
            wire::PutIpv4(entry, SpecificDestination(link, packet, route));
            found.stampsAddress = true;
          }
          wire::Put32(entry + 4, TimeOfDay());
          option[2] = static_cast<uint8_t>(option[2] + 8);
          found.stampsTime = found.changed = true;
        }
        found.timestamp = static_cast<uint8_t>(at);
        break;
      }
      case kCipso:  // cipso_v4_validate(): no domain of interpretation is configured
        found.cipso = static_cast<uint8_t>(at);
        return fault(length < 8 ? 1 : 2);
      default:
        break;
    }
    at += length;
  }
  return 0;
}

/// ip_forward_options(): a router records the address it sends from.
void Stack::ForwardOptions(wire::Frame& packet, const kernel::RouteAnswer& answer) {
  wire::IpOptions& found = packet.options;
  uint8_t* const ip = packet.Data();
  if (found.recordsAddress) {
    uint8_t* const option = ip + found.recordRoute;
    wire::PutIpv4(option + option[2] - 5, PreferredSource(answer));
  }
  if (found.stampsAddress) {
    uint8_t* const option = ip + found.timestamp;
    wire::PutIpv4(option + option[2] - 9, PreferredSource(answer));
  }
  if (found.changed) wire::Ipv4{ip}.FillChecksum();
  found.changed = false;
}

/// ip_options_echo() and ip_options_build(): the options of an answer sent from `source` to a packet with options;
/// nothing when there is no room to record what is asked for.
std::optional<std::vector<uint8_t>> Stack::EchoOptions(const wire::Frame& packet, Ipv4Address source) const {
  const wire::IpOptions& found = packet.options;
  std::vector<uint8_t> out;
  const uint8_t* const ip = packet.Data();
  auto copy = [&](uint8_t at) {
    out.insert(out.end(), ip + at, ip + at + ip[at + 1]);
    return out.data() + out.size() - ip[at + 1];
  };
  if (found.recordRoute != 0) {
    uint8_t* const option = copy(found.recordRoute);
    if (found.recordsAddress && option[2] <= option[1]) {
      if (option[2] + 3 > option[1]) return std::nullopt;
      wire::PutIpv4(option + option[2] - 1, source);
      option[2] = static_cast<uint8_t>(option[2] + 4);
    }
  }
  if (found.timestamp != 0) {
    uint8_t* const option = copy(found.timestamp);
    if (option[2] <= option[1]) {
      uint8_t next = option[2];
      if (found.stampsAddress) {
        if (next + 3 > option[1]) return std::nullopt;
        wire::PutIpv4(option + next - 1, source);
        next = static_cast<uint8_t>(next + 4);
      }
      if (found.stampsTime && (option[3] & 0xf) != kPrespecified) {
        if (next + 3 > option[1]) return std::nullopt;
        wire::Put32(option + next - 1, TimeOfDay());
        next = static_cast<uint8_t>(next + 4);
      }
      option[2] = next;
    }
  }
  if (found.cipso != 0) copy(found.cipso);
  while (out.size() % 4 != 0) out.push_back(kEnd);
  return out;
}

/// ip_options_fragment(): what stands in the first fragment alone becomes no-operations in the others.
void Stack::ClearUncopiedOptions(uint8_t* ip) {
  const uint32_t end = wire::Ipv4{ip}.HeaderBytes();
  for (uint32_t at = wire::kIpv4HeaderBytes; at < end;) {
    if (ip[at] == kEnd) return;
    if (ip[at] == kNoOperation) {
      ++at;
      continue;
    }
    if (end - at < 2 || ip[at + 1] < 2 || ip[at + 1] > end - at) return;
    const uint8_t length = ip[at + 1];
    if (!(ip[at] & kCopied)) std::memset(ip + at, kNoOperation, length);
    at += length;
  }
}

}  // namespace overlaysim::host
