// Internet group management, version 3 (net/ipv4/igmp.c; RFC 3376): what a host says of the groups that its vxlan
// devices join and leave on the underlay. Queries are not answered: nothing here sends any. A run begins with all
// reported.

#include <algorithm>
#include <cstring>

#include "models/engine/engine.h"
#include "models/host/stack.h"
#include "models/host/stack_inline.h"
#include "models/wire/checksum.h"

namespace overlaysim::host {

namespace {

constexpr Ipv4Address kAllIgmpv3Routers{0xe0000016};
constexpr uint8_t kReport = 0x22;
constexpr uint8_t kChangeToInclude = 3, kChangeToExclude = 4;  // without sources: left, joined
constexpr uint32_t kReportBytes = 8, kRecordBytes = 8;         // without sources
constexpr uint8_t kRouterAlert[] = {148, 4, 0, 0};
constexpr uint32_t kHeaderBytes = wire::kIpv4HeaderBytes + sizeof kRouterAlert;
constexpr uint8_t kInternetControl = 0xc0;
constexpr uint32_t kReports = 2;  // net.ipv4.igmp_qrv
constexpr Nanoseconds kFirstDelay = Milliseconds(8);
// A changed state is reported again after a random part of a second (igmpv3_unsolicited_report_interval); the middle
// of it here.
constexpr Nanoseconds kNextDelay = Milliseconds(500);

}  // namespace

/// The groups that vxlan devices are in, by underlay device: each in its own while it is up.
std::set<std::pair<int, Ipv4Address>> Stack::IgmpGroups() const {
  std::set<std::pair<int, Ipv4Address>> groups;
  for (const kernel::Link* link : m_ns->Links()) {
    const kernel::VxlanOptions& vxlan = link->vxlan;
    if (link->kind == kernel::LinkKind::Vxlan && link->adminUp && vxlan.remote.IsV4() && vxlan.remote.IsMulticast())
      groups.insert({vxlan.lowerIfindex, vxlan.remote.V4()});
  }
  return groups;
}

/// ip_mc_join_group() and ip_mc_leave_group(), by vxlan_open(), vxlan_stop() and vxlan_changelink().
void Stack::IgmpFollow() {
  const auto groups = IgmpGroups();
  if (groups == m_igmpGroups) return;
  const auto before = std::exchange(m_igmpGroups, groups);
  for (const auto& [ifindex, group] : before)
    if (!groups.count({ifindex, group})) IgmpChanged(ifindex, group, false);
  for (const auto& [ifindex, group] : groups)
    if (!before.count({ifindex, group})) IgmpChanged(ifindex, group, true);
}

/// igmp_ifc_event().
void Stack::IgmpChanged(int ifindex, Ipv4Address group, bool joined) {
  auto& pending = m_igmpPending[ifindex];
  const bool isArmed = !pending.empty();
  std::erase_if(pending, [&](const IgmpPending& p) { return p.group == group; });
  pending.push_back({group, joined, kReports});
  if (!isArmed) After(kFirstDelay, [this, ifindex] { IgmpTimer(ifindex); });
}

/// igmpv3_send_cr() and igmpv3_sendpack().
void Stack::IgmpTimer(int ifindex) {
  auto& pending = m_igmpPending[ifindex];
  const kernel::Link* link = m_ns->GetLink(ifindex);
  if (!link || !link->adminUp) return pending.clear();
  const RouteOut out = RouteOutput({.destination = kAllIgmpv3Routers, .tos = kInternetControl, .oif = ifindex});
  if (out.error != 0) return pending.clear();
  const uint32_t bytes = kReportBytes + kRecordBytes * static_cast<uint32_t>(pending.size());
  wire::FramePtr packet = wire::MakeFrame(kHeaderBytes + bytes);
  StartJourney(*packet, 0);
  uint8_t* p = packet->Data();
  std::memcpy(p + wire::kIpv4HeaderBytes, kRouterAlert, sizeof kRouterAlert);
  wire::WriteIpv4(p, {.tos = kInternetControl,
                      .totalBytes = static_cast<uint16_t>(kHeaderBytes + bytes),
                      .identification = 0,
                      .fragmentField = wire::kIpDf,
                      .ttl = 1,
                      .protocol = wire::kIpProtoIgmp,
                      .source = out.source,
                      .destination = kAllIgmpv3Routers});
  p[0] = 0x40 | kHeaderBytes / 4;
  wire::Ipv4{p}.FillChecksum();
  uint8_t* report = p + kHeaderBytes;
  std::memset(report, 0, bytes);
  report[0] = kReport;
  wire::Put16(report + 6, static_cast<uint32_t>(pending.size()));
  for (size_t i = 0; i < pending.size(); ++i) {
    uint8_t* record = report + kReportBytes + i * kRecordBytes;
    record[0] = pending[i].joined ? kChangeToExclude : kChangeToInclude;
    wire::Put32(record + 4, pending[i].group.value);
  }
  wire::Put16(report + 2, wire::Checksum(report, bytes));
  for (IgmpPending& change : pending) --change.left;
  std::erase_if(pending, [](const IgmpPending& change) { return change.left == 0; });
  if (!pending.empty()) After(kNextDelay, [this, ifindex] { IgmpTimer(ifindex); });
  Trace(Stage::Send, Verdict::Continue, *packet, ifindex);
  Count(kernel::Snmp::IpOutRequests);
  Ipv4LocalOut(std::move(packet), out);
}

}  // namespace overlaysim::host
