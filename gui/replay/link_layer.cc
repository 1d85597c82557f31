#include "gui/replay/link_layer.h"

#include "models/wire/checksum.h"
#include "models/wire/headers.h"

namespace overlaysim::replay {
namespace {

/// Whether a record's packet has its Ethernet header in front, on a device that knows such headers.
bool IsInFrame(const TraceRecord& record) {
  switch (record.stage) {
    case Stage::Transmit:
    case Stage::Receive:
    case Stage::BridgeInput:
    case Stage::BridgeLookup:
    case Stage::BridgeForward:
    case Stage::ArpProcess:
    case Stage::VxlanFdbLookup:
    case Stage::VxlanRoute:
    case Stage::Program:
      return true;
    case Stage::Decapsulate:
      return record.verdict == Verdict::Continue;  // a packet that is refused is still the outer one
    case Stage::Send:
      return record.ifindex != 0;
    default:
      return false;
  }
}

}  // namespace

LinkLayer LayerOf(const TraceRecord& record, std::span<const uint8_t> head, uint32_t size) {
  const auto isLength = [&](uint32_t length) { return length == size || length + wire::kEthernetHeaderBytes == size; };
  if (head.size() >= wire::kIpv4HeaderBytes && head[0] == 0x45 && isLength(wire::Get16(head.data() + 2)) &&
      wire::Checksum(head.data(), wire::kIpv4HeaderBytes) == 0)
    return LinkLayer::Ip;
  if (head.size() >= wire::kIpv6HeaderBytes && head[0] >> 4 == 6 &&
      isLength(wire::kIpv6HeaderBytes + wire::Get16(head.data() + 4)))
    return LinkLayer::Ip;
  if (head.size() >= wire::kEthernetHeaderBytes) {
    const uint16_t type = wire::Get16(head.data() + 12);
    if (type == wire::kEtherTypeIpv4 || type == wire::kEtherTypeIpv6 || type == wire::kEtherTypeArp)
      return LinkLayer::Ethernet;
  }
  return IsInFrame(record) ? LinkLayer::Ethernet : LinkLayer::Ip;
}

}  // namespace overlaysim::replay
