#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "models/wire/seal.h"
#include "sim/base/addresses.h"

namespace overlaysim::wire {

/// How the device's layer 2 address relates to a received frame (include/uapi/linux/if_packet.h, PACKET_*).
enum class PacketType : uint8_t { Host, Broadcast, Multicast, OtherHost, Outgoing };

/// What ip_options_compile() found in the header of a received IPv4 packet: where each option begins in the header; 0:
/// not there.
struct IpOptions {
  uint8_t bytes = 0;
  uint8_t recordRoute = 0, timestamp = 0, sourceRoute = 0, cipso = 0;
  bool recordsAddress = false;  ///< record route had room: who sends the packet on puts its address there
  bool stampsAddress = false, stampsTime = false;  ///< the same of the timestamp option
  bool changed = false;                            ///< the header checksum is out of date
};

/// What a tunnel device that is `external` is told with a frame, and tells of one that it has received (struct
/// ip_tunnel_key).
struct TunnelKey {
  Ipv4Address remote;         ///< where to; on the way in where from; zero: nothing is told
  uint32_t id = 0;            ///< VNI
  uint8_t ttl = 64;           ///< of the outer header, as Cilium and Open vSwitch have it
  bool checksum = false;      ///< over the outer UDP datagram
  bool dontFragment = false;  ///< of the outer header
};

struct FrameDeleter;

/// The first bytes of a packet as they were when they were last recorded (host::Stack::Trace).
struct SeenHead {
  static constexpr uint32_t kMaxBytes = 255;
  static constexpr uint32_t kElsewhere = UINT32_MAX, kRewritten = UINT32_MAX - 1;

  uint32_t packet = 0;          ///< Frame::packet then; another number: the packet itself has not been recorded yet
  uint32_t begin = kElsewhere;  ///< of Data() in the buffer then; kElsewhere: that was another frame's buffer;
                                ///< kRewritten: nothing of it is left, the packet has been encrypted or decrypted
  uint32_t size = 0;
  std::array<uint8_t, kMaxBytes> bytes;

  static void* operator new(size_t bytes);  ///< from a pool
  static void operator delete(void* memory);
  std::span<const uint8_t> Bytes() const { return {bytes.data(), size}; }
};

/// A packet in flight, as a kernel's sk_buff: flat bytes with headroom, edited in place. What Data() points at depends
/// on where the packet is: the Ethernet header on a device or cable, the IP header inside the IP layer.
class Frame {
 public:
  /// Room in front for the headers that a packet can gain on its way: Ethernet, and once more VXLAN over IPv4 with
  /// IPv6's margin.
  static constexpr uint32_t kHeadroom = 192;

  uint8_t* Data() { return m_buffer.get() + m_begin; }
  const uint8_t* Data() const { return m_buffer.get() + m_begin; }
  uint32_t Size() const { return m_end - m_begin + m_tailBytes; }
  /// A payload that is not copied until somebody wants to look at it: bytes behind Data()'s that belong to someone who
  /// lives longer. Only host::FlowCache makes and forwards such frames; on the whole path a frame is in one piece.
  uint32_t LinearBytes() const { return m_end - m_begin; }
  void SetTail(std::span<const uint8_t> tail) {
    m_tail = tail.data();
    m_tailBytes = static_cast<uint32_t>(tail.size());
  }
  const uint8_t* Tail() const { return m_tail; }
  void Linearise();
  uint8_t* Push(
      uint32_t bytes);  ///< makes room in front; returns the new Data(), which moves when the headroom is used up
  uint8_t* Pull(uint32_t bytes);    ///< drops bytes in front
  uint8_t* Append(uint32_t bytes);  ///< makes room behind (not initialised); returns its begin
  void Trim(uint32_t size);         ///< cuts the end so that Size() is `size`

  /// Leaves the transport checksum to a later device (CHECKSUM_PARTIAL): the field, `offset` bytes behind `transport`,
  /// holds the pseudo header's sum, and the sum runs from `transport` to the frame's end. It is forgotten when the
  /// header is pulled off.
  void LeaveChecksum(const uint8_t* transport, uint32_t offset);
  bool HasOpenChecksum() const { return m_checksumStart != 0; }
  uint8_t* ChecksumStart() { return m_buffer.get() + m_checksumStart; }
  uint8_t* ChecksumField() { return m_buffer.get() + m_checksumStart + m_checksumOffset; }
  void CompleteChecksum();  ///< skb_checksum_help()

  uint64_t journey = 0;  ///< the same for all copies, fragments and encapsulations of what was sent once; 0: none
  uint32_t packet = 0;   ///< which packet of the journey: 0 the one that was sent, then fragments and copies as made
  uint64_t cause = 0;    ///< the journey that made the namespace send this; 0: none
  uint32_t flow = UINT32_MAX;  ///< FlowId of the workload that sent it
  uint32_t hash = 0;           ///< flow hash (skb->hash); 0: not computed
  bool socketHash = false;     ///< the hash is the sending socket's own (l4_hash): not to be recomputed on the way
  uint32_t mark = 0;           ///< skb->mark
  uint64_t connection = 0;     ///< entry of connection tracking (skb->_nfct); 0: none
  uint8_t connectionInfo = 0;  ///< how it belongs to that entry (host::ConnectionInfo); 0: not looked at
  Ipv4Address gateway;         ///< of its route out of a device without link addresses (skb_rtable()); zero: none
  uint16_t protocol = 0;       ///< skb->protocol: EtherType of what the host takes it for; 0: not looked at yet
  int iif = 0;                 ///< device on which it came in; 0: sent by this host
  PacketType type = PacketType::Outgoing;
  bool ignoreDf = false;  ///< may be fragmented although DF is set (skb->ignore_df)
  /// Forgets what connection tracking has said (nf_reset_ct()).
  void ResetConnection() {
    connection = 0;
    connectionInfo = 0;
  }
  /// Of host::FlowCache: the entry that has sent it on, and which of its versions; the version of the one that sent it
  /// first, 0: none.
  void* trail = nullptr;
  uint64_t trailVersion = 0, origin = 0;
  /// The entry that took the last one like it where this one goes, and in which version; null: none is known.
  void* expected = nullptr;
  uint64_t expectedVersion = 0;
  bool isRecorded = false;    ///< of a sample of packets: its steps are recorded (host::Network::samplesRecords)
  bool isSound = false;       ///< made by a stack of ours and changed by nobody else: all its checksums are right
  uint16_t maxFragment = 0;   ///< IPCB(skb)->frag_max_size: largest fragment that a reassembled packet came in
  bool encapsulated = false;  ///< its open checksum is that of a tunnelled packet (skb->encapsulation)
  IpOptions options;
  std::shared_ptr<const Sealed>
      sealed;        ///< what it carries encrypted; fragments have it from their whole; null: nothing
  TunnelKey tunnel;  ///< skb_tunnel_info()
  uint32_t spi = 0;  ///< of the ESP that it came in, until policy has been asked (skb_sec_path()); 0: none
  mutable std::unique_ptr<SeenHead> seenHead;  ///< null: none of it has been recorded
  /// Of host::FlowCache, which has repeated the last records: so many bytes of its front are in sight and as recorded,
  /// and seenHead is of before; 0: seenHead says it.
  mutable uint32_t seenBytes = 0;
  uint32_t Begin() const { return m_begin; }  ///< of Data() in the buffer; as SeenHead::begin
  void MarkRewritten() const {
    if (seenHead) seenHead->begin = SeenHead::kRewritten;
  }

 private:
  friend class FramePool;
  friend class FrameList;
  friend struct FrameDeleter;
  friend std::unique_ptr<Frame, FrameDeleter> CloneFrame(const Frame& frame);
  void TakeBuffer(Frame& larger);  ///< that has the same bytes at its begin
  std::unique_ptr<uint8_t[]> m_buffer;
  uint32_t m_begin = 0, m_end = 0, m_capacity = 0;
  Frame* m_next = nullptr;  ///< of a FrameList
  const uint8_t* m_tail = nullptr;
  uint32_t m_tailBytes = 0;
  uint32_t m_checksumStart = 0,
           m_checksumOffset = 0;  ///< where in the buffer the open checksum begins; 0: none is open
};

struct FrameDeleter {
  void operator()(Frame* frame) const;
};
using FramePtr = std::unique_ptr<Frame, FrameDeleter>;

/// Frames in the order in which they came, without memory of its own.
class FrameList {
 public:
  FrameList() = default;
  FrameList(const FrameList&) = delete;
  FrameList& operator=(const FrameList&) = delete;
  ~FrameList() {
    while (TakeFirst()) {
    }
  }
  void Append(FramePtr frame) {
    Frame* last = frame.release();
    (m_first ? m_last->m_next : m_first) = last;
    m_last = last;
  }
  FramePtr TakeFirst() {  ///< null: there is none
    FramePtr frame(m_first);
    if (frame) m_first = std::exchange(frame->m_next, nullptr);
    return frame;
  }

 private:
  Frame* m_first = nullptr;
  Frame* m_last = nullptr;
};

/// A frame of `size` bytes (not initialised) with headroom, from the pool of its size class.
FramePtr MakeFrame(uint32_t size);
FramePtr MakeFrame(const std::vector<uint8_t>& bytes);
/// A copy of bytes and marks.
FramePtr CloneFrame(const Frame& frame);
/// A new frame of `size` bytes with the marks (journey, flow, hash, ...) of `like`.
FramePtr MakeFrameLike(const Frame& like, uint32_t size);

}  // namespace overlaysim::wire
