#include "gui/replay/seen_traffic.h"

#include <algorithm>

#include "models/wire/headers.h"

namespace overlaysim::replay {
namespace {

constexpr uint16_t kGenevePort = 6081, kVxlanPort = 4789, kLinuxVxlanPort = 8472;

/// Of an old plan only the port tells what stands behind UDP.
bool HasVni(const Device* device, uint16_t port) {
  if (device && !device->kind.empty()) return device->kind == "vxlan" || device->kind == "geneve";
  return port == kGenevePort || port == kVxlanPort || port == kLinuxVxlanPort;
}

}  // namespace

void SeenTraffic::Note(const TraceRecord& record, const HeaderChange& change) {
  if (record.stage == Stage::Encapsulate && FateOf(record.verdict) == Fate::Ongoing) {
    NoteTunnel(record, change);
  } else if (record.stage == Stage::LocalDeliver && FateOf(record.verdict) == Fate::Arrived) {
    const auto from = static_cast<uint32_t>(record.journey >> 32) - 1;  // how the simulation numbers journeys
    if (record.journey >> 32 == 0 || from >= m_topology->netns.size() || record.netns >= m_topology->netns.size() ||
        from == record.netns)
      return;
    const uint64_t ends = uint64_t{from} << 32 | record.netns;
    if (m_flows.size() < kMost || m_flows.count(ends) > 0) ++m_flows[ends];
  }
}

void SeenTraffic::NoteTunnel(const TraceRecord& record, const HeaderChange& change) {
  std::vector<uint8_t> head(change.after.begin(), change.after.end());
  if (head.size() < wire::kIpv4HeaderBytes || record.netns >= m_topology->netns.size()) return;
  IpAddress remote;
  uint8_t protocol = 0;
  size_t length = 0;
  if (head[0] >> 4 == 4) {
    const wire::Ipv4 ip{head.data()};
    remote = ip.Destination();
    protocol = head[9];
    length = size_t{head[0] & 0xfu} * 4;
  } else if (head[0] >> 4 == 6 && head.size() >= wire::kIpv6HeaderBytes) {
    remote = wire::Ipv6{head.data()}.Destination();
    protocol = head[6];
    length = wire::kIpv6HeaderBytes;
  }
  const uint32_t to = m_topology->OwnerOf(remote);
  if (to == Topology::kNone || to == record.netns) return;
  std::optional<uint32_t> vni;
  if (protocol == wire::kIpProtoUdp && head.size() >= length + wire::kUdpHeaderBytes + wire::kVxlanHeaderBytes &&
      HasVni(m_topology->netns[record.netns].Find(record.ifindex), wire::Udp{head.data() + length}.DestinationPort()))
    vni = wire::Vxlan{head.data() + length + wire::kUdpHeaderBytes}.Vni();  // Geneve has it at the same place
  const std::tuple key{record.netns, to, vni};
  if (m_tunnels.size() < kMost || m_tunnels.count(key) > 0) ++m_tunnels[key];
}

std::vector<SeenTunnel> SeenTraffic::Tunnels() const {
  std::vector<SeenTunnel> out;
  for (const auto& [key, packets] : m_tunnels)
    out.push_back({std::get<0>(key), std::get<1>(key), std::get<2>(key), packets});
  return out;
}

std::vector<SeenFlow> SeenTraffic::Flows() const {
  std::vector<SeenFlow> out;
  for (const auto& [ends, packets] : m_flows)
    out.push_back({static_cast<uint32_t>(ends >> 32), static_cast<uint32_t>(ends), packets});
  std::sort(out.begin(), out.end(),
            [](const SeenFlow& a, const SeenFlow& b) { return std::pair(a.from, a.to) < std::pair(b.from, b.to); });
  return out;
}

}  // namespace overlaysim::replay
