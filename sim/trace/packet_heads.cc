#include "sim/trace/packet_heads.h"

#include <algorithm>

namespace overlaysim {

bool HasEthernetHeader(const TraceRecord& record) {
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

PacketHeads::Heads PacketHeads::Apply(const TraceRecord& record, const HeaderChange& change) {
  auto [it, isFirst] = m_heads.try_emplace({record.journey, record.packet});
  Head& head = it->second;
  m_before = head.bytes;
  if (!change.IsEmpty() && head.isWhole) {
    const size_t at = change.offset;
    const size_t removed = change.before.size();
    // What does not fit was not written by us, or belongs to a packet whose first records are missing.
    head.isWhole =
        at <= head.bytes.size() && removed <= head.bytes.size() - at &&
        std::equal(change.before.begin(), change.before.end(), head.bytes.begin() + static_cast<ptrdiff_t>(at));
    if (head.isWhole) {
      const auto begin = head.bytes.begin() + static_cast<ptrdiff_t>(at);
      head.bytes.erase(begin, begin + static_cast<ptrdiff_t>(removed));
      head.bytes.insert(head.bytes.begin() + static_cast<ptrdiff_t>(at), change.after.begin(), change.after.end());
    }
  }
  if (!head.isWhole) head.bytes.clear();
  if (head.bytes.size() > record.sizeBytes) head.bytes.resize(record.sizeBytes);
  return {m_before, head.bytes, isFirst, head.isWhole};
}

}  // namespace overlaysim
