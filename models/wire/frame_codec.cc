#include "models/wire/frame_codec.h"

#include <cstring>
#include <functional>

namespace overlaysim::wire {
namespace {

constexpr uint32_t kMostFrameBytes = UINT16_MAX + 256;  // the largest IP datagram and what may stand before it
constexpr int kMostSeals = 8;                           // tunnels in tunnels

enum Flags : uint16_t {
  kSocketHash = 1,
  kIgnoreDf = 2,
  kIsSound = 4,
  kEncapsulated = 8,
  kHasOptions = 16,
  kHasTunnel = 32,
  kHasSeenHead = 64,
  kHasTail = 128,
  kTunnelChecksum = 256,
  kTunnelDontFragment = 512,
  kIsRecorded = 1024,
  kAllFlags = 2047,
};

struct Head {
  uint64_t journey, cause;
  uint32_t packet, flow, hash, gateway;
  uint32_t linearBytes, seals;
  int32_t iif;
  uint16_t protocol, maxFragment, flags;
  uint8_t type, padding;
};
static_assert(sizeof(Head) == 56);

struct Tail {
  uint32_t offset, bytes;  ///< in what both ends know
};
struct Options {
  uint8_t bytes, recordRoute, timestamp, sourceRoute, cipso, recordsAddress, stampsAddress, stampsTime, changed;
};
struct Tunnel {
  uint32_t remote, id;
  uint8_t ttl;
};
struct Seen {
  uint32_t packet, size;
  int32_t shift;  ///< of its begin against the frame's
  uint8_t isElsewhere;
};

bool IsWithin(const Frame& frame, std::span<const uint8_t> known) {
  const std::less_equal<> before;
  const uint8_t* tail = frame.Tail();
  const uint32_t bytes = frame.Size() - frame.LinearBytes();
  return bytes > 0 && !known.empty() && before(known.data(), tail) && before(tail + bytes, known.data() + known.size());
}

void PutOptions(const IpOptions& o, ByteWriter& to) {
  to.Put(Options{o.bytes, o.recordRoute, o.timestamp, o.sourceRoute, o.cipso, o.recordsAddress, o.stampsAddress,
                 o.stampsTime, o.changed});
}

bool TakeOptions(ByteReader& from, IpOptions& options) {
  Options o;
  if (!from.Take(o)) return false;
  options = {o.bytes,       o.recordRoute,         o.timestamp,          o.sourceRoute,
             o.cipso,       o.recordsAddress != 0, o.stampsAddress != 0, o.stampsTime != 0,
             o.changed != 0};
  return true;
}

bool TakeSeenHead(ByteReader& from, Frame& frame) {
  Seen seen;
  if (!from.Take(seen) || seen.size > SeenHead::kMaxBytes) return false;
  auto head = std::make_unique<SeenHead>();
  head->packet = seen.packet;
  head->begin = seen.isElsewhere ? SeenHead::kElsewhere : frame.Begin() + static_cast<uint32_t>(seen.shift);
  head->size = seen.size;
  if (!from.Take(head->bytes.data(), seen.size)) return false;
  frame.seenHead = std::move(head);
  return true;
}

bool TakeSealed(ByteReader& from, uint32_t count, Frame& frame) {
  if (count > kMostSeals) return false;
  std::vector<std::shared_ptr<Sealed>> all;
  for (uint32_t i = 0; i < count; ++i) {
    uint32_t bytes = 0;
    if (!from.Take(bytes) || bytes > kMostFrameBytes || bytes > from.Left()) return false;
    auto sealed = std::make_shared<Sealed>();
    sealed->content.resize(bytes);
    if (!from.Take(sealed->content.data(), bytes)) return false;
    all.push_back(std::move(sealed));
  }
  for (size_t i = all.size(); i-- > 0;) {
    if (i + 1 < all.size()) all[i]->inner = all[i + 1];
  }
  if (!all.empty()) frame.sealed = all.front();
  return true;
}

}  // namespace

bool ByteReader::Take(void* to, size_t bytes) {
  if (bytes > m_left.size()) return false;
  if (bytes > 0) std::memcpy(to, m_left.data(), bytes);
  m_left = m_left.subspan(bytes);
  return true;
}

void EncodeFrame(const Frame& frame, std::span<const uint8_t> known, ByteWriter& to) {
  const bool hasTail = IsWithin(frame, known);
  const uint32_t tailBytes = frame.Size() - frame.LinearBytes();
  uint32_t seals = 0;
  for (const Sealed* sealed = frame.sealed.get(); sealed; sealed = sealed->inner.get()) ++seals;
  unsigned flags = 0;
  auto set = [&flags](Flags flag, bool isSet) { flags |= isSet ? unsigned{flag} : 0u; };
  set(kSocketHash, frame.socketHash);
  set(kIgnoreDf, frame.ignoreDf);
  set(kIsSound, frame.isSound);
  set(kIsRecorded, frame.isRecorded);
  set(kEncapsulated, frame.encapsulated);
  set(kHasOptions, frame.options.bytes != 0);
  set(kHasTunnel, !frame.tunnel.remote.IsZero());
  set(kHasSeenHead, frame.seenHead != nullptr);
  set(kHasTail, hasTail);
  set(kTunnelChecksum, frame.tunnel.checksum);
  set(kTunnelDontFragment, frame.tunnel.dontFragment);
  to.Put(Head{.journey = frame.journey,
              .cause = frame.cause,
              .packet = frame.packet,
              .flow = frame.flow,
              .hash = frame.hash,
              .gateway = frame.gateway.value,
              .linearBytes = hasTail ? frame.LinearBytes() : frame.Size(),
              .seals = seals,
              .iif = frame.iif,
              .protocol = frame.protocol,
              .maxFragment = frame.maxFragment,
              .flags = static_cast<uint16_t>(flags),
              .type = static_cast<uint8_t>(frame.type),
              .padding = 0});
  to.Put(frame.Data(), frame.LinearBytes());
  if (hasTail)
    to.Put(Tail{static_cast<uint32_t>(frame.Tail() - known.data()), tailBytes});
  else if (tailBytes > 0)
    to.Put(frame.Tail(), tailBytes);
  if (flags & kHasOptions) PutOptions(frame.options, to);
  if (flags & kHasTunnel) to.Put(Tunnel{frame.tunnel.remote.value, frame.tunnel.id, frame.tunnel.ttl});
  if (frame.seenHead) {
    const SeenHead& seen = *frame.seenHead;
    const bool isElsewhere = seen.begin == SeenHead::kElsewhere;
    to.Put(Seen{seen.packet, seen.size, isElsewhere ? 0 : static_cast<int32_t>(seen.begin - frame.Begin()),
                static_cast<uint8_t>(isElsewhere)});
    to.Put(seen.bytes.data(), seen.size);
  }
  for (const Sealed* sealed = frame.sealed.get(); sealed; sealed = sealed->inner.get()) {
    to.Put(static_cast<uint32_t>(sealed->content.size()));
    to.Put(sealed->content.data(), sealed->content.size());
  }
}

FramePtr DecodeFrame(ByteReader& from, std::span<const uint8_t> known) {
  Head head;
  if (!from.Take(head) || head.linearBytes > kMostFrameBytes || head.linearBytes > from.Left() ||
      (head.flags & ~kAllFlags) != 0 || head.type > static_cast<uint8_t>(PacketType::Outgoing))
    return nullptr;
  FramePtr frame = MakeFrame(head.linearBytes);
  from.Take(frame->Data(), head.linearBytes);
  frame->journey = head.journey;
  frame->cause = head.cause;
  frame->packet = head.packet;
  frame->flow = head.flow;
  frame->hash = head.hash;
  frame->gateway = {head.gateway};
  frame->iif = head.iif;
  frame->protocol = head.protocol;
  frame->maxFragment = head.maxFragment;
  frame->type = static_cast<PacketType>(head.type);
  frame->socketHash = head.flags & kSocketHash;
  frame->ignoreDf = head.flags & kIgnoreDf;
  frame->isSound = head.flags & kIsSound;
  frame->isRecorded = head.flags & kIsRecorded;
  frame->encapsulated = head.flags & kEncapsulated;
  if (head.flags & kHasTail) {
    Tail tail;
    if (!from.Take(tail) || tail.offset > known.size() || tail.bytes > known.size() - tail.offset) return nullptr;
    frame->SetTail(known.subspan(tail.offset, tail.bytes));
  }
  if ((head.flags & kHasOptions) && !TakeOptions(from, frame->options)) return nullptr;
  if (head.flags & kHasTunnel) {
    Tunnel tunnel;
    if (!from.Take(tunnel)) return nullptr;
    frame->tunnel = {.remote = {tunnel.remote}, .id = tunnel.id, .ttl = tunnel.ttl};
    frame->tunnel.checksum = head.flags & kTunnelChecksum;
    frame->tunnel.dontFragment = head.flags & kTunnelDontFragment;
  }
  if ((head.flags & kHasSeenHead) && !TakeSeenHead(from, *frame)) return nullptr;
  if (!TakeSealed(from, head.seals, *frame)) return nullptr;
  return frame;
}

}  // namespace overlaysim::wire
