#include "models/host/stack.h"

#include "models/engine/engine.h"
#include "models/host/seen_head.h"
#include "models/host/wireguard.h"

namespace overlaysim::host {

Stack::Stack(Network& network, std::unique_ptr<kernel::Namespace> ns, Backlog& backlog)
    : m_network(network),
      m_ns(std::move(ns)),
      m_backlog(backlog),
      m_natPorts(network.seed, "nat-ports/" + m_ns->Name()) {
  m_onwardChange = std::move(m_ns->onChange);
  m_ns->onChange = [this](const kernel::TableChange& change) {
    m_backlog.flows->Invalidate();
    if (m_onwardChange) m_onwardChange(change);
    if (change.table == kernel::Table::Neighbour) NeighbourTableChanged<Ipv4Address>(change);
    if (change.table == kernel::Table::Neighbour6) NeighbourTableChanged<Ipv6Address>(change);
    if (change.table == kernel::Table::Link && change.op != kernel::TableChange::Op::Delete)
      LinkTableChanged(*static_cast<const kernel::Link*>(change.row));
    if (change.table == kernel::Table::Link)
      WireguardChanged(*static_cast<const kernel::Link*>(change.row), change.op != kernel::TableChange::Op::Delete);
  };
  StartIpv6();
  StartWireguard();
  m_igmpGroups = IgmpGroups();
}
Stack::~Stack() = default;

void Stack::Trace(Stage stage, Verdict verdict, const wire::Frame& frame, int ifindex, Row row) {
  if (!Tracing(frame)) return;
  TraceRecord record;
  record.timeNs = engine::Now().count;
  record.journey = frame.journey;
  record.cause = stage == Stage::Send ? frame.cause : 0;
  record.packet = frame.packet;
  record.flow = frame.flow;
  record.netns = Id().value;
  record.ifindex = static_cast<uint32_t>(ifindex);
  record.sizeBytes = frame.Size();
  record.row = row.id;
  record.tableVersion = row.id != 0 ? m_ns->Version() : 0;
  record.stage = stage;
  record.verdict = verdict;
  record.table = row.table;
  const HeaderChange change = FindHeadChange(frame);
  m_network.observer->OnRecord(record, change, frame.isRecorded);
  if (m_backlog.flows->IsWatching()) m_backlog.flows->Recorded(record, change);
  RememberHead(frame);
}

void Stack::Refuse(Stage stage, Verdict verdict, wire::FramePtr frame, int ifindex) {
  ++m_refusedFrames[ifindex];
  Finish(stage, verdict, std::move(frame), ifindex);
}

uint64_t Stack::RefusedFrames(int ifindex) const {
  auto it = m_refusedFrames.find(ifindex);
  return it == m_refusedFrames.end() ? 0 : it->second;
}

void Stack::CountEnd(Verdict verdict) {
  ++m_endedPackets;
  ++m_network.verdicts[static_cast<size_t>(verdict)];
}

void Stack::EndRun() {
  auto end = [this](wire::FramePtr frame, int ifindex) {
    Finish(Stage::RunEnd, Verdict::Unfinished, std::move(frame), ifindex);
  };
  for (auto& [key, queue] : m_neighbourQueues)
    for (wire::FramePtr& frame : queue.frames) end(std::move(frame), key.first);
  m_neighbourQueues.clear();
  for (auto& [ifindex, device] : m_wireguard) device->EndRun();
  for (auto& [key, queue] : m_reassembly.queues)
    for (ReassemblyQueue::Piece& piece : queue.pieces) end(std::move(piece.frame), queue.iif);
  m_reassembly.queues.clear();
}

void Stack::Finish(Stage stage, Verdict verdict, wire::FramePtr frame, int ifindex, Row row) {
  CountEnd(verdict);
  if (frame->connection != 0) m_ns->conntrack.ForgetUnconfirmed(frame->connection);
  if (IsDrop(verdict)) {
    auto& drops = m_network.kernelDrops;
    const uint16_t type = frame->protocol;
    const bool isTold =
        type == 0 || type == wire::kEtherTypeIpv4 || type == wire::kEtherTypeArp || type == wire::kEtherTypeIpv6;
    const Network::Drop key{stage, verdict, isTold ? type : Network::kOtherProtocol};
    auto it = std::find_if(drops.begin(), drops.end(), [&](const auto& d) { return d.first == key; });
    if (it == drops.end()) it = drops.insert(it, {key, 0});
    ++it->second;
  }
  Trace(stage, verdict, *frame, ifindex, row);
}

wire::FramePtr Stack::Copy(const wire::Frame& frame) {
  wire::FramePtr copy = wire::CloneFrame(frame);
  ++m_madePackets;
  if (Tracing(frame)) copy->packet = m_network.observer->NextPacket(frame.journey);
  return copy;
}

wire::FramePtr Stack::Derive(const wire::Frame& of, uint32_t size) {
  wire::FramePtr derived = wire::MakeFrameLike(of, size);
  ++m_madePackets;
  if (Tracing(of)) derived->packet = m_network.observer->NextPacket(of.journey);
  return derived;
}

void Stack::StartJourney(wire::Frame& frame, uint64_t cause) {
  ++m_madePackets;
  frame.isRecorded = SamplesNext(frame.flow, cause);
  frame.journey = NewJourney();
  frame.cause = cause;
}

}  // namespace overlaysim::host
