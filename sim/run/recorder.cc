#include "sim/run/recorder.h"

#include <fmt/format.h>
#include <algorithm>

#include <array>

#include "models/engine/engine.h"
#include "models/host/stack.h"
#include "models/wire/headers.h"
#include "sim/base/check.h"
#include "sim/iproute2/iptables.h"
#include "sim/iproute2/nft.h"
#include "sim/iproute2/show.h"
#include "sim/run/journey.h"
#include "sim/run/simulation.h"

namespace overlaysim {
namespace {

using kernel::Table;
using kernel::TableChange;

/// Up to so many rows of a directory are written for each namespace that shows it; of more, only those that decided.
constexpr size_t kPeerRowsWritten = 200;
constexpr uint32_t kPeerRowBit = 0x80000000;
constexpr uint32_t kFirstOwnRow = 0x40000000;  // of rows that the kernel's tables do not number
/// How many frames a killed run loses at most.
constexpr uint64_t kFlushEach = 1 << 16;
constexpr uint32_t kRankShift = 20;  // of the numbers that a rank gives to packets: more copies no journey has
constexpr uint16_t kIanaVxlanPort = 4789, kLinuxVxlanPort = 8472;

/// The line that iproute2 prints of a changed row; "" where the row is gone.
std::string RowText(const kernel::Namespace& ns, const TableChange& change) {
  if (change.op == TableChange::Op::Delete || !change.row) return {};
  switch (change.table) {
    case Table::Link:
      return iproute2::LinkLine(ns, *static_cast<const kernel::Link*>(change.row));
    case Table::Address:
      return iproute2::AddressLine(ns, *static_cast<const kernel::Address*>(change.row));
    case Table::Route:
      return iproute2::RouteLine(ns, *static_cast<const kernel::Route*>(change.row));
    case Table::Neighbour:
      return iproute2::NeighLine(ns, *static_cast<const kernel::Neighbour*>(change.row));
    case Table::BridgeFdb:
      return iproute2::BridgeFdbLine(ns, change.ifindex, *static_cast<const kernel::BridgeFdbEntry*>(change.row));
    case Table::VxlanFdb:
      return iproute2::VxlanFdbLine(ns, change.ifindex, *static_cast<const kernel::VxlanFdbEntry*>(change.row));
    case Table::Rule:
      return iproute2::RuleLine(ns, *static_cast<const kernel::Rule*>(change.row));
    case Table::Sysctl:
      return *static_cast<const std::string*>(change.row);
    case Table::Address6:
      return iproute2::AddressLine(ns, *static_cast<const kernel::Address6*>(change.row));
    case Table::Route6:
      return iproute2::RouteLine(ns, *static_cast<const kernel::Route6*>(change.row));
    case Table::Neighbour6:
      return iproute2::NeighLine(ns, *static_cast<const kernel::Neighbour6*>(change.row));
    case Table::Rule6:
      return iproute2::RuleLine(ns, *static_cast<const kernel::Rule6*>(change.row));
    case Table::TunnelPeer:
      return iproute2::TunnelPeerLine(ns, change.ifindex, *static_cast<const kernel::TunnelPeer*>(change.row));
    case Table::Filter:
      break;  // Row ids stand for rules, whose chain the change does not tell: WriteTables() writes them
  }
  return {};
}

/// Of the table of its peers that has most, now or later.
size_t CountPeerRows(const kernel::Namespace& ns) {
  const std::vector<kernel::PeerChange> changes = ns.peers->ChangesAfter(engine::Now());
  const auto later = std::count_if(changes.begin(), changes.end(), [](const kernel::PeerChange& change) {
    return change.isThere && std::holds_alternative<kernel::Route>(change.row);
  });
  size_t count = std::max(ns.peers->Routes().size() + static_cast<size_t>(later), ns.peers->TunnelPeers(0).size());
  for (const kernel::Link* link : ns.Links()) count = std::max(count, ns.peers->TunnelPeers(link->ifindex).size());
  return count;
}

/// What tells rows of a table apart whose rows have no number in the kernel's tables; "": they have.
std::string RowKey(const TableChange& change) {
  switch (change.table) {
    case Table::Link:
      return fmt::format("link {}", change.rowId);
    case Table::Address: {
      const auto& address = *static_cast<const kernel::Address*>(change.row);
      return fmt::format("address {} {}/{}", address.ifindex, address.local.ToString(), address.prefixLength);
    }
    case Table::Sysctl: {
      const auto& line = *static_cast<const std::string*>(change.row);
      return "sysctl " + line.substr(0, line.find(' '));
    }
    default:
      return {};
  }
}

/// The outermost Ethernet frame's IPv4 header, or ARP's addresses, within the frames that vxlan put around it.
struct Ends {
  Ipv4Address from, to;
};
std::optional<Ends> InnermostEnds(const uint8_t* p, size_t size, const std::unordered_set<uint16_t>& vxlanPorts) {
  std::optional<Ends> ends;
  while (size >= wire::kEthernetHeaderBytes) {
    const uint16_t type = wire::Get16(p + 12);
    p += wire::kEthernetHeaderBytes;
    size -= wire::kEthernetHeaderBytes;
    if (type == wire::kEtherTypeArp && size >= wire::kArpBytes)
      return Ends{wire::GetIpv4(p + 14), wire::GetIpv4(p + 24)};
    if (type != wire::kEtherTypeIpv4 || size < wire::kIpv4HeaderBytes) return ends;
    ends = Ends{wire::GetIpv4(p + 12), wire::GetIpv4(p + 16)};
    const size_t headers = (p[0] & 0xfu) * 4u + wire::kUdpHeaderBytes + wire::kVxlanHeaderBytes;
    const bool isLaterFragment = (wire::Get16(p + 6) & wire::kIpOffsetMask) != 0;
    if (p[9] != wire::kIpProtoUdp || isLaterFragment || size < headers) return ends;
    if (!vxlanPorts.contains(wire::Get16(p + (p[0] & 0xfu) * 4u + 2))) return ends;
    p += headers;
    size -= headers;
  }
  return ends;
}

}  // namespace

void NameFlows(const ClusterPlan& plan, RunTrace& trace) {
  for (const Workload& workload : plan.workloads) trace.NameFlow(workload.id.value, workload.name);
}

Recorder::Recorder(Simulation& simulation, const RecorderOptions& options)
    : m_simulation(simulation), m_account(simulation.Plan()), m_vxlanPorts{kIanaVxlanPort, kLinuxVxlanPort} {
  if (!options.packets.empty()) {
    m_packetFile = std::make_unique<PcapngWriter>(options.packets, options.application);
    AddCaptures();
  }
  if (!options.trace.empty()) {
    m_trace = std::make_unique<RunTrace>(options.trace);
    NameFlows(simulation.Plan(), *m_trace);
    m_sinks.push_back(m_trace.get());
  }
  if (options.ranks) {
    m_order = std::make_unique<CaptureOrderWriter>(options.ranks->order);
    m_firstPacket = (options.ranks->rank + 1) << kRankShift;
  }
  if (options.ranks && !options.ranks->log.empty()) {
    m_log = std::make_unique<RankLog>(options.ranks->log, [&simulation] { return simulation.CurrentOrder(); });
    m_sinks.push_back(m_log.get());
  }
  host::Network& net = simulation.Net();
  net.observer = this;
  net.samplesRecords = !m_sinks.empty() && !simulation.Plan().recorded.IsAll();
  net.observeRecords = (!m_sinks.empty() && !net.samplesRecords) || options.account;
  net.onMade = [this](host::Stack& stack) { OnMade(stack); };
}

Recorder::~Recorder() {
  host::Network& net = m_simulation.Net();
  net.observer = nullptr;
  net.observeRecords = net.samplesRecords = false;
  net.onMade = nullptr;
  for (size_t i = 0; i < net.Count(); ++i)
    if (host::Stack* stack = net.FindMade(NetnsId(i))) stack->SetTableListener(nullptr);
}

void Recorder::AddCaptures() {
  // Before any frame can come out of a node's tunnel, and whether or not that node is simulated in this process.
  const ClusterPlan& plan = m_simulation.Plan();
  for (size_t i = 0; i < plan.NetnsCount() && !plan.captures.empty(); ++i) {
    if (plan.Info(NetnsId(i)).role != NetnsRole::Node) continue;
    const auto node = plan.Materialise(NetnsId(i));
    for (const kernel::Link* link : node->Links())
      if (kernel::IsUdpTunnel(link->kind)) m_vxlanPorts.insert(link->vxlan.dstPort);
    break;
  }
  for (const CapturePoint& point : m_simulation.Plan().captures) {
    FilterError why;
    auto filter = CaptureFilter::Compile(point.filter, why, LinkTypeOf(point));
    OVERLAYSIM_CHECK(filter, "filter \"{}\": {}", point.filter, why.ToString());
    const uint32_t interface = m_packetFile->AddInterface({.name = NameOf(point.netns) + "/" + point.device,
                                                           .filter = point.filter,
                                                           .snapLength = point.snapLength,
                                                           .linkType = LinkTypeOf(point)});
    m_captures[point.netns].push_back({&point, interface, std::move(*filter)});
  }
  m_packetFile->Flush();  // a run that is killed leaves a capture all the same
}

std::string Recorder::Finish() {
  std::string error;
  if (m_trace) error = m_trace->Finish(m_simulation.EndedAt());
  if (m_log) {
    std::string why = m_log->Finish();
    if (error.empty()) error = std::move(why);
  }
  if (m_packetFile) {
    m_packetFile->Finish();
    if (error.empty()) error = m_packetFile->Error();
  }
  if (m_order) {
    m_order->Flush();
    if (error.empty()) error = m_order->Error();
  }
  return error;
}

// ------------------------------------------------------------------------------------------------ tables

void Recorder::OnMade(host::Stack& stack) {
  for (const kernel::Link* link : stack.Ns().Links()) BeginCaptures(stack, *link);
  if (!m_simulation.Net().samplesRecords) TellOf(stack);
  stack.SetTableListener([this, &stack](const TableChange& change) { OnTableChange(stack, change); });
}

/// Its name and tables. In a sample's trace there are those that its packets meet, from then on.
void Recorder::TellOf(host::Stack& stack) {
  for (TraceSink* sink : m_sinks) sink->NameNetns(engine::Now(), stack.Id().value, NameOf(stack.Id()));
  if (!m_sinks.empty()) WriteTables(stack);
}

void Recorder::OnTableChange(host::Stack& stack, const TableChange& change) {
  if (change.table == Table::Link && change.op != TableChange::Op::Delete) {
    const auto& link = *static_cast<const kernel::Link*>(change.row);
    if (change.op == TableChange::Op::Add) BeginCaptures(stack, link);
  }
  if (m_sinks.empty() || (m_simulation.Net().samplesRecords && !m_told.contains(stack.Id().value))) return;
  if (change.table == Table::Link && change.op != TableChange::Op::Delete)
    NameDevice(stack.Ns(), *static_cast<const kernel::Link*>(change.row));
  WriteRow(stack.Ns(), change);
}

void Recorder::NameDevice(const kernel::Namespace& ns, const kernel::Link& link) {
  for (TraceSink* sink : m_sinks)
    sink->NameDevice(engine::Now(), ns.Id().value, static_cast<uint32_t>(link.ifindex), link.name);
}

/// What an agent will write in a directory at a time to come: nobody will tell of it then.
void Recorder::WritePeerChange(const kernel::Namespace& ns, const kernel::PeerChange& change) {
  constexpr std::array kTables = {Table::Route,      Table::Neighbour, Table::VxlanFdb,
                                  Table::TunnelPeer, Table::Route6,    Table::Neighbour6};
  const auto write = [&](const auto& row) {
    IsNews(ns.Id(), row.rowId);
    const auto op = change.isThere ? TableChange::Op::Add : TableChange::Op::Delete;
    WriteRow(ns, {op, kTables.at(change.row.index()), row.rowId, ns.Version(), &row, change.ifindex}, change.at);
  };
  std::visit(write, change.row);
}

void Recorder::BeginCaptures(host::Stack& stack, const kernel::Link& link) {
  if (kernel::IsUdpTunnel(link.kind)) m_vxlanPorts.insert(link.vxlan.dstPort);
  auto captures = m_captures.find(stack.Id());
  if (captures == m_captures.end()) return;
  for (const Capture& capture : captures->second)
    if (capture.point->device == link.name) stack.SetCaptured(link.ifindex, true);
}

uint32_t Recorder::RowIdOf(const kernel::Namespace& ns, const TableChange& change) {
  const std::string key = RowKey(change);
  if (key.empty()) return change.rowId;
  auto& ids = m_rowIds[ns.Id().value];
  return ids.try_emplace(key, kFirstOwnRow + ids.size()).first->second;
}

void Recorder::WriteRow(const kernel::Namespace& ns, const TableChange& change) { WriteRow(ns, change, engine::Now()); }

void Recorder::WriteRow(const kernel::Namespace& ns, const TableChange& change, Nanoseconds at) {
  const std::string text = RowText(ns, change);
  const TableRowChange row{.timeNs = at.count,
                           .netns = ns.Id().value,
                           .table = change.table,
                           .op = change.op,
                           .row = RowIdOf(ns, change),
                           .version = change.version,
                           .text = text};
  for (TraceSink* sink : m_sinks) sink->TableRow(engine::Now(), row);
}

void Recorder::WriteTables(host::Stack& stack) {
  kernel::Namespace& ns = stack.Ns();
  const uint32_t version = ns.Version();
  auto write = [&](Table table, uint32_t rowId, const void* row, int ifindex = 0) {
    WriteRow(ns, {TableChange::Op::Add, table, rowId, version, row, ifindex});
    if (rowId & kPeerRowBit) IsNews(ns.Id(), rowId);
  };
  // The rows of very many peers are written when a record names them.
  const std::shared_ptr<const kernel::PeerTables> peers = ns.peers;
  if (peers && !m_hasManyPeers) m_hasManyPeers = CountPeerRows(ns) > kPeerRowsWritten;
  if (m_hasManyPeers.value_or(false)) ns.peers = nullptr;
  if (ns.peers)
    for (const kernel::PeerChange& change : ns.peers->ChangesAfter(engine::Now())) WritePeerChange(ns, change);
  for (const kernel::Link* link : ns.Links()) {
    NameDevice(ns, *link);
    write(Table::Link, static_cast<uint32_t>(link->ifindex), link);
  }
  for (const kernel::Address& address : ns.Addresses()) write(Table::Address, 0, &address, address.ifindex);
  for (const kernel::Rule& rule : ns.Rules()) write(Table::Rule, rule.rowId, &rule);
  for (const kernel::Route& route : ns.Routes(0)) write(Table::Route, route.rowId, &route);
  for (const kernel::Neighbour& neighbour : ns.AllNeighbours())
    write(Table::Neighbour, neighbour.rowId, &neighbour, neighbour.ifindex);
  const kernel::Ipv6Tables& ipv6 = ns.Ipv6();
  const std::vector<const kernel::Link*> links = ns.Links();
  if (std::any_of(links.begin(), links.end(), [&](const kernel::Link* l) { return ipv6.IsEnabled(l->ifindex); })) {
    for (const kernel::Address6& address : ipv6.Addresses())
      write(Table::Address6, address.rowId, &address, address.ifindex);
    for (const kernel::Rule6& rule : ipv6.Rules()) write(Table::Rule6, rule.rowId, &rule);
    for (const kernel::Route6& route : ipv6.Routes(0)) write(Table::Route6, route.rowId, &route);
    for (const kernel::Neighbour6& neighbour : ipv6.AllNeighbours())
      write(Table::Neighbour6, neighbour.rowId, &neighbour, neighbour.ifindex);
  }
  for (const kernel::Link* link : ns.Links()) {
    if (const kernel::BridgeFdb* fdb =
            link->kind == kernel::LinkKind::Bridge ? ns.FindBridgeFdb(link->ifindex) : nullptr)
      for (const kernel::BridgeFdbEntry* entry : fdb->Sorted())
        write(Table::BridgeFdb, entry->rowId, entry, link->ifindex);
    if (link->kind == kernel::LinkKind::Vxlan)
      for (const kernel::VxlanFdbEntry& entry : ns.AllVxlanFdb(link->ifindex))
        write(Table::VxlanFdb, entry.rowId, &entry, link->ifindex);
    for (const kernel::TunnelPeer& peer : ns.TunnelPeers(link->ifindex))
      write(Table::TunnelPeer, peer.rowId, &peer, link->ifindex);
  }
  for (const kernel::TunnelPeer& peer : ns.TunnelPeers(0)) write(Table::TunnelPeer, peer.rowId, &peer);
  for (const auto& table : ns.netfilter.Tables())
    for (const auto& chain : table->chains)
      for (const kernel::FilterRule& rule : chain->rules)
        if (IsNews(ns.Id(), rule.rowId)) WriteRule(ns, *table, *chain, rule);
  ns.peers = peers;
}

void Recorder::WriteRule(const kernel::Namespace& ns, const kernel::FilterTable& table,
                         const kernel::FilterChain& chain, const kernel::FilterRule& rule) {
  const std::string text = rule.byNft ? fmt::format("nft add rule {} {} {} {}", iproute2::NftFamilyName(table.family),
                                                    table.name, chain.name, iproute2::NftRuleText(table, rule))
                                      : (table.family == kernel::FilterFamily::Ip6 ? "ip6tables " : "") +
                                            (table.name == "filter" ? "" : "-t " + table.name + " ") +
                                            iproute2::FilterRuleLine(chain.name, rule);
  const TableRowChange row{.timeNs = engine::Now().count,
                           .netns = ns.Id().value,
                           .table = Table::Filter,
                           .row = rule.rowId,
                           .version = ns.Version(),
                           .text = text};
  for (TraceSink* sink : m_sinks) sink->TableRow(engine::Now(), row);
}

/// Rows that nobody has told of before a record names them: of very many peers, and rules that iptables has added.
void Recorder::WriteNamedRow(const TraceRecord& record) {
  if (!IsNews(NetnsId(record.netns), record.row)) return;
  const kernel::Namespace& ns = m_simulation.Net().Get(NetnsId(record.netns)).Ns();
  if (record.table == Table::Filter) {
    for (const auto& table : ns.netfilter.Tables())
      for (const auto& chain : table->chains)
        for (const kernel::FilterRule& rule : chain->rules)
          if (rule.rowId == record.row) WriteRule(ns, *table, *chain, rule);
    return;
  }
  auto writeFrom = [&](const auto& rows, int ifindex) {
    for (const auto& row : rows) {
      if (row.rowId != record.row) continue;
      WriteRow(ns, {TableChange::Op::Add, record.table, row.rowId, 0, &row, ifindex});
      return;
    }
  };
  switch (record.table) {
    case Table::Route:
      return writeFrom(ns.peers->Routes(), 0);
    case Table::Neighbour:
      return writeFrom(ns.peers->Neighbours(), 0);
    case Table::Route6:
      return writeFrom(ns.peers->Routes6(), 0);
    case Table::Neighbour6:
      return writeFrom(ns.peers->Neighbours6(), 0);
    case Table::VxlanFdb:
      for (const kernel::Link* link : ns.Links())
        if (link->kind == kernel::LinkKind::Vxlan) writeFrom(ns.peers->VxlanFdbEntries(link->ifindex), link->ifindex);
      return;
    case Table::TunnelPeer:
      writeFrom(ns.peers->TunnelPeers(0), 0);
      for (const kernel::Link* link : ns.Links()) writeFrom(ns.peers->TunnelPeers(link->ifindex), link->ifindex);
      return;
    default:
      return;
  }
}

// ------------------------------------------------------------------------------------------------ packets

void Recorder::OnRecord(const TraceRecord& record, const HeaderChange& change, bool isOfSample) {
  if (!m_log) m_account.Add(record, change);
  if (m_simulation.Net().samplesRecords) {
    if (!isOfSample) return;
    m_sampled.insert(record.journey);  // another rank may have made it
    if (m_told.insert(record.netns).second) TellOf(m_simulation.Net().Get(NetnsId(record.netns)));
  }
  const bool isNamed = (record.row & kPeerRowBit) || (record.row != 0 && record.table == Table::Filter);
  if (isNamed && !m_sinks.empty()) WriteNamedRow(record);
  for (TraceSink* sink : m_sinks) sink->Append(record, change);
}

bool Recorder::TakesRepeated() const { return !m_log && !m_account.FollowsAny() && !m_simulation.Net().samplesRecords; }

void Recorder::OnRepeated(const std::shared_ptr<RecordTemplate>& records, const RecordTemplate::Packet& packet) {
  for (uint64_t* counter : records->raisedOnce) ++*counter;
  if (m_trace) m_trace->Append(records, packet);
}

/// What a packet of the sample causes belongs to it too.
bool Recorder::IsSampled(uint64_t journey, uint32_t flow, uint64_t cause) {
  const bool isSampled = (cause != 0 && m_sampled.contains(cause)) || m_simulation.Plan().recorded.Has(journey, flow);
  if (isSampled) m_sampled.insert(journey);
  return isSampled;
}

/// Among several ranks, one that no other gives; the one that it stands for is known when all are put together.
uint32_t Recorder::NextPacket(uint64_t journey) {
  const uint32_t count = ++m_packets[journey];
  OVERLAYSIM_CHECK(!m_log || count >> kRankShift == 0, "{} copies of one packet", count);
  const uint32_t number = m_firstPacket + count;
  if (m_log) m_log->NewPacket(journey, number);
  return number;
}

void Recorder::OnFrame(const host::Stack& stack, const kernel::Link& link, const wire::Frame& frame, bool outgoing) {
  auto captures = m_captures.find(stack.Id());
  if (captures == m_captures.end()) return;
  std::string comment;
  const std::span<const uint8_t> bytes{frame.Data(), frame.Size()};
  for (const Capture& capture : captures->second) {
    if (capture.point->device != link.name || !capture.filter.Matches(bytes)) continue;
    if (comment.empty()) comment = Comment(stack, frame);
    m_packetFile->Write({.interface = capture.interface,
                         .time = engine::Now(),
                         .bytes = bytes,
                         .direction = outgoing ? CaptureDirection::Outbound : CaptureDirection::Inbound,
                         .comment = comment});
    if (m_order) m_order->Write(m_simulation.CurrentOrder());
    FlushNowAndThen();
  }
}

void Recorder::FlushNowAndThen() {
  if (++m_sinceFlush < kFlushEach) return;
  m_sinceFlush = 0;
  if (m_packetFile) m_packetFile->Flush();
  if (m_order) m_order->Flush();
}

std::string Recorder::Comment(const host::Stack& stack, const wire::Frame& frame) {
  const std::string journey = frame.journey != 0 ? JourneyName(frame.journey, NameOf(JourneyMaker(frame.journey))) : "";
  const auto ends = InnermostEnds(frame.Data(), frame.Size(), m_vxlanPorts);
  if (!ends) return journey.empty() ? NameOf(stack.Id()) : journey;
  return fmt::format("{} → {}, {}{}", NameOf(ends->from), NameOf(ends->to), journey,
                     frame.sealed ? ", payload encrypted: opaque bytes stand for it" : "");
}

const std::string& Recorder::NameOf(Ipv4Address address) {
  auto [it, isNew] = m_namesByAddress.try_emplace(address.value);
  if (isNew) {
    const NetnsId netns = m_simulation.Plan().FindByAddress(address);
    it->second = netns.IsNone() ? address.ToString() : NameOf(netns);
  }
  return it->second;
}

const std::string& Recorder::NameOf(NetnsId netns) {
  auto [it, isNew] = m_namesById.try_emplace(netns.value);
  if (isNew) it->second = m_simulation.Net().NameOf(netns);
  return it->second;
}

}  // namespace overlaysim
