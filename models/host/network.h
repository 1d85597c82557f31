#pragma once

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/host/cable.h"
#include "models/host/flow_cache.h"
#include "models/linux/namespace.h"
#include "models/wire/frame.h"
#include "sim/base/paged_vector.h"
#include "sim/base/random.h"
#include "sim/trace/record.h"
#include "sim/trace/record_template.h"

namespace overlaysim::host {

class Network;
class Stack;

/// Sees what passes. Every function is called in simulated order.
class Observer {
 public:
  virtual ~Observer() = default;
  /// Every step of every packet while Network::observeRecords is set; while samplesRecords is, of those of the sample.
  virtual void OnRecord(const TraceRecord& record, const HeaderChange& change, bool isOfSample) = 0;
  /// Whether steps may be told of all at once that a flow cache repeats, by OnRepeated().
  virtual bool TakesRepeated() const { return false; }
  /// A counter that a record like that, which has been told, raises by one; null: none.
  virtual uint64_t* CounterOf(const TraceRecord& /*record*/, const HeaderChange& /*change*/) { return nullptr; }
  virtual void OnRepeated(const std::shared_ptr<RecordTemplate>& /*records*/,
                          const RecordTemplate::Packet& /*packet*/) {}
  /// Whether a packet belongs to the sample; asked while Network::samplesRecords is set, by its maker.
  virtual bool IsSampled(uint64_t /*journey*/, uint32_t /*flow*/, uint64_t /*cause*/) { return false; }
  /// A frame on a device that is captured (Stack::SetCaptured), Ethernet header first.
  virtual void OnFrame(const Stack& stack, const kernel::Link& link, const wire::Frame& frame, bool outgoing) = 0;
  /// A new number for a fragment or copy of that journey.
  virtual uint32_t NextPacket(uint64_t journey) = 0;
};

/// What softirqs do on one Linux kernel: frames handed from device to device (veth, loopback, tunnel) wait in one queue
/// and are taken in turn (net/core/dev.c, enqueue_to_backlog() and process_backlog()). No simulated time passes, unless
/// the queue is served for longer than the kernel's budget allows: then it goes on a moment later, so that a loop
/// cannot stop the clock.
class Backlog {
 public:
  struct Item {
    Stack* stack;
    int ifindex;
    wire::FramePtr frame;
    bool counted = false;  ///< netif_rx() by the device itself: counted already, and for whom it is need not be asked
    uint64_t arrival = 0;  ///< Network::arrivals; that of the frame that is being received for what a tunnel has hidden
  };
  void Push(Item item);
  /// A frame has been dealt with that would have gone through the queue.
  void CountServed() { ++m_served; }
  /// Ends what still waits, see Network::EndRun().
  void EndRun();

  /// Serves the queue when the outermost guard ends: what runs inside is like code with softirqs disabled. A quiet one
  /// is for who looks at no counter and no time stamp of the kernel before he calls something that has its own guard.
  class Guard {
   public:
    enum Quiet { kQuiet };
    explicit Guard(Backlog& backlog) : m_backlog(backlog) {
      backlog.flows->Settle();
      ++m_backlog.m_depth;
    }
    Guard(Backlog& backlog, Quiet) : m_backlog(backlog) { ++m_backlog.m_depth; }
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    Backlog& m_backlog;
  };
  const std::unique_ptr<FlowCache> flows = std::make_unique<FlowCache>();
  NetnsId owner;  ///< one of its namespaces: stands for the kernel among the events of an instant

 private:
  void Serve();
  std::deque<Item> m_items;
  int m_depth = 0;
  int m_served = 0;  ///< since the outermost guard was set
  bool m_continuing = false;
};

/// A broadcast ARP request from one host about another.
struct ArpQuestion {
  Ipv4Address sender, target;
  MacAddress senderMac;
  uint32_t frameBytes = 0;

  static std::optional<ArpQuestion> In(const wire::Frame& frame);
};

/// All that lives in a run: namespaces (made when first touched), kernels, cables. Owns them.
class Network {
 public:
  /// What is known of a namespace before it is made.
  struct Source {
    virtual ~Source() = default;
    virtual size_t Count() const = 0;
    virtual uint32_t KernelOf(NetnsId id) const = 0;
    virtual std::unique_ptr<kernel::Namespace> Make(NetnsId id) const = 0;
    virtual std::string NameOf(NetnsId id) const = 0;
    /// The only IPv4 address of a namespace that is no more than one pod's veth, and up; zero: it is more, or unknown.
    virtual Ipv4Address LoneAddress(NetnsId) const { return {}; }
  };

  Network(const Source& source, uint64_t seed);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  Stack& Get(NetnsId id);             ///< made now if it was not yet
  Stack* FindMade(NetnsId id) const;  ///< nullptr if nothing has touched it
  /// An ARP question for somebody else has come to a namespace that does nothing but count it: that is done, and one
  /// that nothing has touched stays so. False: the namespace has to look at the frame itself.
  bool CountUnheard(NetnsId id, int ifindex, const ArpQuestion& question);
  std::string NameOf(NetnsId id) const { return m_source.NameOf(id); }
  size_t Count() const { return m_stacks.Size(); }
  /// Joins two devices; both must be Physical. The name is for people.
  Cable& AddCable(const CableSettings& settings, CableEnd a, CableEnd b);
  Cable& GetCable(CableId id) { return *m_cables[id.value]; }
  const std::vector<std::unique_ptr<Cable>>& Cables() const { return m_cables; }
  /// Gives a namespace that was made while running (`ip netns add`) its place.
  Stack& Adopt(std::unique_ptr<kernel::Namespace> ns, uint32_t kernel);
  /// No event follows: ends each packet that is still under way, on a cable or in a queue, with Verdict::Unfinished.
  void EndRun();

  /// Of EndRun(): what is being ended, in an order that is the same in every process of a run.
  uint64_t endedPart = 0;
  /// The order in which Linux stamps frames of one instant: received ones when they come into a backlog
  /// (net.core.netdev_tstamp_prequeue), sent ones when they go.
  uint64_t arrivals = 0;       ///< how many have come into backlogs
  uint64_t servedArrival = 0;  ///< number of the one that is being received; 0: none
  Observer* observer = nullptr;
  bool observeRecords = false;
  bool samplesRecords = false;
  bool takesShortcuts = true;  ///< flow caches, and questions that nobody hears: results are the same without
  bool CachesFlows() const { return takesShortcuts && (!observeRecords || observer->TakesRepeated()); }
  void ForgetFlows();                  ///< something was changed that no table tells of
  uint64_t RepeatedPackets() const;    ///< how often a flow cache has spared a packet a kernel's whole path
  void SettleFlows();                  ///< before somebody from outside looks at counters or changes tables
  std::function<void(Stack&)> onMade;  ///< called for each namespace when it is made
  const uint64_t seed;
  std::array<uint64_t, static_cast<size_t>(Verdict::Count)> verdicts{};  ///< packets that ended with each
  /// Drops that Linux's tracepoint tells of (KernelDrop()), in order of first occurrence.
  struct Drop {
    Stage stage;
    Verdict verdict;
    uint16_t protocol;  ///< EtherType of IP or ARP, kOtherProtocol, or 0: not looked at yet
    bool operator==(const Drop&) const = default;
  };
  static constexpr uint16_t kOtherProtocol = 1;
  std::vector<std::pair<Drop, uint64_t>> kernelDrops;

 private:
  struct CableAt {
    Cable* cable = nullptr;
    int side = 0;
  };
  friend class Stack;
  Backlog& KernelBacklog(uint32_t kernel, NetnsId owner);
  CableAt FindCable(NetnsId netns, int ifindex) const;

  const Source& m_source;
  PagedVector<std::unique_ptr<Stack>> m_stacks;
  std::vector<std::unique_ptr<Backlog>> m_kernels;
  std::vector<std::unique_ptr<Cable>> m_cables;
  PagedVector<std::vector<std::pair<int, CableAt>>> m_cableAt;  ///< by namespace
  struct Unheard {
    uint32_t frames = 0, bytes = 0;
    int ifindex = 0;
    bool isKnown = false;  ///< its address has been asked for
    Ipv4Address address;
  };
  PagedVector<Unheard> m_unheard;  ///< by namespace of the plan
};

}  // namespace overlaysim::host
