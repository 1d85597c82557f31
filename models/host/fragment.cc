// Fragmentation and reassembly (net/ipv4/ip_output.c, ip_do_fragment(); net/ipv4/ip_fragment.c).

#include <algorithm>
#include <cstring>

#include "models/engine/engine.h"
#include "models/host/stack.h"
#include "models/host/stack_inline.h"

namespace overlaysim::host {

using kernel::Snmp;

void Stack::Fragment(wire::FramePtr packet, uint32_t mtu, const std::function<void(wire::FramePtr)>& output) {
  const wire::Ipv4 ip{packet->Data()};
  const uint32_t header = ip.HeaderBytes();
  if (packet->maxFragment != 0) mtu = std::min<uint32_t>(mtu, packet->maxFragment);
  const uint32_t room = mtu > header ? (mtu - header) & ~7u : 0;
  if (room == 0) {
    Count(Snmp::IpFragFails);
    return Finish(Stage::Fragment, Verdict::FragNeeded, std::move(packet));
  }
  const uint32_t payload = packet->Size() - header;
  const uint16_t firstField = ip.FragmentField();
  const uint32_t base = ip.OffsetBytes();
  for (uint32_t at = 0; at < payload;) {
    const uint32_t left = payload - at;
    // The last piece may fill the MTU without being a multiple of 8.
    const uint32_t bytes = left <= mtu - header ? left : room;
    wire::FramePtr piece = wire::MakeFrameLike(*packet, header + bytes);
    if (Tracing()) piece->packet = m_network.observer->NextPacket(packet->journey);
    std::memcpy(piece->Data(), packet->Data(), header);
    std::memcpy(piece->Data() + header, packet->Data() + header + at, bytes);
    const bool more = at + bytes < payload || (firstField & wire::kIpMf);
    wire::Put16(piece->Data() + 2, header + bytes);
    wire::Put16(piece->Data() + 6, static_cast<uint32_t>(firstField & wire::kIpDf) | (more ? wire::kIpMf : 0u) | (base + at) / 8);
    wire::Ipv4{piece->Data()}.FillChecksum();
    piece->maxFragment = 0;
    at += bytes;
    Count(Snmp::IpFragCreates);
    output(std::move(piece));
  }
  Count(Snmp::IpFragOKs);
  Finish(Stage::Fragment, Verdict::Fragmented, std::move(packet));
}

wire::FramePtr Stack::Reassemble(wire::FramePtr fragment) {
  Count(Snmp::IpReasmReqds);
  const wire::Ipv4 ip{fragment->Data()};
  const uint32_t header = ip.HeaderBytes();
  const ReassemblyKey key{ip.Source().value, ip.Destination().value, ip.Identification(), ip.Protocol()};
  auto [it, isNew] = m_reassembly.queues.try_emplace(key);
  ReassemblyQueue& queue = it->second;
  if (isNew) {
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
  auto refuse = [&](Verdict verdict) {
    Count(Snmp::IpReasmFails);
    Finish(Stage::Reassemble, verdict, std::move(fragment), fragment->iif);
    return nullptr;
  };
  // ip_frag_queue()
  const uint32_t begin = ip.OffsetBytes();
  const uint32_t end = begin + fragment->Size() - header;
  if (!ip.MoreFragments()) {
    if (queue.totalBytes != 0 && queue.totalBytes != end) return refuse(Verdict::FragmentInvalid);
    for (const auto& piece : queue.pieces)
      if (piece.end > end) return refuse(Verdict::FragmentInvalid);
    queue.totalBytes = end;
  } else {
    if ((end - begin) % 8 != 0 || (queue.totalBytes != 0 && end > queue.totalBytes)) return refuse(Verdict::FragmentInvalid);
  }
  if (end == begin || end + header > 0xffff) return refuse(Verdict::FragmentInvalid);
  for (const auto& piece : queue.pieces) {
    if (begin >= piece.begin && end <= piece.end) {
      Finish(Stage::Reassemble, Verdict::DuplicateFragment, std::move(fragment), queue.iif);
      return nullptr;
    }
    if (begin < piece.end && piece.begin < end) {  // inet_frag_queue_insert(): an overlap ends the whole datagram
      for (auto& p : queue.pieces) Finish(Stage::Reassemble, Verdict::FragmentInvalid, std::move(p.frame), queue.iif);
      m_reassembly.queues.erase(it);
      return refuse(Verdict::FragmentInvalid);
    }
  }
  Trace(Stage::Reassemble, Verdict::Continue, *fragment, fragment->iif);
  queue.iif = fragment->iif;
  queue.gotBytes += end - begin;
  queue.maxFragmentBytes = std::max(queue.maxFragmentBytes, static_cast<uint16_t>(fragment->Size()));
  if (ip.DontFragment()) queue.maxDfBytes = std::max(queue.maxDfBytes, static_cast<uint16_t>(fragment->Size()));
  auto at = std::lower_bound(queue.pieces.begin(), queue.pieces.end(), begin,
                             [](const ReassemblyQueue::Piece& p, uint32_t b) { return p.begin < b; });
  queue.pieces.insert(at, {begin, end, std::move(fragment)});
  if (queue.totalBytes == 0 || queue.gotBytes != queue.totalBytes) return nullptr;

  // ip_frag_reasm()
  ReassemblyQueue done = std::move(queue);
  m_reassembly.queues.erase(it);
  const wire::Frame& first = *done.pieces.front().frame;
  const uint32_t firstHeader = wire::Ipv4{const_cast<uint8_t*>(first.Data())}.HeaderBytes();
  wire::FramePtr whole = wire::MakeFrameLike(first, firstHeader + done.totalBytes);
  std::memcpy(whole->Data(), first.Data(), firstHeader);
  for (const auto& piece : done.pieces) {
    const uint32_t pieceHeader = wire::Ipv4{piece.frame->Data()}.HeaderBytes();
    std::memcpy(whole->Data() + firstHeader + piece.begin, piece.frame->Data() + pieceHeader, piece.end - piece.begin);
  }
  wire::Put16(whole->Data() + 2, whole->Size());
  const bool df = done.maxDfBytes == done.maxFragmentBytes;
  wire::Put16(whole->Data() + 6, df ? wire::kIpDf : 0u);
  wire::Ipv4{whole->Data()}.FillChecksum();
  whole->ignoreDf = df;
  whole->maxFragment = df ? done.maxFragmentBytes : uint16_t{0};
  if (Tracing()) whole->packet = m_network.observer->NextPacket(whole->journey);
  for (auto& piece : done.pieces) Finish(Stage::Reassemble, Verdict::Reassembled, std::move(piece.frame), done.iif);
  Count(Snmp::IpReasmOKs);
  return whole;
}

}  // namespace overlaysim::host
