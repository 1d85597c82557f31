#include "models/host/flow_cache.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <limits>

#include "models/engine/engine.h"
#include "models/host/network.h"
#include "models/host/seen_head.h"
#include "models/host/stack.h"
#include "models/wire/checksum.h"
#include "models/wire/headers.h"
#include "sim/base/check.h"

namespace overlaysim::host {
namespace {

constexpr uint32_t kKeyBytes = 104;                         // the longest: TCP in IPv4 in Ethernet in VXLAN
constexpr uint32_t kHeaderBytes = 128;                      // headers that a packet can gain, with those of a datagram
constexpr uint32_t kShownBytes = 192;                       // of a frame, compared before it is cached
constexpr size_t kMostEntries = 1 << 16;                    // per kernel
constexpr uint64_t kMostRecordBytes = uint64_t{256} << 20;  // of records to be repeated, in all kernels
constexpr uint32_t kMostTtlSteps = 8;                       // of a packet whose records are repeated
constexpr Nanoseconds kForever{std::numeric_limits<int64_t>::max()};
constexpr uint32_t kDatagramHeaderBytes = wire::kIpv4HeaderBytes + wire::kUdpHeaderBytes;

/// A counter, and by how much one packet raises it.
using Delta = kernel::SnmpCounters::Rise;

/// An IPv4 header that gets a new identification.
struct NewIdentification {
  uint32_t offset = 0;
  uint16_t* counter = nullptr;
  uint64_t sum = 0;  ///< of the header without identification and checksum
};

/// What a packet was taken for by connection tracking.
struct Tracked {
  kernel::Connection* connection = nullptr;
  Nanoseconds timeout;
};

enum class Exit : uint8_t { None, Cable, Udp, Tcp };

/// What a kernel writes beside a frame's bytes.
struct Marks {
  uint32_t hash = 0;
  int iif = 0;
  uint16_t protocol = 0;
  wire::PacketType type = wire::PacketType::Outgoing;
  bool socketHash = false, ignoreDf = false;

  static Marks Of(const wire::Frame& f) { return {f.hash, f.iif, f.protocol, f.type, f.socketHash, f.ignoreDf}; }
  void WriteTo(wire::Frame& f) const {
    f.hash = hash;
    f.iif = iif;
    f.protocol = protocol;
    f.type = type;
    f.socketHash = socketHash;
    f.ignoreDf = ignoreDf;
  }
};

template <typename Counters>
constexpr size_t kWords = sizeof(Counters) / sizeof(uint64_t);

/// What has risen in a block of counters.
template <typename Counters>
void AddRisen(const Counters& before, Counters& now, std::vector<Delta>& deltas) {
  static_assert(std::is_trivially_copyable_v<Counters> && sizeof(Counters) % sizeof(uint64_t) == 0);
  auto* old = reinterpret_cast<const uint64_t*>(&before);
  auto* current = reinterpret_cast<uint64_t*>(&now);
  for (size_t i = 0; i < kWords<Counters>; ++i)
    if (current[i] != old[i]) deltas.push_back({current + i, current[i] - old[i]});
}

}  // namespace

struct FlowCache::Key {
  alignas(8) std::array<uint8_t, kKeyBytes> bytes{};
  uint64_t hash = 0;

  bool operator==(const Key& o) const { return hash == o.hash && bytes == o.bytes; }
};

/// What one packet raises and stamps: in a router the same for all flows from one device to another.
struct FlowCache::Account {
  uint64_t pending = 0;  ///< packets since Settle()
  Nanoseconds last;
  std::vector<Delta> deltas;
  std::vector<Nanoseconds*> stamps;
};

/// What is read for each packet stands first, and close together.
struct alignas(64) FlowCache::Entry {
  uint32_t generation = 0;
  uint16_t pull = 0, push = 0;  ///< bytes in front that go, and that come
  uint16_t frameBytes = 0;      ///< at the exit
  Exit exit = Exit::None;
  uint8_t ttlSteps = 0;  ///< routers in this kernel that it passes
  uint8_t side = 0;
  uint8_t trackedCount = 0, identifiedCount = 0;
  FlowCache* owner = nullptr;
  Cable* cable = nullptr;
  Nanoseconds validUntil = kForever;  ///< the first of: what follows, the end of its connections
  uint64_t version = 0;               ///< of what it sends; never used twice
  /// The entry at the cable's other end that took the last packet, and the versions for which that holds: its own, and
  /// that of the entry which had sent the packet first.
  Entry* next = nullptr;
  uint64_t nextVersion = 0, nextOrigin = 0;
  std::shared_ptr<Account> account;
  Marks marks;
  std::array<uint8_t, kHeaderBytes> header;  ///< of `push` bytes
  std::array<NewIdentification, 2> identified;
  bool isSettled = true;
  Nanoseconds last;  ///< of its connections
  std::array<Tracked, 4> tracked;
  Nanoseconds limit = kForever, lifetime = kForever;  ///< of a state; of its connections from packet to packet
  std::shared_ptr<UdpSocketEnd> socket;
  Stack* stack = nullptr;  ///< where it is delivered
  Key key;
  // Where records are written:
  std::shared_ptr<RecordTemplate> records;  ///< null: nowhere
  uint32_t flow = 0;
  uint32_t headBefore = 0, headAfter = 0;  ///< how much of the packet's front is in sight (SeenHead)
  uint32_t ipAt = 0;                       ///< where the IP header whose TTL is counted down is at the exit
};

/// What of a packet goes into the records of its steps: how it came in and how it left, and the checksum of its IP
/// header with each TTL that it had in between.
struct FlowCache::Image {
  static constexpr uint32_t kBefore = 0, kAfter = kShownBytes, kChecksums = 2 * kShownBytes;
  std::array<uint8_t, kChecksums + 2 * (kMostTtlSteps + 1)> bytes;

  /// Where the checksum is that the header had so many steps before the exit.
  static constexpr uint16_t ChecksumAt(uint32_t steps) { return static_cast<uint16_t>(kChecksums + 2 * steps); }

  void SetBefore(const wire::Frame& frame) {
    std::memcpy(&bytes[kBefore], frame.Data(), std::min(kShownBytes, frame.LinearBytes()));
  }
  void SetAfter(const wire::Frame& frame) { CopyHead(frame, &bytes[kAfter], std::min(kShownBytes, frame.Size())); }
  /// `sum` is that of the header as it leaves, without its checksum. False: a step changes another number of bytes than
  /// usual.
  bool SetChecksums(uint64_t sum, uint32_t steps) {
    for (uint32_t step = 0; step <= steps; ++step) {
      wire::Put16(&bytes[ChecksumAt(step)], wire::ChecksumFold(sum + (uint64_t{step} << 8)));
      if (bytes[ChecksumAt(step) + 1u] != bytes[ChecksumAt(0) + 1u]) return false;
    }
    return true;
  }
  /// The same; `header` is as it came in.
  bool SetChecksumsFrom(const uint8_t* header, uint32_t steps) {
    std::array<uint8_t, wire::kIpv4HeaderBytes> copy;
    std::memcpy(copy.data(), header, copy.size());
    copy[8] = static_cast<uint8_t>(copy[8] - steps);
    wire::Put16(&copy[10], 0);
    return SetChecksums(wire::ChecksumAdd(copy.data(), copy.size()), steps);
  }
};

struct FlowCache::Watch {
  struct Step {
    TraceRecord record;
    uint16_t offset;
    uint16_t before, after;  ///< bytes of the change
    size_t bytesAt;          ///< in stepBytes
  };
  struct StackBefore {
    Stack* stack;
    kernel::ConntrackStatistics tracking;
    uint64_t made, ended;
  };
  struct LinkBefore {
    kernel::Link* link;
    kernel::LinkStats stats;
  };
  Key key;
  Entry* known = nullptr;  ///< an entry that is to be learnt anew
  Slot* slot = nullptr;
  Stack* origin = nullptr;
  bool isSend = false;
  bool hasMisfit = false;  ///< it left in a state that is not repeated, or twice
  uint32_t generation = 0;
  uint32_t beforeBytes = 0;
  std::array<uint8_t, kShownBytes> before{};
  std::vector<StackBefore> stacks;
  std::vector<LinkBefore> links;
  std::vector<Delta> deltas;  ///< what counters have risen by: while it is watched the stacks', in the end all
  std::array<uint64_t, static_cast<size_t>(Verdict::Count)> verdicts{};
  std::vector<kernel::RuleCounters> rules;
  std::vector<Nanoseconds*> stamps;
  std::vector<Tracked> tracked;
  std::vector<std::pair<uint16_t*, uint16_t>> identified;
  Nanoseconds validUntil;
  // the exit
  Exit exit = Exit::None;
  Cable* cable = nullptr;
  int side = 0;
  Stack* stack = nullptr;
  std::shared_ptr<UdpSocketEnd> socket;
  Marks marks;
  uint32_t afterBytes = 0;
  std::array<uint8_t, kShownBytes> after{};
  // records
  std::vector<Step> steps;
  std::vector<uint8_t> stepBytes;
  uint32_t headBefore = 0, headAfter = 0;

  void Leave(Exit how, const wire::Frame& frame) {
    if (exit != Exit::None || frame.HasOpenChecksum() || frame.packet != 0 || frame.maxFragment != 0 ||
        frame.mark != 0 || frame.options.bytes != 0)
      hasMisfit = true;
    exit = how;
    marks = Marks::Of(frame);
    afterBytes = frame.Size();
    std::memcpy(after.data(), frame.Data(), std::min(kShownBytes, afterBytes));
    headAfter = UnchangedHead(frame);
  }
  void End() {
    for (const StackBefore& s : stacks) {
      s.stack->Ns().snmp.watcher = nullptr;
      if (s.stack->Ns().peers) s.stack->Ns().peers->holdsUntil = nullptr;
    }
    stacks.clear();
    links.clear();
    deltas.clear();
    rules.clear();
    stamps.clear();
    tracked.clear();
    identified.clear();
    steps.clear();
    stepBytes.clear();
    socket = nullptr;
  }
};

/// Of all kernels: few packets are watched at a time.
std::vector<std::unique_ptr<FlowCache::Watch>>& FlowCache::FreeWatches() {
  static auto& free = *new std::vector<std::unique_ptr<Watch>>;
  return free;
}

/// Entries are never given back: a frame may still name one that is free, and then sees another version in it.
void FlowCache::EntryDeleter::operator()(Entry* entry) const {
  entry->version = 0;
  entry->generation = 0;
  entry->next = nullptr;
  entry->account = nullptr;
  entry->socket = nullptr;
  entry->records = nullptr;
  FreeEntries().push_back(entry);
}

std::vector<FlowCache::Entry*>& FlowCache::FreeEntries() {
  static auto& free = *new std::vector<Entry*>;
  return free;
}

FlowCache::Slot FlowCache::NewEntry() {
  constexpr size_t kBlock = 64;
  std::vector<Entry*>& free = FreeEntries();
  if (free.empty()) {
    auto* block = new Entry[kBlock];
    for (size_t i = kBlock; i-- > 0;) free.push_back(block + i);
  }
  Entry* entry = free.back();
  free.pop_back();
  return Slot(entry);
}

FlowCache::FlowCache() = default;
FlowCache::~FlowCache() = default;

// ------------------------------------------------------------------------------------------------ keys

namespace {

class KeyWriter {
 public:
  explicit KeyWriter(uint8_t* to) : m_at(to) {}
  void Put(const uint8_t* from, uint32_t bytes) {
    std::memcpy(m_at, from, bytes);
    m_at += bytes;
  }
  void Put8(bool value) { *m_at++ = value; }
  void Put32(uint32_t value) { Put(reinterpret_cast<const uint8_t*>(&value), sizeof value); }
  /// An IPv4 header without what differs from packet to packet, and what follows of its transport header. False: no
  /// packet for the cache. `left`: bytes from the header on that are in one piece; `size`: in all.
  bool PutIpv4(const uint8_t* p, uint32_t left, uint32_t size) {
    if (left < kDatagramHeaderBytes || p[0] != 0x45) return false;
    const wire::Ipv4 ip{const_cast<uint8_t*>(p)};
    if (ip.IsFragment() || ip.TotalBytes() != size) return false;
    uint8_t* header = m_at;
    Put(p, wire::kIpv4HeaderBytes);
    std::memset(header + 4, 0, 2);
    std::memset(header + 10, 0, 2);
    const uint8_t* transport = p + wire::kIpv4HeaderBytes;
    Put(transport, 4);
    switch (ip.Protocol()) {
      case wire::kIpProtoUdp:
        Put8(wire::Get16(transport + 6) == 0);
        return wire::Get16(transport + 4) == size - wire::kIpv4HeaderBytes;
      case wire::kIpProtoTcp:
        if (left < wire::kIpv4HeaderBytes + wire::kTcpHeaderBytes) return false;
        Put(transport + 12, 2);
        return true;
      default:
        return false;
    }
  }

 private:
  uint8_t* m_at;
};

uint64_t HashOf(const std::array<uint8_t, kKeyBytes>& bytes) {
  static_assert(kKeyBytes % 8 == 0);
  uint64_t hash = 0x9e3779b97f4a7c15ULL;
  for (size_t i = 0; i < bytes.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, &bytes[i], 8);
    hash = (hash ^ word) * 0xff51afd7ed558ccdULL;
    hash ^= hash >> 32;
  }
  return hash;
}

bool IsIpv4Frame(const uint8_t* p) { return wire::Get16(p + 12) == wire::kEtherTypeIpv4; }

}  // namespace

bool FlowCache::ReadKey(const Stack& stack, int ifindex, const wire::Frame& frame, bool isAtIp, Key& key) {
  if (!frame.isSound || frame.HasOpenChecksum() || frame.mark != 0 || frame.connectionInfo != 0 || frame.packet != 0 ||
      frame.maxFragment != 0)
    return false;
  if (!isAtIp && (m_portsOf != &stack || m_portsGeneration != m_generation)) {
    m_portsOf = &stack;
    m_portsGeneration = m_generation;
    m_vxlanPorts.clear();
    for (const kernel::Link* link : stack.Ns().Links())
      if (link->kind == kernel::LinkKind::Vxlan) m_vxlanPorts.push_back(link->vxlan.dstPort);
  }
  KeyWriter writer(key.bytes.data());
  writer.Put32(stack.Id().value);
  writer.Put32(static_cast<uint32_t>(ifindex) << 16 | frame.Size());
  writer.Put32(frame.hash);
  writer.Put8(frame.socketHash);
  const uint8_t* p = frame.Data();
  uint32_t at = 0;
  const uint32_t linear = frame.LinearBytes();
  if (!isAtIp) {
    if (linear < wire::kEthernetHeaderBytes || !IsIpv4Frame(p)) return false;
    writer.Put(p, wire::kEthernetHeaderBytes);
    at = wire::kEthernetHeaderBytes;
  }
  if (!writer.PutIpv4(p + at, linear - at, frame.Size() - at)) return false;
  const wire::Ipv4 ip{const_cast<uint8_t*>(p) + at};
  const auto isTunnel = [&](const uint8_t* udp) {
    return std::find(m_vxlanPorts.begin(), m_vxlanPorts.end(), wire::Get16(udp + 2)) != m_vxlanPorts.end();
  };
  if (!isAtIp && ip.Protocol() == wire::kIpProtoUdp && isTunnel(ip.Payload())) {
    at += kDatagramHeaderBytes;
    if (linear < at + wire::kVxlanHeaderBytes + wire::kEthernetHeaderBytes) return false;
    writer.Put(p + at, wire::kVxlanHeaderBytes + wire::kEthernetHeaderBytes);
    at += wire::kVxlanHeaderBytes;
    if (!IsIpv4Frame(p + at)) return false;
    at += wire::kEthernetHeaderBytes;
    if (!writer.PutIpv4(p + at, linear - at, frame.Size() - at)) return false;
    const wire::Ipv4 inner{const_cast<uint8_t*>(p) + at};
    if (inner.Protocol() == wire::kIpProtoUdp && isTunnel(inner.Payload())) return false;
  }
  key.hash = HashOf(key.bytes);
  return true;
}

FlowCache::Entry* FlowCache::Find(const Key& key) const {
  if (m_slots.empty()) return nullptr;
  const size_t mask = m_slots.size() - 1;
  for (size_t i = key.hash & mask; m_slots[i]; i = (i + 1) & mask)
    if (m_slots[i]->key == key) return m_slots[i];
  return nullptr;
}

void FlowCache::Keep(Slot entry) {
  if (m_entries.size() == kMostEntries) Clear();
  m_entries.push_back(std::move(entry));
  auto put = [this](Entry* e) {
    const size_t mask = m_slots.size() - 1;
    size_t i = e->key.hash & mask;
    while (m_slots[i]) i = (i + 1) & mask;
    m_slots[i] = e;
  };
  if (m_entries.size() * 2 <= m_slots.size()) return put(m_entries.back().get());
  m_slots.assign(std::max<size_t>(16, m_slots.size() * 2), nullptr);
  for (const auto& e : m_entries) put(e.get());
}

void FlowCache::Clear() {
  Settle();
  m_slots.clear();
  m_entries.clear();
}

void FlowCache::Drop(Slot& slot) {
  if (!slot) return;
  Settle();
  slot.reset();
}

// ------------------------------------------------------------------------------------------------ repeating

bool FlowCache::IsValid(const Entry& entry, Nanoseconds now) const {
  return entry.generation == m_generation && now < entry.validUntil &&
         (entry.exit != Exit::Udp || entry.socket->isOpen);
}

void FlowCache::Repeat(Entry& entry, Nanoseconds now) {
  ++m_repeated;
  if (entry.account->pending++ == 0) m_unsettled.push_back(entry.account.get());
  entry.account->last = now;
  if (entry.trackedCount == 0) return;
  if (std::exchange(entry.isSettled, false)) m_unsettledTracked.push_back(&entry);
  entry.last = now;
  entry.validUntil = std::min(entry.limit, now + entry.lifetime);
}

void FlowCache::Settle() {
  for (Account* account : m_unsettled) {
    const uint64_t times = std::exchange(account->pending, 0);
    for (const Delta& delta : account->deltas) *delta.counter += delta.by * times;
    for (Nanoseconds* stamp : account->stamps) *stamp = std::max(*stamp, account->last);
  }
  m_unsettled.clear();
  for (Entry* entry : m_unsettledTracked) {
    entry->isSettled = true;
    for (size_t i = 0; i < entry->trackedCount; ++i) {
      const Tracked& t = entry->tracked[i];
      t.connection->expires = std::max(t.connection->expires, entry->last + t.timeout);
    }
  }
  m_unsettledTracked.clear();
}

void FlowCache::WriteHeader(Entry& entry, uint8_t* to) {
  std::memcpy(to, entry.header.data(), entry.push);
  for (size_t i = 0; i < entry.identifiedCount; ++i) {
    const NewIdentification& which = entry.identified[i];
    if (++*which.counter == 0) ++*which.counter;
    wire::Put16(to + which.offset + 4, *which.counter);
    wire::Put16(to + which.offset + 10, wire::ChecksumFold(which.sum + *which.counter));
  }
}

/// Of the IP header that its next datagram leaves with, without its checksum.
uint64_t FlowCache::NextSum(const Entry& entry) {
  std::array<uint8_t, wire::kIpv4HeaderBytes> header;
  std::memcpy(header.data(), &entry.header[entry.ipAt], header.size());
  wire::Put16(&header[10], 0);
  uint64_t sum = wire::ChecksumAdd(header.data(), header.size());
  for (size_t i = 0; i < entry.identifiedCount; ++i) {
    if (entry.identified[i].offset != entry.ipAt) continue;
    uint16_t next = *entry.identified[i].counter;
    for (size_t j = 0; j <= i; ++j)  // others may draw from the same counter before
      if (entry.identified[j].counter == entry.identified[i].counter && ++next == 0) ++next;
    sum += next;
  }
  return sum;
}

void FlowCache::RepeatRecords(Entry& entry, Stack& stack, wire::Frame& frame, Image& image) {
  image.SetAfter(frame);
  stack.Net().observer->OnRepeated(entry.records,
                                   {engine::Now().count, frame.journey, frame.cause, image.bytes.data()});
  frame.seenBytes = entry.headAfter;
}

void FlowCache::SendOn(Entry& entry, wire::FramePtr frame, int64_t waiting) {
  entry.marks.WriteTo(*frame);
  frame->trail = &entry;
  frame->trailVersion = entry.version;
  const bool isExpected = frame->origin != 0 && entry.nextOrigin == frame->origin;
  frame->expected = isExpected ? entry.next : nullptr;
  frame->expectedVersion = entry.nextVersion;
  entry.cable->Send(entry.side, std::move(frame), waiting);
}

/// The entry that took the last frame of the same origin. What a version of an entry sends first differs in nothing
/// that a key holds; what a switch sends on may, because it does not look into tunnels.
FlowCache::Entry* FlowCache::FindNext(const wire::Frame& frame) const {
  auto* entry = static_cast<Entry*>(frame.expected);
  return entry && entry->version == frame.expectedVersion && entry->owner == this ? entry : nullptr;
}

bool FlowCache::Receive(Stack& stack, int ifindex, wire::FramePtr& frame) {
  if (!stack.Net().CachesFlows() || frame->isRecorded) return false;
  Key key;
  Entry* entry = FindNext(*frame);
  if (!entry) {
    if (!ReadKey(stack, ifindex, *frame, false, key)) return false;
    entry = Find(key);
    if (auto* from = static_cast<Entry*>(frame->trail); entry && from && from->version == frame->trailVersion) {
      from->next = entry;
      from->nextVersion = entry->version;
      from->nextOrigin = frame->origin;
    }
  }
  if (entry) {
    __builtin_prefetch(entry->account.get());
    __builtin_prefetch(entry->socket.get());
  }
  const Nanoseconds now = engine::Now();
  std::optional<int64_t> room = 0;
  if (entry && entry->exit == Exit::Cable) room = entry->cable->RoomFor(entry->side, entry->frameBytes);
  Image image;
  const auto fitsRecords = [&] {
    if (!entry->records) return !stack.Net().observeRecords;
    if (frame->flow != entry->flow || UnchangedHead(*frame) != entry->headBefore) return false;
    image.SetBefore(*frame);
    return image.SetChecksumsFrom(frame->Data() + entry->pull, entry->ttlSteps);
  };
  if (!entry || !IsValid(*entry, now) || !room || !fitsRecords()) {
    frame->Linearise();  // what is compared at the end must be there
    return WatchFrame(stack, entry ? entry->key : key, entry, false, *frame);
  }
  std::array<uint8_t, kShownBytes> before;
  const uint32_t shown = std::min<uint32_t>(kShownBytes, frame->LinearBytes());
  if (entry->exit == Exit::Tcp) std::memcpy(before.data(), frame->Data(), shown);
  wire::Ipv4 ip{frame->Pull(entry->pull)};
  for (uint8_t i = 0; i < entry->ttlSteps; ++i) ip.DecrementTtl();
  if (entry->exit == Exit::Cable) {
    Repeat(*entry, now);
    WriteHeader(*entry, frame->Push(entry->push));
    if (entry->records) RepeatRecords(*entry, stack, *frame, image);
    SendOn(*entry, std::move(frame), *room);
    return true;
  }
  const Marks marks = Marks::Of(*frame);
  entry->marks.WriteTo(*frame);
  Backlog::Guard guard(stack.KernelBacklog(), Backlog::Guard::kQuiet);
  if (entry->exit == Exit::Tcp) {
    if (!entry->stack->m_tcp || !entry->stack->m_tcp({*frame, ip, ip.Payload(), frame->Size() - ip.HeaderBytes()})) {
      std::memcpy(frame->Push(entry->pull), before.data(), shown);  // nobody's: the whole path answers it
      marks.WriteTo(*frame);
      return false;
    }
    Repeat(*entry, now);
    return true;
  }
  Repeat(*entry, now);
  if (entry->records) RepeatRecords(*entry, stack, *frame, image);
  const wire::Udp udp{ip.Payload()};
  const bool hasTail = frame->Size() > frame->LinearBytes();
  const UdpDatagram datagram{ip.Source(),
                             ip.Destination(),
                             udp.SourcePort(),
                             udp.DestinationPort(),
                             hasTail ? frame->Tail() : udp.p + wire::kUdpHeaderBytes,
                             frame->Size() - kDatagramHeaderBytes,
                             ip.Ttl(),
                             ip.Tos(),
                             frame->journey,
                             frame->flow,
                             frame->cause};
  const std::shared_ptr<UdpSocketEnd> socket = entry->socket;  // it may close itself
  socket->handler(datagram);
  return true;
}

bool FlowCache::Send(Stack& stack, wire::FramePtr& packet) {
  Key key;
  if (!stack.Net().CachesFlows() || stack.SamplesNext(packet->flow, packet->cause) ||
      !ReadKey(stack, 0, *packet, true, key))
    return false;
  Entry* entry = Find(key);
  const Nanoseconds now = engine::Now();
  const auto room =
      entry && IsValid(*entry, now) ? entry->cable->RoomFor(entry->side, entry->frameBytes) : std::nullopt;
  Image image;
  const auto fitsRecords = [&] {
    if (!entry->records) return !stack.Net().observeRecords;
    if (packet->flow != entry->flow || (packet->cause != 0) != entry->records->HasCause()) return false;
    image.SetBefore(*packet);
    return image.SetChecksumsFrom(packet->Data(), entry->ttlSteps);
  };
  if (!room || !fitsRecords()) return WatchFrame(stack, key, entry, true, *packet);
  Repeat(*entry, now);
  packet->journey = stack.NewJourney();
  const wire::Ipv4 ip{packet->Data()};
  for (uint8_t i = 0; i < entry->ttlSteps; ++i) ip.DecrementTtl();
  WriteHeader(*entry, packet->Push(entry->push));
  if (entry->records) RepeatRecords(*entry, stack, *packet, image);
  packet->origin = entry->version;
  SendOn(*entry, std::move(packet), *room);
  return true;
}

bool FlowCache::SendUdp(Stack& stack, Slot& slot, std::span<const uint8_t> data, const SendRequest& request,
                        uint64_t* journey) {
  const Nanoseconds now = engine::Now();
  if (!slot || !stack.Net().CachesFlows() || !IsValid(*slot, now) || stack.SamplesNext(request.flow, request.cause))
    return false;
  Entry& entry = *slot;
  const auto room = entry.cable->RoomFor(entry.side, entry.frameBytes);
  if (!room) return false;
  Image image;
  if (entry.records) {
    if (request.flow != entry.flow || (request.cause != 0) != entry.records->HasCause()) return false;
    if (!image.SetChecksums(NextSum(entry), entry.ttlSteps)) return false;
  } else if (stack.Net().observeRecords) {
    return false;
  }
  Repeat(entry, now);
  wire::FramePtr frame = wire::MakeFrame(entry.push);
  frame->SetTail(data);
  WriteHeader(entry, frame->Data());
  frame->isSound = true;
  frame->origin = entry.version;
  frame->journey = stack.NewJourney();
  frame->cause = request.cause;
  frame->flow = request.flow;
  if (journey) *journey = frame->journey;
  if (entry.records) RepeatRecords(entry, stack, *frame, image);
  SendOn(entry, std::move(frame), *room);
  return true;
}

// ------------------------------------------------------------------------------------------------ watching

bool FlowCache::BeginWatch(Stack& stack, const Key& key, Entry* known) {
  if (m_watch) {  // more than one packet is under way
    Abandon();
    return false;
  }
  auto& free = FreeWatches();
  if (free.empty()) free.push_back(std::make_unique<Watch>());
  m_watch = std::move(free.back());
  free.pop_back();
  Settle();
  Watch& w = *m_watch;
  w.key = key;
  w.known = known;
  w.slot = nullptr;
  w.origin = &stack;
  w.isSend = w.hasMisfit = false;
  w.generation = m_generation;
  w.verdicts = stack.Net().verdicts;
  w.validUntil = kForever;
  w.exit = Exit::None;
  m_isOn = true;
  m_isAbandoned = false;
  return true;
}

/// Always false: the frame takes the whole path.
bool FlowCache::WatchFrame(Stack& stack, const Key& key, Entry* known, bool isSend, const wire::Frame& frame) {
  if (!BeginWatch(stack, key, known)) return false;
  m_watch->isSend = isSend;
  m_watch->beforeBytes = frame.Size();
  if (stack.Net().observeRecords) m_watch->headBefore = UnchangedHead(frame);
  std::memcpy(m_watch->before.data(), frame.Data(), std::min(kShownBytes, frame.LinearBytes()));
  return false;
}

void FlowCache::WatchUdp(Stack& stack, Slot& slot, std::span<const uint8_t> data) {
  if (!stack.Net().CachesFlows() || !BeginWatch(stack, {}, slot.get())) return;
  m_watch->slot = &slot;
  m_watch->isSend = true;
  m_watch->beforeBytes = static_cast<uint32_t>(data.size());
}

void FlowCache::Touch(Stack& stack) {
  for (const Watch::StackBefore& s : m_watch->stacks)
    if (s.stack == &stack) return;
  if (!stack.m_packetSockets.empty()) Abandon();
  m_watch->stacks.push_back({&stack, stack.Ns().conntrack.statistics, stack.m_madePackets, stack.m_endedPackets});
  stack.Ns().snmp.watcher = &m_watch->deltas;
  if (stack.Ns().peers) stack.Ns().peers->holdsUntil = &m_watch->validUntil;
}

void FlowCache::Touch(kernel::Link& link) {
  using kernel::LinkKind;
  for (const Watch::LinkBefore& l : m_watch->links)
    if (l.link == &link) return;
  if (link.kind != LinkKind::Physical && link.kind != LinkKind::Veth && link.kind != LinkKind::Bridge &&
      !(link.kind == LinkKind::Vxlan && !link.vxlan.learning && !link.vxlan.IsIpv6()))
    Abandon();
  m_watch->links.push_back({&link, link.stats});
}

std::vector<kernel::RuleCounters>* FlowCache::Counted() { return IsWatching() ? &m_watch->rules : nullptr; }

void FlowCache::Recorded(const TraceRecord& record, const HeaderChange& change) {
  Watch& w = *m_watch;
  w.steps.push_back({record, change.offset, static_cast<uint16_t>(change.before.size()),
                     static_cast<uint16_t>(change.after.size()), w.stepBytes.size()});
  w.stepBytes.insert(w.stepBytes.end(), change.before.begin(), change.before.end());
  w.stepBytes.insert(w.stepBytes.end(), change.after.begin(), change.after.end());
}

void FlowCache::Stamp(Nanoseconds& stamp) { m_watch->stamps.push_back(&stamp); }

void FlowCache::Refreshed(kernel::Connection& connection, bool isSteady, Nanoseconds now) {
  if (!isSteady) return Abandon();
  // nf_conntrack_udp_packet(): what comes later than that is part of a stream
  if (connection.original.protocol == wire::kIpProtoUdp && connection.seenReply && now <= connection.streamFrom)
    m_watch->validUntil = std::min(m_watch->validUntil, connection.streamFrom + Nanoseconds{1});
  m_watch->tracked.push_back({&connection, connection.timeout});
}

void FlowCache::Identified(uint16_t& counter) { m_watch->identified.emplace_back(&counter, counter); }

void FlowCache::SentOn(Cable& cable, int side, const wire::Frame& frame) {
  m_watch->Leave(Exit::Cable, frame);
  m_watch->cable = &cable;
  m_watch->side = side;
}

void FlowCache::DeliveredUdp(Stack& stack, const std::shared_ptr<UdpSocketEnd>& socket, const UdpDatagram& datagram,
                             const wire::Frame& frame) {
  m_watch->Leave(Exit::Udp, frame);
  m_watch->stack = &stack;
  m_watch->socket = socket;
  if (datagram.data != frame.Data() + kDatagramHeaderBytes) Abandon();
}

void FlowCache::DeliveredTcp(Stack& stack, const wire::Frame& frame) {
  m_watch->Leave(Exit::Tcp, frame);
  m_watch->stack = &stack;
}

void FlowCache::EndWatch() {
  if (!m_watch) return;
  const Watch& w = *m_watch;
  if (!m_isAbandoned && !w.hasMisfit && w.exit != Exit::None && w.generation == m_generation) Learn();
  m_watch->End();
  FreeWatches().push_back(std::move(m_watch));
}

void FlowCache::Learn() {
  const Watch& w = *m_watch;
  Slot fresh;
  Entry* entry = w.known;
  if (!entry) {
    fresh = NewEntry();
    entry = fresh.get();
  }
  entry->generation = 0;  // not valid, should something not fit
  static uint64_t versions = 0;
  entry->version = ++versions;
  entry->next = nullptr;
  Settle();
  if (!Complete(*entry)) return;
  entry->generation = m_generation;
  for (const Tracked& t : w.tracked) {
    auto& learnt = t.connection->learnt;
    if (std::find(learnt.begin(), learnt.end(), &entry->generation) == learnt.end())
      learnt.push_back(&entry->generation);
  }
  if (!fresh) return;
  if (w.slot)
    *w.slot = std::move(fresh);
  else
    Keep(std::move(fresh));
}

/// The account of what the watch has seen.
std::shared_ptr<FlowCache::Account> FlowCache::FindAccount() {
  Watch& w = *m_watch;
  const auto byCounter = [](const Delta& a, const Delta& b) { return std::less<>()(a.counter, b.counter); };
  std::sort(w.deltas.begin(), w.deltas.end(), byCounter);
  size_t kept = 0;
  for (const Delta& rise : w.deltas) {
    if (kept > 0 && w.deltas[kept - 1].counter == rise.counter)
      w.deltas[kept - 1].by += rise.by;
    else
      w.deltas[kept++] = rise;
  }
  w.deltas.resize(kept);
  std::sort(w.stamps.begin(), w.stamps.end(), std::less<>());
  uint64_t hash = w.stamps.size();
  const auto add = [&hash](uint64_t word) { hash = (hash ^ word) * 0xff51afd7ed558ccdULL, hash ^= hash >> 32; };
  for (const Delta& delta : w.deltas) {
    add(reinterpret_cast<uintptr_t>(delta.counter));
    add(delta.by);
  }
  for (const Nanoseconds* stamp : w.stamps) add(reinterpret_cast<uintptr_t>(stamp));
  const auto [first, last] = m_accounts.equal_range(hash);
  for (auto it = first; it != last; ++it)
    if (it->second->deltas == w.deltas && it->second->stamps == w.stamps) return it->second;
  if (m_accounts.size() >= kMostEntries)
    std::erase_if(m_accounts, [](const auto& a) { return a.second.use_count() == 1; });
  auto account = std::make_shared<Account>();
  account->deltas.assign(w.deltas.begin(), w.deltas.end());
  account->stamps.assign(w.stamps.begin(), w.stamps.end());
  m_accounts.emplace(hash, account);
  return account;
}

/// Makes the entry of what was watched. False: it does not come to the same.
bool FlowCache::Complete(Entry& e) {
  Watch& w = *m_watch;
  e.key = w.key;
  e.owner = this;
  e.exit = w.exit;
  e.cable = w.cable;
  e.side = static_cast<uint8_t>(w.side);
  e.stack = w.stack;
  e.socket = w.socket;
  e.marks = w.marks;
  e.limit = e.validUntil = w.validUntil;
  e.lifetime = kForever;
  for (const Tracked& t : w.tracked) {
    e.lifetime = std::min(e.lifetime, t.timeout);
    e.validUntil = std::min(e.validUntil, engine::Now() + t.timeout);
  }
  e.frameBytes = static_cast<uint16_t>(w.afterBytes);
  if (w.tracked.size() > e.tracked.size() || w.identified.size() > e.identified.size()) return false;
  e.trackedCount = static_cast<uint8_t>(w.tracked.size());
  std::copy(w.tracked.begin(), w.tracked.end(), e.tracked.begin());

  // --- bytes: what goes in front, what comes in front, and the TTL
  const bool isSlot = w.slot != nullptr;
  if (w.isSend && w.exit != Exit::Cable) return false;
  if (w.isSend) {
    if (w.afterBytes < w.beforeBytes) return false;
    e.pull = 0;
    e.push = static_cast<uint16_t>(w.afterBytes - w.beforeBytes);
  } else if (w.exit == Exit::Cable) {
    if (w.afterBytes != w.beforeBytes) return false;
    e.pull = e.push = wire::kEthernetHeaderBytes;
  } else {
    if (w.afterBytes > w.beforeBytes) return false;
    e.pull = static_cast<uint16_t>(w.beforeBytes - w.afterBytes);
    e.push = 0;
  }
  if (e.push > kHeaderBytes || e.pull + wire::kIpv4HeaderBytes > kShownBytes) return false;
  std::copy_n(w.after.begin(), e.push, e.header.begin());
  e.ttlSteps = 0;
  if (!isSlot) {
    std::array<uint8_t, kShownBytes> body = w.before;
    const wire::Ipv4 ip{body.data() + e.pull};
    const uint8_t ttlAfter = w.after[e.push + 8u];
    if (ttlAfter > ip.Ttl()) return false;
    e.ttlSteps = static_cast<uint8_t>(ip.Ttl() - ttlAfter);
    for (uint8_t i = 0; i < e.ttlSteps; ++i) ip.DecrementTtl();
    const uint32_t shown = std::min({kShownBytes - std::max<uint32_t>(e.pull, e.push), w.beforeBytes - e.pull});
    if (std::memcmp(body.data() + e.pull, w.after.data() + e.push, shown) != 0) return false;
  }
  // --- identifications: each in one header of what comes in front
  e.identifiedCount = 0;
  for (const auto& [counter, value] : w.identified) {
    const std::array<uint32_t, 2> places = {
        e.push >= kDatagramHeaderBytes && isSlot ? e.push - kDatagramHeaderBytes : kShownBytes,
        wire::kEthernetHeaderBytes};
    const auto place = std::find_if(places.begin(), places.end(), [&, v = value](uint32_t at) {
      return at + wire::kIpv4HeaderBytes <= e.push && e.header[at] == 0x45 && wire::Get16(&e.header[at + 4]) == v &&
             std::none_of(e.identified.begin(), e.identified.begin() + e.identifiedCount,
                          [&](const NewIdentification& other) { return other.offset == at; });
    });
    if (place == places.end()) return false;
    uint8_t* header = &e.header[*place];
    wire::Put16(header + 4, 0);
    wire::Put16(header + 10, 0);
    e.identified[e.identifiedCount++] = {*place, counter, wire::ChecksumAdd(header, wire::kIpv4HeaderBytes)};
  }

  // --- counters
  uint64_t made = 0, ended = 0;
  for (const Watch::StackBefore& s : w.stacks) {
    AddRisen(s.tracking, s.stack->Ns().conntrack.statistics, w.deltas);
    made += s.stack->m_madePackets - s.made;
    ended += s.stack->m_endedPackets - s.ended;
    AddRisen(s.made, s.stack->m_madePackets, w.deltas);
    AddRisen(s.ended, s.stack->m_endedPackets, w.deltas);
  }
  if (made != (w.isSend ? 1 : 0) || ended != (w.exit == Exit::Cable ? 0 : 1)) return false;
  for (const Watch::LinkBefore& l : w.links) AddRisen(l.stats, l.link->stats, w.deltas);
  auto& verdicts = w.origin->Net().verdicts;
  auto& delivered = verdicts[static_cast<size_t>(Verdict::Delivered)];
  if (const uint64_t before = std::exchange(w.verdicts[static_cast<size_t>(Verdict::Delivered)], delivered);
      before != delivered)
    w.deltas.push_back({&delivered, delivered - before});
  if (w.verdicts != verdicts) return false;
  for (const kernel::RuleCounters& rule : w.rules) {
    w.deltas.push_back({rule.packets, 1});
    w.deltas.push_back({rule.bytes, rule.size});
  }
  e.account = FindAccount();
  e.records = nullptr;
  return !w.origin->Net().observeRecords || CompleteRecords(e);
}

/// The records of the watched steps, for others to come. False: there is something in them of which it is not known how
/// it comes from the packet.
bool FlowCache::CompleteRecords(Entry& e) const {
  const Watch& w = *m_watch;
  if (e.exit == Exit::Tcp || w.steps.empty() || RecordTemplate::BytesInUse() > kMostRecordBytes) return false;
  const bool isSlot = w.slot != nullptr;
  e.ipAt = isSlot ? e.push - kDatagramHeaderBytes : e.push;
  if (isSlot && w.steps.front().after > wire::kIpv4HeaderBytes)
    e.ttlSteps = static_cast<uint8_t>(w.stepBytes[8] - w.after[e.ipAt + 8]);
  if (e.ttlSteps > kMostTtlSteps) return false;
  e.flow = w.steps.front().record.flow;
  e.headBefore = w.isSend ? 0 : w.headBefore;
  e.headAfter = e.exit == Exit::Cable ? w.headAfter : 0;
  if ((!w.isSend && e.headBefore == 0) || (e.exit == Exit::Cable && e.headAfter == 0)) return false;
  const uint32_t packetBytes = w.afterBytes - e.ipAt;  // from that IP header on
  const uint8_t* leaving = w.after.data() + e.ipAt;
  Image image;
  std::array<uint8_t, wire::kIpv4HeaderBytes> header;
  std::memcpy(header.data(), leaving, header.size());
  wire::Put16(&header[10], 0);
  if (!image.SetChecksums(wire::ChecksumAdd(header.data(), header.size()), e.ttlSteps)) return false;
  std::memcpy(&image.bytes[Image::kBefore], w.before.data(), kShownBytes);
  std::memcpy(&image.bytes[Image::kAfter], w.after.data(), kShownBytes);

  auto records = std::make_shared<RecordTemplate>();
  std::vector<RecordTemplate::Varying> varying;
  for (const Watch::Step& step : w.steps) {
    const TraceRecord& record = step.record;
    if (record.journey != w.steps.front().record.journey || record.packet != 0 || record.flow != e.flow) return false;
    const std::span<const uint8_t> bytes{w.stepBytes.data() + step.bytesAt, size_t{step.before} + step.after};
    varying.clear();
    const uint32_t sizeBefore = record.sizeBytes + step.before - step.after;
    const bool isPush = step.before == 0 && step.offset == 0, isPull = step.after == 0 && step.offset == 0;
    const bool isWhole = w.isSend && isPush && &step == &w.steps.front();  // nothing of it was recorded before
    if (record.sizeBytes < packetBytes || (sizeBefore < packetBytes && !isWhole)) return false;
    const uint32_t ipBefore = sizeBefore - packetBytes, ipNow = record.sizeBytes - packetBytes;  // where it begins
    const auto take = [&](uint32_t at, uint32_t from, uint32_t count) {
      varying.push_back({static_cast<uint16_t>(at), static_cast<uint16_t>(from), static_cast<uint16_t>(count)});
    };
    if (bytes.empty()) {
    } else if (isWhole) {
      if (record.sizeBytes != packetBytes || e.ipAt + step.after > kShownBytes) return false;
      const uint32_t steps = bytes[8] - leaving[8];
      if (steps > e.ttlSteps) return false;
      take(0, Image::kAfter + e.ipAt, 8);
      take(10, Image::ChecksumAt(steps), 2);
      take(12, Image::kAfter + e.ipAt + 12, step.after - 12u);
    } else if ((isPush || isPull) && bytes.size() == wire::kEthernetHeaderBytes) {
      // the same for all packets of the flow
    } else if (isPush) {
      if (ipNow > e.ipAt || e.ipAt - ipNow + bytes.size() > e.ipAt) return false;
      take(0, Image::kAfter + e.ipAt - ipNow, step.after);
    } else if (isPull) {
      if (w.isSend || ipBefore > e.pull || bytes.size() > ipBefore) return false;
      take(0, Image::kBefore + e.pull - ipBefore, step.before);
    } else {  // the TTL, and the checksum's first byte
      if (step.before != 3 || step.after != 3 || step.offset != ipNow + 8) return false;
      const uint32_t before = bytes[0] - leaving[8], after = bytes[3] - leaving[8];
      if (before > e.ttlSteps || after > e.ttlSteps) return false;
      take(2, Image::ChecksumAt(before), 1);
      take(5, Image::ChecksumAt(after), 1);
    }
    for (const RecordTemplate::Varying& v : varying)
      if (std::memcmp(bytes.data() + v.at, &image.bytes[v.from], v.bytes) != 0) return false;
    const HeaderChange change{step.offset, bytes.first(step.before), bytes.subspan(step.before)};
    records->Add(record, change, varying);
    if (uint64_t* counter = w.origin->Net().observer->CounterOf(record, change)) records->raisedOnce.push_back(counter);
  }
  e.records = std::move(records);
  return true;
}

}  // namespace overlaysim::host
