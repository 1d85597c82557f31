#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "models/host/cable.h"
#include "models/linux/conntrack.h"
#include "models/linux/link.h"
#include "models/linux/netfilter.h"
#include "models/wire/frame.h"
#include "sim/base/units.h"
#include "sim/trace/record.h"

namespace overlaysim::host {

class Stack;
struct UdpDatagram;
struct UdpSocketEnd;
struct SendRequest;

/// What one kernel does with the packets of a flow, learnt from one that has taken the whole path and repeated for
/// those that are like it: the same headers but for identification, checksums and what TCP counts, the same size, and
/// nothing in the kernel's tables changed since. Open vSwitch has such a cache for its tables, Linux one for its
/// routes.
///
/// It changes no byte, no time and no counter, only how long a run takes: while a packet is watched on the whole path,
/// what it has changed is noted (counters, time stamps, connections, identifications), and what the cache would have
/// made of the frame is held against the frame that left; whatever does not fit, or is not known to be safe, is not
/// cached. Counters and stamps are added up and written when somebody can see them (Settle()).
class FlowCache {
 public:
  FlowCache();
  ~FlowCache();
  FlowCache(const FlowCache&) = delete;
  FlowCache& operator=(const FlowCache&) = delete;

  struct Entry;
  struct EntryDeleter {
    void operator()(Entry* entry) const;
  };
  /// Where a socket keeps its entry.
  using Slot = std::unique_ptr<Entry, EntryDeleter>;

  // --- repeating
  /// A frame has come in by a cable: true: the cache has done all that is to be done with it. Else, and if such a frame
  /// can be cached at all, it is watched until EndWatch().
  bool Receive(Stack& stack, int ifindex, wire::FramePtr& frame);
  /// The same for a packet, IP header first, that a transport protocol of that namespace hands to its IP layer.
  bool Send(Stack& stack, wire::FramePtr& packet);
  /// The same for a datagram of a socket that sends the like of it again and again. `slot`, the socket's, is where its
  /// entry is kept; `data` must stay where it is. Returns true with the journey of the packet that was sent.
  bool SendUdp(Stack& stack, Slot& slot, std::span<const uint8_t> data, const SendRequest& request, uint64_t* journey);
  void Drop(Slot& slot);  ///< its socket will not send any more

  // --- watching: what happens on the way of a packet. To be called only while IsWatching(), but for the first and what
  // says so of itself.
  bool IsWatching() const { return m_isOn && m_watch && !m_isAbandoned; }
  void WatchUdp(Stack& stack, Slot& slot, std::span<const uint8_t> data);
  /// What is done meanwhile is not the packet's doing (a socket's owner takes a datagram, or goes on after sending).
  void Pause() { m_isOn = false; }
  void Resume() { m_isOn = true; }
  void Touch(Stack& stack);
  void Touch(kernel::Link& link);
  void Stamp(Nanoseconds& stamp);
  /// `isSteady`: the packet has changed nothing but how long the connection lives.
  void Refreshed(kernel::Connection& connection, bool isSteady, Nanoseconds now);
  void Identified(uint16_t& counter);
  void Recorded(const TraceRecord& record, const HeaderChange& change);
  std::vector<kernel::RuleCounters>* Counted();  ///< gets what has counted the packet; null: nobody watches
  void SentOn(Cable& cable, int side, const wire::Frame& frame);
  void DeliveredUdp(Stack& stack, const std::shared_ptr<UdpSocketEnd>& socket, const UdpDatagram& datagram,
                    const wire::Frame& frame);
  void DeliveredTcp(Stack& stack, const wire::Frame& frame);
  /// This packet's way is not to be repeated; at any time, as Pause(), Resume() and Counted().
  void Abandon() { m_isAbandoned = true; }
  void EndWatch();

  // --- validity
  void Invalidate() { ++m_generation; }  ///< something has changed in the kernel's tables
  uint64_t RepeatedPackets() const { return m_repeated; }
  void Settle();  ///< writes the counters and stamps of what was repeated

 private:
  struct Key;
  struct Watch;
  struct Account;
  struct Image;
  bool ReadKey(const Stack& stack, int ifindex, const wire::Frame& frame, bool isAtIp, Key& key);
  Entry* Find(const Key& key) const;
  static std::vector<Entry*>& FreeEntries();
  static Slot NewEntry();
  void Keep(Slot entry);
  void Clear();
  bool IsValid(const Entry& entry, Nanoseconds now) const;
  bool BeginWatch(Stack& stack, const Key& key, Entry* known);
  void Learn();
  static std::vector<std::unique_ptr<Watch>>& FreeWatches();
  bool WatchFrame(Stack& stack, const Key& key, Entry* known, bool isSend, const wire::Frame& frame);
  Entry* FindNext(const wire::Frame& frame) const;
  void Repeat(Entry& entry, Nanoseconds now);
  void SendOn(Entry& entry, wire::FramePtr frame, int64_t waiting);
  bool Complete(Entry& entry);
  bool CompleteRecords(Entry& entry) const;
  std::shared_ptr<Account> FindAccount();
  static void WriteHeader(Entry& entry, uint8_t* to);
  static uint64_t NextSum(const Entry& entry);
  static void RepeatRecords(Entry& entry, Stack& stack, wire::Frame& frame, Image& image);

  std::vector<Entry*> m_slots;  ///< open addressing, a power of two
  std::vector<Slot> m_entries;
  std::unordered_multimap<uint64_t, std::shared_ptr<Account>> m_accounts;  ///< by hash
  std::vector<Account*> m_unsettled;
  std::vector<Entry*> m_unsettledTracked;
  std::unique_ptr<Watch> m_watch;  ///< while a packet is watched
  bool m_isOn = false, m_isAbandoned = false;
  uint32_t m_generation = 1;
  uint64_t m_repeated = 0;
  std::vector<uint16_t> m_vxlanPorts;  ///< of that namespace, when they were last looked at
  const Stack* m_portsOf = nullptr;
  uint32_t m_portsGeneration = 0;
};

}  // namespace overlaysim::host
