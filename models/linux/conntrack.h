#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "models/linux/netfilter.h"
#include "sim/base/addresses.h"
#include "sim/base/units.h"

namespace overlaysim::kernel {

/// One direction of a connection (struct nf_conntrack_tuple).
struct Tuple {
  IpAddress source, destination;  ///< of one family
  uint8_t protocol = 0;
  uint16_t sourcePort = 0;       ///< of ICMP: the id
  uint16_t destinationPort = 0;  ///< of ICMP: type and code

  bool operator==(const Tuple&) const = default;
};
struct TupleHash {
  size_t operator()(const Tuple& t) const;
};
/// The tuple of the answers; nullopt: nothing answers such an ICMP message.
std::optional<Tuple> InverseOf(const Tuple& tuple);

/// TCP as connection tracking sees it (enum tcp_conntrack).
enum class TcpTrack : uint8_t {
  None,
  SynSent,
  SynRecv,
  Established,
  FinWait,
  CloseWait,
  LastAck,
  TimeWait,
  Close,
  SynSent2
};
inline constexpr size_t kTcpTrackCount = 10;
const char* TcpTrackName(TcpTrack state);

/// One entry of the table (struct nf_conn).
struct Connection {
  uint64_t id = 0;  ///< rises with age, never used twice; 0: this place is free
  /// Marks of those who have learnt what is done with its packets: zeroed when that changes. They outlive the table.
  std::vector<uint32_t*> learnt;
  Tuple original, reply;
  bool confirmed = false;  ///< in the table
  bool dying = false;      ///< out of it again, while its last packet is under way
  bool seenReply = false, assured = false;
  bool sourceNat = false, destinationNat = false;    ///< is translated
  bool sourceDone = false, destinationDone = false;  ///< it is settled whether it is translated
  TcpTrack tcp = TcpTrack::None;
  Nanoseconds timeout;              ///< until it is confirmed; then see expires
  Nanoseconds expires, streamFrom;  ///< streamFrom: UDP both ways after this time is a stream
  int masqueradeIfindex = 0;

  const Tuple& Of(bool isReply) const { return isReply ? reply : original; }
  /// What decides about its packets has changed.
  void Changed() {
    for (uint32_t* mark : learnt) *mark = 0;
    learnt.clear();
  }
};

/// net.netfilter.nf_conntrack_*
struct ConntrackSettings {
  uint32_t max = 262144;
  uint32_t buckets = 262144;
  bool checksum = true, tcpLoose = true, tcpBeLiberal = false;
  Nanoseconds generic = Seconds(600), icmp = Seconds(30), icmpv6 = Seconds(30), udp = Seconds(30),
              udpStream = Seconds(120);
  std::array<Nanoseconds, kTcpTrackCount> tcp = {Seconds(120), Seconds(120), Seconds(60), Seconds(432000),
                                                 Seconds(120), Seconds(60),  Seconds(30), Seconds(120),
                                                 Seconds(10),  Seconds(120)};
};

/// `conntrack -S`
struct ConntrackStatistics {
  uint64_t found = 0, invalid = 0, insert = 0, insertFailed = 0, drop = 0, earlyDrop = 0, error = 0, searchRestart = 0,
           clashResolve = 0;
};

/// What a segment or datagram shows to connection tracking, from its transport header on.
struct TrackedPacket {
  Tuple tuple;
  uint8_t tcpFlags = 0;
};

/// The connections of a namespace (net/netfilter/nf_conntrack_core.c). Times are handed in. An entry that has timed out
/// is gone for everybody but the count, until something cleans up.
class Conntrack {
 public:
  struct Found {
    Connection* connection = nullptr;
    bool isReply = false;
  };
  Found Find(const Tuple& tuple, Nanoseconds now);
  Connection* Get(uint64_t id);  ///< nullptr: gone
  /// A new entry that is not in the table yet; nullptr: the table is full.
  Connection* Create(const Tuple& original, const Tuple& reply, Nanoseconds now);
  /// __nf_conntrack_confirm(): false: another has one of its tuples now.
  bool Confirm(Connection& connection, Nanoseconds now);
  void Forget(uint64_t id);
  /// Forgets what is not in the table: its packet has come to its end.
  void ForgetUnconfirmed(uint64_t id);
  size_t FlushAll();
  void ForgetMasquerade(int ifindex);  ///< masq_device_event(): the device went down

  enum class Judgement : uint8_t { Accept, Invalid, Repeat };
  /// nf_conntrack_handle_packet(): the protocol's state, and how long the entry lives from now.
  Judgement Handle(Connection& connection, bool isReply, const TrackedPacket& packet, Nanoseconds now);

  /// nf_nat_used_tuple(): another connection has answers with that tuple already.
  bool IsUsed(const Tuple& reply, const Connection& except, Nanoseconds now);

  /// nf_nat_setup_info(): binds a connection to an address and port of the range. `random` gives 16 bits.
  void Bind(Connection& connection, bool isSource, const NatRange& range, const std::function<uint16_t()>& random,
            Nanoseconds now);

  size_t Count() const { return m_places.size() - m_free.size(); }
  std::vector<const Connection*> All(Nanoseconds now) const;  ///< by age

  ConntrackSettings settings;
  ConntrackStatistics statistics;

 private:
  struct SourceKey {
    IpAddress address;
    uint16_t port;
    uint8_t protocol;
    bool operator==(const SourceKey&) const = default;
  };
  struct SourceHash {
    size_t operator()(const SourceKey& k) const;
  };
  struct Place {
    uint64_t id;
    bool isReply;
  };
  static SourceKey KeyOf(const Tuple& t) { return {t.source, t.sourcePort, t.protocol}; }
  Judgement HandleTcp(Connection& connection, bool isReply, uint8_t flags, Nanoseconds now);
  void LeaveTable(const Connection& connection);
  void Refresh(Connection& connection, Nanoseconds timeout, Nanoseconds now);
  void PurgeExpired(Nanoseconds now);
  bool FindSameSource(const Tuple& tuple, const NatRange& range, Tuple& result, Nanoseconds now);
  Tuple UniqueTuple(const Tuple& current, const NatRange& range, const Connection& connection, bool isSource,
                    const std::function<uint16_t()>& random, Nanoseconds now);

  static constexpr uint32_t kPlaceBits = 24;  ///< of an id: where it lies; above: its number
  template <typename Visitor>
  void ForEach(Visitor&& visit) const {
    for (const Connection& connection : m_places)
      if (connection.id != 0) visit(connection);
  }

  std::deque<Connection> m_places;  ///< never move
  std::vector<uint32_t> m_free;     ///< places that are free
  std::unordered_map<Tuple, Place, TupleHash> m_tuples;
  std::unordered_map<SourceKey, std::vector<uint64_t>, SourceHash> m_bySource;  ///< of those whose source is settled
  uint64_t m_lastNumber = 0;
};

}  // namespace overlaysim::kernel
