#include "gui/replay/link_layer.h"

#include "models/wire/checksum.h"
#include "models/wire/headers.h"
#include "sim/trace/packet_heads.h"

namespace overlaysim::replay {

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
  if (HasEthernetHeader(record)) return LinkLayer::Ethernet;
  // What a tunnel makes of its own, or has encrypted, gets its headers in the next step.
  const bool isBare = (record.stage == Stage::Send || record.stage == Stage::TunnelRoute) && !head.empty() &&
                      head[0] >> 4 != 4 && head[0] >> 4 != 6;
  return isBare ? LinkLayer::Payload : LinkLayer::Ip;
}

}  // namespace overlaysim::replay
