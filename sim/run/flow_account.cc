#include "sim/run/flow_account.h"

#include "sim/run/journey.h"

namespace overlaysim {

void FlowAccount::Add(const TraceRecord& record, const HeaderChange& change) {
  if (record.flow >= m_plan.workloads.size()) return;  // nobody's traffic
  if (record.verdict == Verdict::Flooded || (record.packet != 0 && record.stage == Stage::Receive))
    m_copied.insert(record.journey);
  const auto isProbe = [&] { return m_plan.workloads[record.flow].isProbe; };
  if (record.verdict == Verdict::Fragmented && !isProbe()) ++m_fragmented;
  if (IsDrop(record.verdict) && !(record.verdict == Verdict::OtherHost && m_copied.contains(record.journey))) {
    m_lossesByFlow[record.flow].Add(record.verdict);
    if (!isProbe()) m_losses.Add(record.verdict);
    if (keepLosses && !isProbe())
      m_allLosses.push_back({{record.timeNs}, NetnsId(record.netns), static_cast<int>(record.ifindex), record.verdict});
  }
  if (uint64_t* crossing = CrossingOf(record, change)) ++*crossing;
  if (m_followed.empty()) return;
  if (auto followed = m_followed.find(record.flow); followed != m_followed.end())
    AddToJourney(followed->second, record);
}

uint64_t* FlowAccount::CrossingOf(const TraceRecord& record, const HeaderChange& change) {
  if (record.stage != Stage::Encapsulate || record.verdict != Verdict::Continue || change.after.empty() ||
      record.flow >= m_plan.workloads.size() || m_plan.workloads[record.flow].isProbe)
    return nullptr;
  const auto added = static_cast<uint32_t>(change.after.size());
  const bool isAnswer = JourneyMaker(record.journey) != m_plan.workloads[record.flow].from;
  const uint8_t* outer = change.after.data();
  const bool isV6 = outer[0] >> 4 == 6;
  const uint32_t outerIpBytes = isV6 ? wire::kIpv6HeaderBytes : (outer[0] & 0xfu) * 4;
  Crossing crossing{.isAnswer = isAnswer,
                    .innerBytes = record.sizeBytes - added,
                    .outerIpBytes = outerIpBytes,
                    .addedBytes = added,
                    .isV6 = isV6,
                    .hasUdp = outer[isV6 ? 6 : 9] == wire::kIpProtoUdp};
  if (!change.before.empty()) {  // encrypted: the inner IPv4 header says how much of the rest is the packet
    constexpr uint32_t kEncryptionBytes = 16;  // WireGuard's header; ESP's with AES-GCM's IV
    crossing.innerBytes = wire::Ipv4{const_cast<uint8_t*>(change.before.data())}.TotalBytes();
    crossing.addedBytes = outerIpBytes + (crossing.hasUdp ? wire::kUdpHeaderBytes : 0) + kEncryptionBytes;
    crossing.trailerBytes = record.sizeBytes - crossing.addedBytes - crossing.innerBytes;
    crossing.isEsp = !crossing.hasUdp || wire::Get16(outer + outerIpBytes + 2) == wire::kNatTraversalPort;
  }
  if (crossing.IsVxlan())  // Geneve has its protocol where VXLAN has zeros
    crossing.isGeneve =
        wire::Get16(&change.after[outerIpBytes + wire::kUdpHeaderBytes + 2]) == wire::Geneve::kProtocolEthernet;
  if (!crossing.IsVxlan()) crossing.innerBytes += wire::kEthernetHeaderBytes;  // others carry the packet without it
  return &m_crossings[crossing];
}

void FlowAccount::AddToJourney(Journeys& journeys, const TraceRecord& record) const {
  auto [it, isNew] = journeys.try_emplace(record.journey);
  Journey& journey = it->second;
  if (isNew) {
    journey.maker = JourneyMaker(record.journey);
    journey.made = {record.timeNs};
    journey.cause = record.cause;
  }
  if (journey.way.empty() || journey.way.back().value != record.netns) journey.way.emplace_back(record.netns);
  if (record.stage != Stage::LocalDeliver || FateOf(record.verdict) != Fate::Arrived || journey.arrived) return;
  journey.arrived = {record.timeNs};
  auto cause = journeys.find(journey.cause);
  if (cause == journeys.end() || cause->second.maker.value != record.netns || cause->second.answered) return;
  cause->second.answered = {record.timeNs};
}

const VerdictCounts* FlowAccount::LossesOf(FlowId flow) const {
  auto it = m_lossesByFlow.find(flow.value);
  return it == m_lossesByFlow.end() ? nullptr : &it->second;
}

}  // namespace overlaysim
