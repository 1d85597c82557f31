#include "models/linux/conntrack.h"

#include <algorithm>

namespace overlaysim::kernel {
namespace {

constexpr uint8_t kIcmp = 1, kTcp = 6, kUdp = 17, kIcmpv6 = 58;
constexpr uint8_t kFin = 1, kSyn = 2, kRst = 4, kPush = 8, kAck = 16, kUrgent = 32;

/// invmap[] of nf_conntrack_proto_icmp.c: which message answers which; -1: none.
int AnswerOf(uint8_t icmpType) {
  switch (icmpType) {
    case 8:
      return 0;
    case 0:
      return 8;
    case 13:
      return 14;
    case 14:
      return 13;
    case 15:
      return 16;
    case 16:
      return 15;
    case 17:
      return 18;
    case 18:
      return 17;
    default:
      return -1;
  }
}

/// invmap[] of nf_conntrack_proto_icmpv6.c: echo, and node information.
int AnswerOf6(uint8_t icmpType) {
  switch (icmpType) {
    case 128:
      return 129;
    case 129:
      return 128;
    case 139:
      return 140;
    case 140:
      return 139;
    default:
      return -1;
  }
}

bool IsIcmp(uint8_t protocol) { return protocol == kIcmp || protocol == kIcmpv6; }

/// valid_new[]: the messages that may begin something.
bool MayBegin(const Tuple& t) {
  const int icmpType = t.destinationPort >> 8;
  if (t.protocol == kIcmpv6) return icmpType == 128 || icmpType == 139;
  return icmpType == 8 || icmpType == 13 || icmpType == 15 || icmpType == 17;
}

// tcp_conntracks[] of nf_conntrack_proto_tcp.c: by direction, segment and state, the next state.
enum Next : uint8_t { sNO, sSS, sSR, sES, sFW, sCW, sLA, sTW, sCL, sS2, sIV, sIG };
enum Segment : uint8_t { kSegmentSyn, kSegmentSynAck, kSegmentFin, kSegmentAck, kSegmentRst, kSegmentNone };
constexpr Next kNext[2][6][kTcpTrackCount] = {{{sSS, sSS, sIG, sIG, sIG, sIG, sIG, sSS, sSS, sS2},
                                               {sIV, sIV, sSR, sIV, sIV, sIV, sIV, sIV, sIV, sSR},
                                               {sIV, sIV, sFW, sFW, sLA, sLA, sLA, sTW, sCL, sIV},
                                               {sES, sIV, sES, sES, sCW, sCW, sTW, sTW, sCL, sIV},
                                               {sIV, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL},
                                               {sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV}},
                                              {{sIV, sS2, sIV, sIV, sIV, sIV, sIV, sSS, sIV, sS2},
                                               {sIV, sSR, sIG, sIG, sIG, sIG, sIG, sIG, sIG, sSR},
                                               {sIV, sIV, sFW, sFW, sLA, sLA, sLA, sTW, sCL, sIV},
                                               {sIV, sIG, sSR, sES, sCW, sCW, sTW, sTW, sCL, sIG},
                                               {sIV, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL},
                                               {sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV}}};

Segment SegmentOf(uint8_t flags) {
  if (flags & kRst) return kSegmentRst;
  if (flags & kSyn) return flags & kAck ? kSegmentSynAck : kSegmentSyn;
  if (flags & kFin) return kSegmentFin;
  return flags & kAck ? kSegmentAck : kSegmentNone;
}

/// tcp_valid_flags[]: combinations that TCP never sends are invalid.
bool AreValid(uint8_t flags) {
  switch (flags & (kFin | kSyn | kRst | kAck | kUrgent)) {
    case kSyn:
    case kSyn | kUrgent:
    case kSyn | kAck:
    case kRst:
    case kRst | kAck:
    case kFin | kAck:
    case kFin | kAck | kUrgent:
    case kAck:
    case kAck | kUrgent:
      return true;
    default:
      return false;
  }
}

IpAddress ZeroOf(const IpAddress& address) {
  return address.IsV6() ? IpAddress(Ipv6Address{}) : IpAddress(Ipv4Address{});
}

bool InRange(const Tuple& t, bool isSource, const NatRange& range) {
  const IpAddress& ip = isSource ? t.source : t.destination;
  if (!range.low.IsZero() && (ip < range.low || range.high < ip)) return false;
  if (!range.ports || (IsIcmp(t.protocol) && !isSource)) return true;
  return range.ports->Contains(isSource || IsIcmp(t.protocol) ? t.sourcePort : t.destinationPort);
}

}  // namespace

size_t TupleHash::operator()(const Tuple& t) const {
  uint64_t h = 0;
  if (t.source.IsV6()) {
    for (const IpAddress& address : {t.source, t.destination}) {
      const FilterNumber number(address);
      for (uint64_t word : {number.high, number.low}) h = (h ^ h >> 33) * 0xff51afd7ed558ccdULL ^ word;
    }
  } else {
    h = uint64_t{t.source.V4().value} << 32 | t.destination.V4().value;
  }
  h = (h ^ h >> 33) * 0xff51afd7ed558ccdULL;
  h ^= uint64_t{t.sourcePort} << 32 | uint64_t{t.destinationPort} << 8 | t.protocol;
  h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53ULL;
  return static_cast<size_t>(h ^ h >> 33);
}

std::optional<Tuple> InverseOf(const Tuple& t) {
  Tuple out{.source = t.destination, .destination = t.source, .protocol = t.protocol};
  if (IsIcmp(t.protocol)) {
    const auto type = static_cast<uint8_t>(t.destinationPort >> 8);
    const int answer = t.protocol == kIcmp ? AnswerOf(type) : AnswerOf6(type);
    if (answer < 0) return std::nullopt;
    out.sourcePort = t.sourcePort;
    out.destinationPort = static_cast<uint16_t>(answer << 8 | (t.destinationPort & 0xff));
  } else {
    out.sourcePort = t.destinationPort;
    out.destinationPort = t.sourcePort;
  }
  return out;
}

const char* TcpTrackName(TcpTrack state) {
  static constexpr const char* kNames[] = {"NONE",       "SYN_SENT", "SYN_RECV",  "ESTABLISHED", "FIN_WAIT",
                                           "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE",       "SYN_SENT2"};
  return kNames[static_cast<size_t>(state)];
}

size_t Conntrack::SourceHash::operator()(const SourceKey& k) const {
  return TupleHash{}({.source = k.address, .protocol = k.protocol, .sourcePort = k.port});
}

Connection* Conntrack::Get(uint64_t id) {
  const uint64_t place = id & ((uint64_t{1} << kPlaceBits) - 1);
  return id != 0 && place < m_places.size() && m_places[place].id == id ? &m_places[place] : nullptr;
}

Conntrack::Found Conntrack::Find(const Tuple& tuple, Nanoseconds now) {
  auto it = m_tuples.find(tuple);
  if (it == m_tuples.end()) return {};
  const Place place = it->second;
  Connection* connection = Get(place.id);
  if (connection->expires <= now) {
    Forget(place.id);
    return {};
  }
  return {connection, place.isReply};
}

Connection* Conntrack::Create(const Tuple& original, const Tuple& reply, Nanoseconds now) {
  if (settings.max != 0 && Count() >= settings.max) PurgeExpired(now);
  if ((settings.max != 0 && Count() >= settings.max) || Count() >> kPlaceBits) {
    ++statistics.drop;
    return nullptr;
  }
  if (m_free.empty()) {
    m_free.push_back(static_cast<uint32_t>(m_places.size()));
    m_places.emplace_back();
  }
  const uint32_t place = m_free.back();
  m_free.pop_back();
  m_places[place] = {.id = ++m_lastNumber << kPlaceBits | place, .original = original, .reply = reply};
  return &m_places[place];
}

bool Conntrack::Confirm(Connection& connection, Nanoseconds now) {
  if (Find(connection.original, now).connection || Find(connection.reply, now).connection) {
    ++statistics.insertFailed;
    return false;
  }
  m_tuples[connection.original] = {connection.id, false};
  m_tuples[connection.reply] = {connection.id, true};
  connection.confirmed = true;
  connection.expires = now + connection.timeout;
  return true;
}

void Conntrack::LeaveTable(const Connection& connection) {
  m_tuples.erase(connection.original);
  m_tuples.erase(connection.reply);
}

void Conntrack::Forget(uint64_t id) {
  Connection* connection = Get(id);
  if (!connection) return;
  if (connection->confirmed) LeaveTable(*connection);
  if (auto source = m_bySource.find(KeyOf(connection->original)); source != m_bySource.end()) {
    std::erase(source->second, id);
    if (source->second.empty()) m_bySource.erase(source);
  }
  connection->Changed();
  connection->id = 0;
  m_free.push_back(static_cast<uint32_t>(id & ((uint64_t{1} << kPlaceBits) - 1)));
}

void Conntrack::ForgetUnconfirmed(uint64_t id) {
  const Connection* connection = Get(id);
  if (connection && !connection->confirmed) Forget(id);
}

size_t Conntrack::FlushAll() {
  const size_t count = Count();
  m_free.clear();
  for (uint32_t place = static_cast<uint32_t>(m_places.size()); place-- > 0;) {
    m_places[place].Changed();
    m_places[place].id = 0;
    m_free.push_back(place);
  }
  m_tuples.clear();
  m_bySource.clear();
  return count;
}

void Conntrack::ForgetMasquerade(int ifindex) {
  std::vector<uint64_t> gone;
  ForEach([&](const Connection& c) {
    if (c.masqueradeIfindex == ifindex) gone.push_back(c.id);
  });
  for (uint64_t id : gone) Forget(id);
}

void Conntrack::PurgeExpired(Nanoseconds now) {
  std::vector<uint64_t> gone;
  ForEach([&](const Connection& c) {
    if (c.confirmed && c.expires <= now) gone.push_back(c.id);
  });
  for (uint64_t id : gone) Forget(id);
}

void Conntrack::Refresh(Connection& connection, Nanoseconds timeout, Nanoseconds now) {
  connection.timeout = timeout;
  if (connection.confirmed) connection.expires = now + timeout;
}

Conntrack::Judgement Conntrack::Handle(Connection& connection, bool isReply, const TrackedPacket& packet,
                                       Nanoseconds now) {
  switch (packet.tuple.protocol) {
    case kTcp:
      return HandleTcp(connection, isReply, packet.tcpFlags, now);
    case kUdp: {  // nf_conntrack_udp_packet()
      if (!connection.confirmed) connection.streamFrom = now + Seconds(2);
      if (!connection.seenReply) {
        Refresh(connection, settings.udp, now);
      } else if (now > connection.streamFrom) {
        Refresh(connection, settings.udpStream, now);
        if (!connection.assured) connection.Changed();
        connection.assured = true;
      } else {
        Refresh(connection, settings.udp, now);
      }
      return Judgement::Accept;
    }
    case kIcmp:
    case kIcmpv6:
      if (!MayBegin(connection.original)) return Judgement::Invalid;
      Refresh(connection, packet.tuple.protocol == kIcmp ? settings.icmp : settings.icmpv6, now);
      return Judgement::Accept;
    default:
      Refresh(connection, settings.generic, now);
      return Judgement::Accept;
  }
}

/// nf_conntrack_tcp_packet(), without windows.
Conntrack::Judgement Conntrack::HandleTcp(Connection& connection, bool isReply, uint8_t flags, Nanoseconds now) {
  if (!AreValid(static_cast<uint8_t>(flags & ~kPush))) return Judgement::Invalid;
  const Segment segment = SegmentOf(flags);
  if (!connection.confirmed && connection.tcp == TcpTrack::None) {  // tcp_new()
    const Next first = kNext[0][segment][0];
    if (first == sIV || (first != sSS && !settings.tcpLoose)) return Judgement::Invalid;
  }
  const TcpTrack before = connection.tcp;
  const Next next = kNext[isReply][segment][static_cast<size_t>(before)];
  if (next == sIV) return Judgement::Invalid;
  if (next == sIG) return Judgement::Accept;
  if (next == sSS && (before == TcpTrack::TimeWait || before == TcpTrack::Close)) {
    Forget(connection.id);  // a new connection on the ports of the old one
    return Judgement::Repeat;
  }
  if (next != static_cast<Next>(before)) connection.Changed();
  connection.tcp = static_cast<TcpTrack>(next);
  if (!connection.seenReply && !isReply && (flags & kRst) && connection.confirmed) {
    LeaveTable(connection);  // nobody has answered: the entry goes at once
    connection.confirmed = false;
    connection.dying = true;
    return Judgement::Accept;
  }
  if (connection.seenReply && !connection.assured && next == sES &&
      (before == TcpTrack::SynRecv || before == TcpTrack::Established)) {
    connection.assured = true;
    connection.Changed();
  }
  Refresh(connection, settings.tcp[static_cast<size_t>(next)], now);
  return Judgement::Accept;
}

std::vector<const Connection*> Conntrack::All(Nanoseconds now) const {
  std::vector<const Connection*> out;
  ForEach([&](const Connection& c) {
    if (c.confirmed && c.expires > now) out.push_back(&c);
  });
  std::sort(out.begin(), out.end(), [](const Connection* a, const Connection* b) { return a->id < b->id; });
  return out;
}

// ------------------------------------------------------------------------------------------------ NAT (nf_nat_core.c)

bool Conntrack::IsUsed(const Tuple& reply, const Connection& except, Nanoseconds now) {
  const Found found = Find(reply, now);
  return found.connection && found.connection->id != except.id;
}

/// find_appropriate_src(): what the same socket's other connections were given.
bool Conntrack::FindSameSource(const Tuple& tuple, const NatRange& range, Tuple& result, Nanoseconds now) {
  const auto same = m_bySource.find(KeyOf(tuple));
  if (same == m_bySource.end()) return false;
  for (auto id = same->second.rbegin(); id != same->second.rend(); ++id) {
    const Connection* other = Get(*id);
    if (other->confirmed && other->expires <= now) continue;
    Tuple given = *InverseOf(other->reply);
    given.destination = tuple.destination;
    given.destinationPort = tuple.destinationPort;
    if (!InRange(given, true, range)) continue;
    result = given;
    return true;
  }
  return false;
}

/// get_unique_tuple() and nf_nat_l4proto_unique_tuple().
Tuple Conntrack::UniqueTuple(const Tuple& current, const NatRange& range, const Connection& connection, bool isSource,
                             const std::function<uint16_t()>& random, Nanoseconds now) {
  auto isUsed = [&](const Tuple& t) {
    const auto inverse = InverseOf(t);
    return inverse && IsUsed(*inverse, connection, now);
  };
  const bool anyPort = range.random || range.fullyRandom;
  if (isSource && !anyPort) {
    if (InRange(current, true, range)) {
      if (!isUsed(current)) return current;
    } else if (Tuple same; FindSameSource(current, range, same, now) && !isUsed(same)) {
      return same;
    }
  }
  Tuple tuple = current;
  if (!range.low.IsZero()) {  // find_best_ips_proto(): spread over the range by the two addresses
    FilterNumber chosen(range.low);
    if (const FilterNumber last(range.high); last > chosen) {  // IPv6: over the last 64 bits
      const uint64_t key = TupleHash{}(
          {.source = current.source, .destination = range.persistent ? ZeroOf(current.source) : current.destination});
      const uint64_t size = last.high > chosen.high ? 0 - chosen.low : last.low - chosen.low + 1;
      if (size != 0) chosen.low += key % size;
    }
    (isSource ? tuple.source : tuple.destination) =
        range.low.IsV6() ? IpAddress(chosen.ToIpv6()) : IpAddress(Ipv4Address{static_cast<uint32_t>(chosen.low)});
  }
  if (!anyPort) {
    if (range.ports ? InRange(tuple, isSource, {.ports = range.ports}) &&
                          (range.ports->first == range.ports->last || !isUsed(tuple))
                    : !isUsed(tuple))
      return tuple;
  }
  const bool isIcmp = IsIcmp(tuple.protocol);
  const bool hasPort = isIcmp || tuple.protocol == kTcp || tuple.protocol == kUdp || tuple.protocol == 132 ||
                       tuple.protocol == 33 || tuple.protocol == 136;
  if (!hasPort) return tuple;
  uint16_t& port = isIcmp || isSource ? tuple.sourcePort : tuple.destinationPort;
  uint32_t low, size;
  if (range.ports) {
    low = range.ports->first;
    size = range.ports->last - range.ports->first + 1u;
  } else if (isIcmp) {
    low = 0;
    size = 65536;
  } else if (!isSource) {
    return tuple;  // the receiver's port never changes unasked
  } else if (port < 512) {
    low = 1;
    size = 511;
  } else if (port < 1024) {
    low = 600;
    size = 1023 - 600 + 1;
  } else {
    low = 1024;
    size = 65535 - 1024 + 1;
  }
  constexpr uint32_t kMostAttempts = 128;  // NF_NAT_MAX_ATTEMPTS
  uint32_t offset = range.fullyRandom || isSource ? random() : 0u;
  for (uint32_t attempts = std::min(size, kMostAttempts);; attempts /= 2, offset = random()) {
    for (uint32_t i = 0; i < attempts; ++i, ++offset) {
      port = static_cast<uint16_t>(low + offset % size);
      if (!isUsed(tuple)) return tuple;
    }
    if (attempts >= size || attempts < 16) return tuple;
  }
}

void Conntrack::Bind(Connection& connection, bool isSource, const NatRange& range,
                     const std::function<uint16_t()>& random, Nanoseconds now) {
  const std::optional<Tuple> current = InverseOf(connection.reply);
  if (current) {
    const Tuple bound = UniqueTuple(*current, range, connection, isSource, random, now);
    if (bound != *current) {
      connection.reply = *InverseOf(bound);
      (isSource ? connection.sourceNat : connection.destinationNat) = true;
    }
  }
  if (isSource) m_bySource[KeyOf(connection.original)].push_back(connection.id);
  (isSource ? connection.sourceDone : connection.destinationDone) = true;
}

}  // namespace overlaysim::kernel
