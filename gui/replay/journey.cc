#include "gui/replay/journey.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "gui/replay/explain.h"
#include "gui/replay/link_history.h"
#include "gui/replay/link_layer.h"
#include "gui/replay/packet_ends.h"
#include "gui/replay/run.h"
#include "gui/replay/text.h"
#include "sim/trace/packet_heads.h"

namespace overlaysim::replay {
namespace {

constexpr size_t kMostHops = 20000;  // a broadcast in a large cluster; more is no way that a person follows
constexpr size_t kMostConsequences = 1000;

class JourneyReader {
 public:
  JourneyReader(Run& run, uint64_t id) : m_run(run) { m_journey.id = id; }

  Journey Read(std::string& error) {
    if (!m_run.HasTrace()) {
      error = "The run has no trace: it does not say what happened to each packet.";
      return {};
    }
    if (!ReadRecords(error)) return {};
    if (m_journey.hops.empty()) {
      error = fmt::format("The trace does not have {}.", JourneyName(m_run.Plan(), m_journey.id));
      return {};
    }
    std::stable_sort(m_consequences.begin(), m_consequences.end());
    for (const auto& [time, consequence] : m_consequences) m_journey.consequences.push_back(consequence);
    Conclude();
    return std::move(m_journey);
  }

 private:
  bool ReadRecords(std::string& error) {
    TraceReader& trace = *m_run.Trace();
    uint64_t begin = 0;
    for (const TraceReader::ChunkInfo& chunk : trace.RecordChunks()) {
      const uint64_t first = begin;
      begin += chunk.count;
      const auto has = trace.HasJourney(chunk, m_journey.id);
      if (!has) {
        error = trace.Error();
        return false;
      }
      if (!*has) continue;
      for (uint64_t index = first; index < begin && m_journey.hops.size() < kMostHops; ++index) {
        const StoredRecord* stored = m_run.RecordAt(index);
        if (!stored) {
          error = m_run.Error();
          return false;
        }
        if (stored->record.journey == m_journey.id)
          Take(*stored, index);
        else if (stored->record.cause == m_journey.id && stored->record.stage == Stage::Send &&
                 m_consequences.size() < kMostConsequences)
          m_consequences.emplace_back(stored->record.timeNs, stored->record.journey);
      }
    }
    return true;
  }

  void Take(const StoredRecord& stored, uint64_t index) {
    const TraceRecord& record = stored.record;
    Hop& hop = m_journey.hops.emplace_back();
    hop.record = record;
    hop.index = index;
    if (record.stage == Stage::Send && record.packet == 0) m_journey.cause = record.cause;
    hop.place = m_run.PlaceName(record.netns, record.ifindex);
    hop.tableName = TableName(record);
    if (const TableHistory* tables = record.row != 0 ? m_run.Tables() : nullptr) hop.line = tables->LineOf(record);
    hop.mtu = MtuOf(record);

    const PacketHeads::Heads heads = m_heads.Apply(record, {stored.changeOffset, stored.before, stored.after});
    uint32_t& size = m_sizes[record.packet];
    hop.beforeBytes = size;
    hop.afterBytes = size = record.sizeBytes;
    hop.before.assign(heads.before.begin(), heads.before.end());
    hop.after.assign(heads.after.begin(), heads.after.end());
    hop.beforeLayer = LayerOf(record, heads.before, hop.beforeBytes);
    hop.afterLayer = LayerOf(record, heads.after, hop.afterBytes);
    hop.sinceStartNs = record.timeNs - m_journey.hops.front().record.timeNs;
    hop.sinceLastNs =
        m_journey.hops.size() < 2 ? 0 : record.timeNs - m_journey.hops[m_journey.hops.size() - 2].record.timeNs;
    Explain(m_run, stored, hop);
  }

  /// As the namespace's tables have it at that time, else as the plan does.
  uint32_t MtuOf(const TraceRecord& record) {
    if (record.ifindex == 0) return 0;
    uint32_t mtu = 0;
    if (const TableHistory* tables = m_run.Tables())
      tables->VisitRows(record.netns, kernel::Table::Link, [&](int64_t timeNs, bool isDelete, std::string_view text) {
        const LinkLine line = LinkLine::Parse(text);
        if (timeNs <= record.timeNs && !isDelete && line.ifindex == record.ifindex && line.mtu > 0) mtu = line.mtu;
      });
    if (mtu > 0) return mtu;
    if (record.netns >= m_run.Plan().netns.size()) return 0;
    const Device* device = m_run.Plan().netns[record.netns].Find(record.ifindex);
    return device ? device->mtu : 0;
  }

  void Conclude() {
    const Hop* arrived = nullptr;
    const Hop* dropped = nullptr;
    const Hop* unended = nullptr;
    for (const Hop& hop : m_journey.hops) {
      switch (FateOf(hop.record.verdict)) {
        case Fate::Arrived:
          arrived = &hop;
          break;
        case Fate::Dropped:
          dropped = &hop;
          break;
        case Fate::Unended:
          unended = &hop;
          break;
        default:
          break;
      }
    }
    if (arrived)  // copies that nobody wanted are no part of the way
      for (Hop& hop : m_journey.hops)
        if (hop.record.verdict == Verdict::OtherHost) hop.isKey = false;
    m_journey.title = Title();
    if (arrived) {
      m_journey.outcome = fmt::format("delivered at {} after {}", arrived->place, DurationText(arrived->sinceStartNs));
    } else if (dropped) {
      m_journey.isDropped = true;
      m_journey.outcome = fmt::format("dropped at {}: {}", dropped->place, VerdictName(dropped->record.verdict));
    } else if (unended) {
      m_journey.outcome = "under way when the run ended";
    } else {
      m_journey.outcome = "its end is not in the trace";
    }
  }

  std::string NameOf(std::string_view address) const {
    const uint32_t owner = m_run.Plan().OwnerOf(address);
    return owner == Topology::kNone ? std::string(address) : m_run.Plan().netns[owner].name;
  }

  std::string Title() const {
    const Hop& first = m_journey.hops.front();
    const Dissection packet = Dissect(first.after, first.afterLayer, first.afterBytes, m_run.VxlanPorts());
    const auto value = [&](std::string_view v4, std::string_view v6) {
      const Field* field = packet.Find(v4);
      if (!field) field = packet.Find(v6);
      return field ? field->value : std::string();
    };
    const std::string from = value("ip.src", "ipv6.src"), to = value("ip.dst", "ipv6.dst");
    const std::string ends = fmt::format("{} → {}", NameOf(from), NameOf(to));
    const std::string type = value("icmp.type", "icmpv6.type"), seq = value("icmp.seq", "icmpv6.echo.sequence_number");
    if (!seq.empty()) {
      const bool isRequest = type == "8" || type == "128";
      return fmt::format("ping {} {}, seq {}", isRequest ? "request" : "reply", ends, seq);
    }
    if (packet.protocol == "ARP") return "ARP: " + packet.info;
    if (!from.empty()) return fmt::format("{} {}: {}", packet.protocol, ends, packet.info);
    // The bytes are not known: what the plan says of the traffic.
    const auto& workloads = m_run.Plan().workloads;
    const auto workload =
        std::find_if(workloads.begin(), workloads.end(), [&](const Workload& w) { return w.id == first.record.flow; });
    const std::string name = JourneyName(m_run.Plan(), m_journey.id);
    const bool isArp = std::any_of(m_journey.hops.begin(), m_journey.hops.end(),
                                   [](const Hop& hop) { return hop.record.stage == Stage::ArpProcess; });
    if (isArp) return fmt::format("ARP message {}", name);
    return workload == workloads.end() ? fmt::format("{}, {} bytes", name, first.record.sizeBytes)
                                       : fmt::format("{}: {}", workload->name, name);
  }

  Run& m_run;
  Journey m_journey;
  PacketHeads m_heads;
  std::map<uint32_t, uint32_t> m_sizes;                      ///< by packet
  std::vector<std::pair<int64_t, uint64_t>> m_consequences;  ///< time and journey
};

}  // namespace

Journey ReadJourney(Run& run, uint64_t journey, std::string& error) { return JourneyReader(run, journey).Read(error); }

}  // namespace overlaysim::replay
