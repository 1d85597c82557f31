// Multicast listener discovery, version 2 (net/ipv6/mcast.c; RFC 3810): what a host says of the groups that it joins
// and leaves. Queries are not answered: nothing here sends any.

#include <algorithm>
#include <cstring>

#include "models/engine/engine.h"
#include "models/host/stack.h"
#include "models/host/stack_inline.h"
#include "models/wire/checksum.h"

namespace overlaysim::host {

namespace {

constexpr uint8_t kChangeToInclude = 3, kChangeToExclude = 4;  // without sources: left, joined
constexpr uint32_t kRecordBytes = 20;                          // without sources
constexpr uint32_t kRouterAlertBytes = 8;
// A changed state is reported again after a random part of this (unsolicited_report_interval); the middle of it here.
constexpr Nanoseconds kUnsolicitedReportInterval = Seconds(1);

}  // namespace

/// mld_ifc_event(): reported `times` times, with whatever else has changed on the device until then.
void Stack::MldChanged(int ifindex, const Ipv6Address& group, bool joined, uint32_t times) {
  const kernel::Link* link = m_ns->GetLink(ifindex);
  if (!link || link->kind == kernel::LinkKind::Loopback) return;
  if (group == Ipv6Address::AllNodes() || group.MulticastScope() < 2) return;  // MAF_NOREPORT
  auto& pending = m_mldPending[ifindex];
  const bool isArmed = !pending.empty();
  std::erase_if(pending, [&](const MldPending& p) { return p.group == group; });
  pending.push_back({group, joined, times != 0 ? times : m_ns->Ipv6().mldQrv});
  if (!isArmed) After({}, [this, ifindex] { MldTimer(ifindex); });
}

/// mld_send_cr() and mld_sendpack().
void Stack::MldTimer(int ifindex) {
  auto& pending = m_mldPending[ifindex];
  kernel::Link* link = m_ns->GetLink(ifindex);
  if (!link || !m_ns->Ipv6().IsReady(ifindex)) return pending.clear();
  const uint32_t bytes = 8 + kRecordBytes * static_cast<uint32_t>(pending.size());
  wire::FramePtr packet = wire::MakeFrame(wire::kIpv6HeaderBytes + kRouterAlertBytes + bytes);
  StartJourney(*packet, 0);
  packet->iif = ifindex;  // what POSTROUTING takes for the device that it came by
  uint8_t* p = packet->Data();
  const Ipv6Address source = m_ns->Ipv6().LinkLocalAddress(ifindex).value_or(Ipv6Address{});
  const Ipv6Address destination = Ipv6Address::AllMldv2Routers();
  wire::WriteIpv6(p, {.payloadBytes = static_cast<uint16_t>(kRouterAlertBytes + bytes),
                      .nextHeader = wire::kIpProtoHopByHop,
                      .hopLimit = 1,
                      .source = source,
                      .destination = destination});
  constexpr uint8_t kRouterAlert[kRouterAlertBytes] = {wire::kIpProtoIcmpv6, 0, 5, 2, 0, 0, 1, 0};
  std::memcpy(p + wire::kIpv6HeaderBytes, kRouterAlert, kRouterAlertBytes);
  uint8_t* report = p + wire::kIpv6HeaderBytes + kRouterAlertBytes;
  std::memset(report, 0, bytes);
  report[0] = wire::kIcmpv6Mldv2Report;
  wire::Put16(report + 6, static_cast<uint32_t>(pending.size()));
  for (size_t i = 0; i < pending.size(); ++i) {
    uint8_t* record = report + 8 + i * kRecordBytes;
    record[0] = pending[i].joined ? kChangeToExclude : kChangeToInclude;
    wire::PutIpv6(record + 4, pending[i].group);
  }
  const uint64_t pseudo = wire::PseudoHeaderSum(source, destination, wire::kIpProtoIcmpv6, bytes);
  wire::Put16(report + 2, wire::ChecksumFold(wire::ChecksumAdd(report, bytes, pseudo)));
  for (MldPending& change : pending) --change.left;
  std::erase_if(pending, [](const MldPending& change) { return change.left == 0; });
  if (!pending.empty()) After({kUnsolicitedReportInterval.count / 2}, [this, ifindex] { MldTimer(ifindex); });
  Trace(Stage::Send, Verdict::Continue, *packet, ifindex);
  Count(kernel::Snmp::Ip6OutRequests);
  CountIcmpv6Out(wire::kIcmpv6Mldv2Report);
  RouteOut6 out;
  out.answer.nextHop.ifindex = ifindex;
  Ipv6LocalOut(std::move(packet), out);
}

}  // namespace overlaysim::host
