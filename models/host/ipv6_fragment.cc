// IPv6 fragmentation and reassembly (net/ipv6/ip6_output.c, ip6_fragment(); net/ipv6/reassembly.c).

#include <algorithm>
#include <cstring>

#include "models/engine/engine.h"
#include "models/host/stack.h"
#include "models/host/stack_inline.h"

namespace overlaysim::host {

using kernel::Snmp;

/// A local datagram: the pieces are those that ip6_append_data() has made of it, the last one too no longer than a
/// fragment header leaves of the MTU rounded down to 8.
int Stack::Ipv6Fragment(wire::FramePtr packet, uint32_t mtu, const std::function<int(wire::FramePtr)>& output) {
  constexpr uint32_t kAdded = wire::kIpv6FragmentHeaderBytes;
  const uint32_t header = wire::kIpv6HeaderBytes;
  const uint32_t room = ((mtu - header) & ~7u) - kAdded;
  const uint32_t payload = packet->Size() - header;
  const uint8_t protocol = wire::Ipv6{packet->Data()}.NextHeader();
  if (m_fragmentId == 0)
    m_fragmentId = static_cast<uint32_t>(RandomStream(m_network.seed, "ip6-id/" + m_ns->Name(), 0).Next());
  ++m_fragmentId;
  for (uint32_t at = 0; at < payload;) {
    const uint32_t bytes = std::min(payload - at, room);
    wire::FramePtr piece = Derive(*packet, header + kAdded + bytes);
    uint8_t* p = piece->Data();
    std::memcpy(p, packet->Data(), header);
    wire::Put16(p + 4, kAdded + bytes);
    p[6] = wire::kIpProtoFragment;
    wire::Ipv6Fragment{p + header}.Write(protocol, at, at + bytes < payload, m_fragmentId);
    std::memcpy(p + header + kAdded, packet->Data() + header + at, bytes);
    piece->maxFragment = 0;
    at += bytes;
    Count(Snmp::Ip6FragCreates);
    if (const int error = output(std::move(piece))) {  // the rest is not sent any more
      Count(Snmp::Ip6FragFails);
      Finish(Stage::Fragment, Verdict::Fragmented, std::move(packet));
      return error;
    }
  }
  Count(Snmp::Ip6FragOKs);
  Finish(Stage::Fragment, Verdict::Fragmented, std::move(packet));
  return 0;
}

/// ipv6_frag_rcv().
wire::FramePtr Stack::Ipv6Reassemble(kernel::Link& link, wire::FramePtr fragment, uint32_t offset,
                                     uint32_t nextHeaderAt, ReassemblyUser user) {
  const bool isOwn = user == ReassemblyUser::LocalDeliver;  // nf_ct_frag6_gather() counts nothing
  auto count = [&](Snmp counter) {
    if (isOwn) Count(counter);
  };
  count(Snmp::Ip6ReasmReqds);
  const wire::Ipv6 ip{fragment->Data()};
  auto problem = [&](uint32_t pointer) -> wire::FramePtr {
    if (!isOwn) return std::move(fragment);
    Ipv6Problem(Stage::Reassemble, Verdict::FragmentInvalid, std::move(fragment), wire::kIcmpv6HeaderField, pointer);
    return nullptr;
  };
  const uint32_t data = offset + wire::kIpv6FragmentHeaderBytes;
  if (ip.PayloadBytes() == 0 || fragment->Size() < data) return problem(offset);
  const wire::Ipv6Fragment header{fragment->Data() + offset};
  const uint32_t begin = header.OffsetBytes(), end = begin + fragment->Size() - data;
  const bool more = header.MoreFragments();
  if (begin == 0 && !more && isOwn) {  // all of it, behind a fragment header
    Count(Snmp::Ip6ReasmOKs);
    fragment->maxFragment = static_cast<uint16_t>(fragment->Size());
    return fragment;
  }
  const Ipv6Address source = ip.Source(), destination = ip.Destination();
  const bool local = destination.IsMulticast() || destination.IsLinkLocal();
  const ReassemblyKey key{.source = source,
                          .destination = destination,
                          .identification = header.Identification(),
                          .ifindex = local ? link.ifindex : 0,
                          .user = user};
  const auto inserted = m_reassembly.queues.try_emplace(key);
  const auto it = inserted.first;  // not a structured binding: clang 14 lets no lambda capture one
  ReassemblyQueue& queue = it->second;
  if (inserted.second) {
    queue.timerGeneration = ++m_reassembly.generation;
    After(m_ns->Ipv6().ip6fragTime, [this, key, generation = queue.timerGeneration] {  // ip6frag_expire_frag_queue()
      auto old = m_reassembly.queues.find(key);
      if (old == m_reassembly.queues.end() || old->second.timerGeneration != generation) return;
      Count(Snmp::Ip6ReasmFails);
      Count(Snmp::Ip6ReasmTimeout);
      ReassemblyQueue expired = std::move(old->second);
      m_reassembly.queues.erase(old);
      for (auto& piece : expired.pieces) {
        if (piece.begin == 0) Icmpv6Send(*piece.frame, wire::kIcmpv6TimeExceeded, wire::kIcmpv6ReassemblyTime, 0);
        Finish(Stage::Reassemble, Verdict::ReassemblyTimeout, std::move(piece.frame), expired.iif);
      }
    });
  }
  auto discard = [&] {  // the datagram is lost with all that has come of it
    count(Snmp::Ip6ReasmFails);
    if (fragment) Finish(Stage::Reassemble, Verdict::FragmentInvalid, std::move(fragment), link.ifindex);
    for (auto& piece : queue.pieces)
      Finish(Stage::Reassemble, Verdict::FragmentAbandoned, std::move(piece.frame), queue.iif);
    m_reassembly.queues.erase(it);
    return nullptr;
  };
  // ip6_frag_queue()
  if (end > 0xffff) return problem(offset + 2);
  if (!more) {
    if (end < queue.totalBytes || (queue.hasLast && end != queue.totalBytes)) return discard();
    queue.hasLast = true;
    queue.totalBytes = end;
  } else {
    if (end & 7) return problem(4);  // the payload length
    if (end > queue.totalBytes && queue.hasLast) return discard();
    queue.totalBytes = std::max(queue.totalBytes, end);
  }
  if (end == begin) return discard();
  switch (queue.Fit(begin, end)) {
    case ReassemblyQueue::Place::Free:
      break;
    case ReassemblyQueue::Place::Duplicate:
      Finish(Stage::Reassemble, Verdict::DuplicateFragment, std::move(fragment), link.ifindex);
      return nullptr;
    case ReassemblyQueue::Place::Overlap:
      return discard();
  }
  Trace(Stage::Reassemble, Verdict::Continue, *fragment, link.ifindex);
  constexpr uint8_t kEcnMask = 3;
  queue.iif = link.ifindex;
  queue.gotBytes += end - begin;
  queue.ecnSeen |= static_cast<uint8_t>(1 << (ip.TrafficClass() & kEcnMask));
  queue.maxFragmentBytes = std::max(queue.maxFragmentBytes, static_cast<uint16_t>(fragment->Size()));
  if (begin == 0) queue.headerBytes = offset, queue.nextHeaderAt = nextHeaderAt;
  const bool continues = !queue.pieces.empty() && queue.pieces.back().end == begin;
  auto at = std::lower_bound(queue.pieces.begin(), queue.pieces.end(), begin,
                             [](const ReassemblyQueue::Piece& p, uint32_t b) { return p.begin < b; });
  queue.pieces.insert(at, {begin, end, continues, std::move(fragment)});
  if (!queue.hasLast || queue.gotBytes != queue.totalBytes) return nullptr;

  // ip6_frag_reasm(): the headers before the fragment header are those of the first fragment
  const uint32_t headers = queue.headerBytes;
  constexpr uint8_t kNotEct = 1, kCe = 1 << kEcnMask;  // ip_frag_ecn_table
  const bool mixed = (queue.ecnSeen & kNotEct) && queue.ecnSeen != kNotEct;
  if (mixed || headers - wire::kIpv6HeaderBytes + queue.totalBytes > 0xffff) return discard();
  ReassemblyQueue done = std::move(queue);
  m_reassembly.queues.erase(it);
  const wire::Frame& first = *done.pieces.front().frame;
  wire::FramePtr whole = Derive(first, headers + done.totalBytes);
  uint8_t* p = whole->Data();
  std::memcpy(p, first.Data(), headers);
  p[done.nextHeaderAt] = first.Data()[headers];
  wire::Put16(p + 4, whole->Size() - wire::kIpv6HeaderBytes);
  for (const auto& piece : done.pieces) {
    const uint32_t bytes = piece.end - piece.begin;
    std::memcpy(p + headers + piece.begin, piece.frame->Data() + piece.frame->Size() - bytes, bytes);
  }
  if (done.ecnSeen & kCe) p[1] |= kEcnMask << 4;
  whole->maxFragment = done.maxFragmentBytes;
  for (auto& piece : done.pieces) Finish(Stage::Reassemble, Verdict::Reassembled, std::move(piece.frame), done.iif);
  count(Snmp::Ip6ReasmOKs);
  return whole;
}

}  // namespace overlaysim::host
