#include "sim/run/path.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>

#include "models/wire/headers.h"
#include "sim/run/journey.h"
#include "sim/run/recorder.h"
#include "sim/run/simulation.h"
#include "sim/trace/packet_heads.h"
#include "sim/trace/run_directory.h"
#include "sim/trace/trace_reader.h"

namespace overlaysim {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kFlow = 0;

/// A directory that is gone when this is.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (fs::temp_directory_path() / "overlaysim-XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::system_error(errno, std::generic_category(), name);
    m_path = name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    fs::remove_all(m_path, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const fs::path& Path() const { return m_path; }

 private:
  fs::path m_path;
};

/// What stands behind the outer UDP header, told by its first eight bytes.
std::string TunnelText(std::span<const uint8_t> header) {
  constexpr uint16_t kEthernetInGeneve = 0x6558;
  constexpr uint8_t kVniFlag = 0x08, kLastWireguardType = 4;
  if (header.size() < wire::kVxlanHeaderBytes) return {};
  const uint32_t vni = wire::Get32(header.data() + 4) >> 8;
  if (wire::Get16(header.data() + 2) == kEthernetInGeneve) return fmt::format(", Geneve, VNI {}", vni);
  if (header[0] >= 1 && header[0] <= kLastWireguardType) return ", WireGuard";
  return (header[0] & kVniFlag) ? fmt::format(", VNI {}", vni) : "";
}

/// @param head the packet from its outermost IP header on
std::string EncapsulationText(std::span<const uint8_t> head) {
  constexpr size_t kIpv6HeaderBytes = 40;
  if (head.empty()) return {};
  const uint8_t* p = head.data();
  const bool isV6 = p[0] >> 4 == 6;
  const size_t ip = isV6 ? kIpv6HeaderBytes : (p[0] & 0xfu) * 4u;
  if (ip < wire::kIpv4HeaderBytes || head.size() < ip) return {};
  const std::string from = isV6 ? wire::GetIpv6(p + 8).ToString() : wire::GetIpv4(p + 12).ToString();
  const std::string to = isV6 ? wire::GetIpv6(p + 24).ToString() : wire::GetIpv4(p + 16).ToString();
  if (!isV6 && p[9] == wire::kIpProtoIpip) return fmt::format("{} → {}, IP in IP", from, to);
  if (!isV6 && p[9] == wire::kIpProtoEsp && head.size() >= ip + 4)
    return fmt::format("{} → {}, ESP, SPI 0x{:08x}", from, to, wire::Get32(p + ip));
  if (head.size() < ip + wire::kUdpHeaderBytes) return {};
  if (wire::Get16(p + ip + 2) == wire::kNatTraversalPort && head.size() >= ip + wire::kUdpHeaderBytes + 4)
    return fmt::format("{}:{} → {}:{}, ESP, SPI 0x{:08x}", from, wire::Get16(p + ip), to, wire::Get16(p + ip + 2),
                       wire::Get32(p + ip + wire::kUdpHeaderBytes));
  const char* ends = isV6 ? "[{}]:{} → [{}]:{}{}" : "{}:{} → {}:{}{}";
  return fmt::format(fmt::runtime(ends), from, wire::Get16(p + ip), to, wire::Get16(p + ip + 2),
                     TunnelText(head.subspan(ip + wire::kUdpHeaderBytes)));
}

/// What NAT has changed.
/// @param before, after the packet from its IP header on
std::string TranslationText(std::span<const uint8_t> before, std::span<const uint8_t> after) {
  constexpr size_t kIpv6HeaderBytes = 40;
  auto endOf = [](std::span<const uint8_t> head, bool isSource) {
    const uint8_t* p = head.data();
    const bool isV6 = p[0] >> 4 == 6;
    const size_t header = isV6 ? kIpv6HeaderBytes : (p[0] & 0xfu) * 4u;
    const uint8_t protocol = isV6 ? p[6] : p[9];
    const std::string address =
        isV6 ? wire::GetIpv6(p + (isSource ? 8 : 24)).ToString() : wire::GetIpv4(p + (isSource ? 12 : 16)).ToString();
    const bool hasPorts = protocol == wire::kIpProtoTcp || protocol == wire::kIpProtoUdp;
    if (!hasPorts || head.size() < header + 4) return address;
    return fmt::format(fmt::runtime(isV6 ? "[{}]:{}" : "{}:{}"), address, wire::Get16(p + header + (isSource ? 0 : 2)));
  };
  auto isWhole = [](std::span<const uint8_t> head) {
    return !head.empty() && head.size() >= (head[0] >> 4 == 6 ? kIpv6HeaderBytes : wire::kIpv4HeaderBytes);
  };
  if (!isWhole(before) || !isWhole(after)) return {};
  std::string out;
  for (const bool isSource : {true, false}) {
    const std::string from = endOf(before, isSource), to = endOf(after, isSource);
    if (from != to)
      out += fmt::format("{}{} {} → {}", out.empty() ? "" : ", ", isSource ? "source" : "destination", from, to);
  }
  return out;
}

/// What a record says of a decision: the hop's table and text. Empty: it is a step without one.
struct Decision {
  std::string table, text;
};
std::optional<Decision> DecisionOf(const TraceRecord& record, const PacketHeads::Heads& heads) {
  if (IsDrop(record.verdict))
    return Decision{"drop", fmt::format("{}: {}", VerdictName(record.verdict), VerdictCondition(record.verdict))};
  if (record.verdict == Verdict::L2Missed || record.verdict == Verdict::L3Missed)
    return Decision{"miss", VerdictCondition(record.verdict)};
  const bool hasRow = record.row != 0;
  switch (record.stage) {
    case Stage::RouteOutput:
    case Stage::RouteInput:
    case Stage::VxlanRoute:
    case Stage::TunnelRoute:
      return Decision{"route", ""};
    case Stage::FilterInput:
    case Stage::FilterForward:
    case Stage::FilterOutput:
    case Stage::FilterPrerouting:
    case Stage::FilterPostrouting:
      return hasRow ? std::optional(Decision{"filter", ""}) : std::nullopt;
    case Stage::Translate:
      return Decision{"nat", TranslationText(heads.before, heads.after)};
    case Stage::BridgeLookup:
      return Decision{"bridge", hasRow                               ? ""
                                : record.verdict == Verdict::Flooded ? "to the host and every port"
                                                                     : "unknown address: to every port"};
    case Stage::NeighbourLookup:
      return hasRow ? std::optional(Decision{"neigh", ""}) : std::nullopt;
    case Stage::NeighbourWait:
      return Decision{"neigh", !heads.after.empty() && heads.after[0] >> 4 == 6 ? "waits for neighbour discovery"
                                                                                : "waits for ARP"};
    case Stage::TunnelWait:
      return Decision{"wireguard", "waits for the handshake"};
    case Stage::VxlanFdbLookup:
      return Decision{"fdb", record.verdict == Verdict::Flooded ? "a copy to each" : ""};
    case Stage::Encapsulate:
      return Decision{"encapsulate", EncapsulationText(heads.after)};
    case Stage::Decapsulate:
      return Decision{"decapsulate", EncapsulationText(heads.before)};
    case Stage::Program:
      if (record.verdict == Verdict::Redirected) return Decision{"program", "sent on there"};
      return Decision{"program", record.verdict == Verdict::Flooded ? "a copy to each" : "headers rewritten"};
    case Stage::Fragment:
      return Decision{"fragment", "cut into fragments"};
    case Stage::Reassemble:
      return record.verdict == Verdict::Continue ? std::optional(Decision{"reassemble", ""}) : std::nullopt;
    case Stage::ArpProcess:
      return Decision{"arp", hasRow ? "learnt" : ""};
    case Stage::LocalDeliver:
      return FateOf(record.verdict) == Fate::Arrived ? std::optional(Decision{"deliver", "to its receiver"})
                                                     : std::nullopt;
    case Stage::RunEnd:
      return Decision{"end", "the run ended"};
    default:
      return std::nullopt;
  }
}

/// Reads the records of the first flow's first packet, of its answer, and of the ARP that they took.
class PathReader {
 public:
  PathReader(TraceReader& reader, const PathOptions& options) : m_reader(reader), m_options(options) {}

  std::vector<Hop> Read() {
    const bool ok =
        m_reader.ReadTables(m_history) &&
        m_reader.VisitAll([this](const TraceRecord& record, const HeaderChange&) { return Select(record); }) &&
        m_reader.VisitAll(
            [this](const TraceRecord& record, const HeaderChange& change) { return Take(record, change); });
    if (!ok) throw std::runtime_error(m_reader.Error());
    GroupByJourney();
    return std::move(m_hops);
  }

 private:
  /// First reading: which journeys belong to it, and which of their packets are copies that nobody wanted.
  bool Select(const TraceRecord& record) {
    if (record.stage == Stage::Send && record.packet == 0) {
      const bool isFirst = m_journeys.empty() && record.flow == kFlow;
      const bool isCaused = m_journeys.contains(record.cause);
      if (isFirst || (isCaused && (record.flow == kFlow ? m_options.reply : m_options.arp)))
        m_journeys.insert(record.journey);
    }
    if (!m_journeys.contains(record.journey)) return true;
    Ends& ends = m_ends[{record.journey, record.packet}];
    if (record.verdict == Verdict::Flooded) ends.flooded = m_position;
    if (record.verdict == Verdict::OtherHost) ends.unwanted = true;
    if (record.packet != 0) m_copied.insert(record.journey);
    ++m_position;
    return true;
  }

  bool Take(const TraceRecord& record, const HeaderChange& change) {
    if (!m_journeys.contains(record.journey)) return true;
    const PacketHeads::Heads heads = m_heads.Apply(record, change);
    const Ends& ends = m_ends.at({record.journey, record.packet});
    const size_t position = m_read++;
    if (ends.unwanted && m_copied.contains(record.journey) && position > ends.flooded) return true;
    if (record.stage == Stage::Forward && record.verdict == Verdict::Continue) {
      if (!m_hops.empty() && heads.after.size() >= wire::kIpv4HeaderBytes)
        m_hops.back().ttl = heads.after[heads.after[0] >> 4 == 6 ? 7 : 8];
      return true;
    }
    const auto decision = DecisionOf(record, heads);
    if (!decision) return true;
    Hop hop{.at = {record.timeNs}, .packet = record.packet, .stage = record.stage, .verdict = record.verdict};
    hop.journey = JourneyName(record.journey, m_history.NetnsName(JourneyMaker(record.journey).value));
    hop.netns = m_history.NetnsName(record.netns);
    hop.device = record.ifindex == 0 ? "" : m_history.DeviceName(record.netns, record.ifindex);
    hop.table = decision->table;
    hop.text = decision->text;
    hop.line = m_history.LineOf(record);
    if (hop.table == "filter" && hop.line.find("-t nat ") != std::string::npos) hop.table = "nat";
    hop.frameBytes = record.sizeBytes + (HasEthernetHeader(record) ? 0 : wire::kEthernetHeaderBytes);
    // The whole packet's last word is told after its fragments are under way.
    auto at = m_hops.end();
    if (record.stage == Stage::Fragment)
      while (at != m_hops.begin() && (at - 1)->journey == hop.journey && (at - 1)->packet > hop.packet) --at;
    m_hops.insert(at, std::move(hop));
    return true;
  }

  /// A journey's hops together, journeys in the order in which they began.
  void GroupByJourney() {
    std::map<std::string, size_t> order;
    for (const Hop& hop : m_hops) order.emplace(hop.journey, order.size());
    std::stable_sort(m_hops.begin(), m_hops.end(),
                     [&](const Hop& a, const Hop& b) { return order.at(a.journey) < order.at(b.journey); });
  }

  struct Ends {
    size_t flooded = 0;  ///< position of the last record that says so
    bool unwanted = false;
  };
  TraceReader& m_reader;
  const PathOptions& m_options;
  TableHistory m_history;
  PacketHeads m_heads;
  std::set<uint64_t> m_journeys, m_copied;
  std::map<std::pair<uint64_t, uint32_t>, Ends> m_ends;  ///< by journey and packet
  size_t m_position = 0, m_read = 0;                     ///< among the records of these journeys
  std::vector<Hop> m_hops;
};

/// Where a person looks for that table: routes and rules are the namespace's, the others a device's.
std::string Where(const Hop& hop) {
  const bool isOwn = hop.device.empty() || hop.stage == Stage::RouteInput || hop.stage == Stage::VxlanRoute ||
                     hop.stage == Stage::LocalDeliver || hop.stage == Stage::FilterForward;
  return isOwn ? hop.netns : hop.netns + "/" + hop.device;
}

/// Columns of a terminal: characters, not bytes.
size_t Width(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string Padded(std::string text, size_t width) {
  const size_t has = Width(text);
  return has < width ? text + std::string(width - has, ' ') : text;
}

}  // namespace

PathReport FollowFirstFlow(const ClusterPlan& plan, const PathOptions& options) {
  PathReport report;
  const TemporaryDirectory directory;
  const fs::path path = directory.Path() / run_file::kTrace;
  {
    Simulation simulation(plan);
    Recorder recorder(simulation, {.trace = path});
    simulation.Run();
    const std::string error = recorder.Finish();
    if (!error.empty()) throw std::runtime_error(error);
    if (const traffic::Flow* flow = simulation.FlowOf(FlowId(kFlow))) {
      const traffic::FlowResult& result = flow->Result();
      report.error = result.error;
      report.isAnswered = result.deliveredPackets > 0;
      report.roundTrip = {result.rttNs.Max()};
    }
  }
  std::string error;
  auto reader = TraceReader::Open(path, error);
  if (!reader) throw std::runtime_error(error);
  report.hops = PathReader(*reader, options).Read();
  return report;
}

std::string PathText(const PathReport& report) {
  constexpr size_t kColumns = 5;
  using Line = std::array<std::string, kColumns>;
  std::vector<Line> lines{{" hop", "where", "table", "the line that decided", "frame"}};
  uint32_t lastBytes = 0;
  std::string lastJourney;
  size_t number = 0;
  for (const Hop& hop : report.hops) {
    std::string frame;
    if (hop.frameBytes != lastBytes || hop.journey != lastJourney) frame = fmt::format("{} B", hop.frameBytes);
    if (hop.ttl) frame += fmt::format("{}ttl {}", frame.empty() ? "" : ", ", *hop.ttl);
    std::string text = hop.line;
    if (!hop.text.empty()) text = text.empty() ? hop.text : fmt::format("{} ({})", text, hop.text);
    if (hop.table == "drop") text = hop.line.empty() ? hop.text : fmt::format("{}: {}", hop.text, hop.line);
    if (hop.packet != 0) frame += fmt::format("{}packet {}", frame.empty() ? "" : ", ", hop.packet);
    if (!lastJourney.empty() && hop.journey != lastJourney) lines.push_back({"", "", "", hop.journey, ""});
    lines.push_back({fmt::format("{:4}", ++number), Where(hop), hop.table, text, frame});
    lastBytes = hop.frameBytes;
    lastJourney = hop.journey;
  }
  std::array<size_t, kColumns> widths{};
  for (const Line& line : lines)
    for (size_t c = 0; c < kColumns; ++c) widths[c] = std::max(widths[c], Width(line[c]));
  std::string out;
  for (const Line& line : lines) {
    std::string row;
    for (size_t c = 0; c < kColumns; ++c) row += Padded(line[c], widths[c]) + "  ";
    row.erase(row.find_last_not_of(' ') + 1);
    out += row + "\n";
  }
  return out;
}

std::string PathJson(const PathReport& report) {
  using Json = nlohmann::ordered_json;
  Json out{{"answered", report.isAnswered}};
  if (report.isAnswered) out["roundTripNs"] = report.roundTrip.count;
  if (!report.error.empty()) out["error"] = report.error;
  out["hops"] = Json::array();
  for (const Hop& hop : report.hops) {
    Json row{{"timeNs", hop.at.count},
             {"journey", hop.journey},
             {"packet", hop.packet},
             {"netns", hop.netns},
             {"device", hop.device},
             {"stage", StageName(hop.stage)},
             {"verdict", VerdictName(hop.verdict)},
             {"table", hop.table},
             {"line", hop.line},
             {"text", hop.text},
             {"frameBytes", hop.frameBytes}};
    if (hop.ttl) row["ttl"] = *hop.ttl;
    out["hops"].push_back(std::move(row));
  }
  return out.dump(2) + "\n";
}

}  // namespace overlaysim
