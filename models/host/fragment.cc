// Fragmentation and reassembly (net/ipv4/ip_output.c, ip_do_fragment(); net/ipv4/ip_fragment.c).

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "models/engine/engine.h"
#include "models/host/stack.h"
#include "models/host/stack_inline.h"

namespace overlaysim::host {

using kernel::Snmp;

namespace {

constexpr uint8_t kEcnMask = 3;

}  // namespace

int Stack::Fragment(wire::FramePtr packet, uint32_t mtu, const std::function<int(wire::FramePtr)>& output) {
  packet->CompleteChecksum();
  const wire::Ipv4 ip{packet->Data()};
  const uint32_t header = ip.HeaderBytes();
  if (packet->maxFragment != 0) mtu = std::min<uint32_t>(mtu, packet->maxFragment);
  const uint32_t room = mtu > header ? (mtu - header) & ~7u : 0;
  if (room == 0) {
    Count(Snmp::IpFragFails);
    Finish(Stage::Fragment, Verdict::FragNeeded, std::move(packet));
    return EINVAL;
  }
  const uint32_t payload = packet->Size() - header;
  const uint16_t firstField = ip.FragmentField();
  const uint32_t base = ip.OffsetBytes();
  for (uint32_t at = 0; at < payload;) {
    const uint32_t left = payload - at;
    // The last piece may fill the MTU without being a multiple of 8.
    const uint32_t bytes = left <= mtu - header ? left : room;
    wire::FramePtr piece = Derive(*packet, header + bytes);
    std::memcpy(piece->Data(), packet->Data(), header);
    std::memcpy(piece->Data() + header, packet->Data() + header + at, bytes);
    const bool more = at + bytes < payload || (firstField & wire::kIpMf);
    wire::Put16(piece->Data() + 2, header + bytes);
    wire::Put16(piece->Data() + 6,
                static_cast<uint32_t>(firstField & wire::kIpDf) | (more ? wire::kIpMf : 0u) | (base + at) / 8);
    if (at > 0) ClearUncopiedOptions(piece->Data());
    wire::Ipv4{piece->Data()}.FillChecksum();
    piece->maxFragment = 0;
    at += bytes;
    Count(Snmp::IpFragCreates);
    if (const int error = output(std::move(piece))) {  // the rest is not sent any more
      Count(Snmp::IpFragFails);
      Finish(Stage::Fragment, Verdict::Fragmented, std::move(packet));
      return error;
    }
  }
  Count(Snmp::IpFragOKs);
  Finish(Stage::Fragment, Verdict::Fragmented, std::move(packet));
  return 0;
}

/// inet_frag_queue_insert(): pieces that came one right after the other are one run, and what lies inside a run has
/// come before. Any other overlap is an attack.
ReassemblyQueue::Place ReassemblyQueue::Fit(uint32_t begin, uint32_t end) const {
  if (pieces.empty()) return Place::Free;
  if (pieces.back().end < end) return begin < pieces.back().end ? Place::Overlap : Place::Free;
  for (size_t i = 0; i < pieces.size();) {
    const uint32_t runBegin = pieces[i].begin;
    uint32_t runEnd = pieces[i].end;
    for (++i; i < pieces.size() && pieces[i].continues; ++i) runEnd = pieces[i].end;
    if (end <= runBegin) return Place::Free;
    if (begin < runEnd) return begin >= runBegin && end <= runEnd ? Place::Duplicate : Place::Overlap;
  }
  return Place::Free;
}

wire::FramePtr Stack::Reassemble(wire::FramePtr fragment, ReassemblyUser user) {
  Count(Snmp::IpReasmReqds);
  const wire::Ipv4 ip{fragment->Data()};
  const uint32_t header = ip.HeaderBytes();
  const ReassemblyKey key{.source = ip.Source(),
                          .destination = ip.Destination(),
                          .identification = ip.Identification(),
                          .protocol = ip.Protocol(),
                          .user = user};
  const auto inserted = m_reassembly.queues.try_emplace(key);
  const auto it = inserted.first;  // not a structured binding: clang 14 lets no lambda capture one
  ReassemblyQueue& queue = it->second;
  if (inserted.second) {
    queue.timerGeneration = ++m_reassembly.generation;
    After(m_ns->ipfragTime, [this, key, generation = queue.timerGeneration] {  // ip_expire()
      auto old = m_reassembly.queues.find(key);
      if (old == m_reassembly.queues.end() || old->second.timerGeneration != generation) return;
      Count(Snmp::IpReasmFails);
      Count(Snmp::IpReasmTimeout);
      ReassemblyQueue expired = std::move(old->second);
      m_reassembly.queues.erase(old);
      // Only a host that has the first fragment tells the sender.
      for (auto& piece : expired.pieces) {
        if (piece.begin == 0) IcmpSend(*piece.frame, wire::kIcmpTimeExceeded, 1, 0);
        Finish(Stage::Reassemble, Verdict::ReassemblyTimeout, std::move(piece.frame), expired.iif);
      }
    });
  }
  const int iif = fragment->iif;
  auto discard = [&] {  // the datagram is lost with all that has come of it
    Count(Snmp::IpReasmFails);
    if (fragment) Finish(Stage::Reassemble, Verdict::FragmentInvalid, std::move(fragment), iif);
    for (auto& piece : queue.pieces)
      Finish(Stage::Reassemble, Verdict::FragmentAbandoned, std::move(piece.frame), queue.iif);
    m_reassembly.queues.erase(it);
    return nullptr;
  };
  // ip_frag_queue()
  const uint32_t begin = ip.OffsetBytes();
  uint32_t end = begin + fragment->Size() - header;
  if (!ip.MoreFragments()) {
    if (end < queue.totalBytes || (queue.hasLast && end != queue.totalBytes)) return discard();
    queue.hasLast = true;
    queue.totalBytes = end;
  } else {
    end &= ~7u;
    if (end > queue.totalBytes && queue.hasLast) return discard();
    queue.totalBytes = std::max(queue.totalBytes, end);
  }
  if (end == begin) return discard();
  fragment->Trim(header + end - begin);
  switch (queue.Fit(begin, end)) {
    case ReassemblyQueue::Place::Free:
      break;
    case ReassemblyQueue::Place::Duplicate:
      Finish(Stage::Reassemble, Verdict::DuplicateFragment, std::move(fragment), iif);
      return nullptr;
    case ReassemblyQueue::Place::Overlap:
      Count(Snmp::IpExtReasmOverlaps);
      return discard();
  }
  Trace(Stage::Reassemble, Verdict::Continue, *fragment, iif);
  queue.iif = iif;
  queue.gotBytes += end - begin;
  queue.ecnSeen |= static_cast<uint8_t>(1 << (ip.Tos() & kEcnMask));
  queue.maxFragmentBytes = std::max(queue.maxFragmentBytes, static_cast<uint16_t>(fragment->Size()));
  if (ip.DontFragment()) queue.maxDfBytes = std::max(queue.maxDfBytes, static_cast<uint16_t>(fragment->Size()));
  const bool continues = !queue.pieces.empty() && queue.pieces.back().end == begin;
  auto at = std::lower_bound(queue.pieces.begin(), queue.pieces.end(), begin,
                             [](const ReassemblyQueue::Piece& p, uint32_t b) { return p.begin < b; });
  queue.pieces.insert(at, {begin, end, continues, std::move(fragment)});
  if (!queue.hasLast || queue.gotBytes != queue.totalBytes) return nullptr;

  // ip_frag_reasm()
  constexpr uint8_t kNotEct = 1, kCe = 1 << kEcnMask;  // ip_frag_ecn_table: ECN or none for all of them, and CE stays
  const bool mixed = (queue.ecnSeen & kNotEct) && queue.ecnSeen != kNotEct;
  if (mixed || queue.totalBytes + header > 0xffff) return discard();
  ReassemblyQueue done = std::move(queue);
  m_reassembly.queues.erase(it);
  const wire::Frame& first = *done.pieces.front().frame;
  const uint32_t firstHeader = wire::Ipv4{const_cast<uint8_t*>(first.Data())}.HeaderBytes();
  wire::FramePtr whole = Derive(first, firstHeader + done.totalBytes);
  std::memcpy(whole->Data(), first.Data(), firstHeader);
  constexpr uint32_t kLink = wire::kEthernetHeaderBytes;  // which ESP puts before what it has decrypted
  if (m_ns->hasIpsec && first.Begin() >= kLink) std::memcpy(whole->Data() - kLink, first.Data() - kLink, kLink);
  for (const auto& piece : done.pieces) {
    const uint32_t pieceHeader = wire::Ipv4{piece.frame->Data()}.HeaderBytes();
    std::memcpy(whole->Data() + firstHeader + piece.begin, piece.frame->Data() + pieceHeader, piece.end - piece.begin);
  }
  if (done.ecnSeen & kCe) whole->Data()[1] |= kEcnMask;
  wire::Put16(whole->Data() + 2, whole->Size());
  const bool df = done.maxDfBytes == done.maxFragmentBytes;
  wire::Put16(whole->Data() + 6, df ? wire::kIpDf : 0u);
  wire::Ipv4{whole->Data()}.FillChecksum();
  whole->ignoreDf = df;
  whole->maxFragment = std::max(done.maxDfBytes, done.maxFragmentBytes);
  for (auto& piece : done.pieces) Finish(Stage::Reassemble, Verdict::Reassembled, std::move(piece.frame), done.iif);
  Count(Snmp::IpReasmOKs);
  return whole;
}

}  // namespace overlaysim::host
