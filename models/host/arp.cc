// ARP (net/ipv4/arp.c).

#include <algorithm>

#include "models/engine/engine.h"
#include "models/host/stack.h"
#include "models/host/stack_inline.h"

namespace overlaysim::host {
namespace {

constexpr Nanoseconds kLockTime = Seconds(1);  // net.ipv4.neigh.*.locktime: 100 ticks of USER_HZ

}  // namespace

void Stack::ArpSend(uint16_t operation, kernel::Link& link, Ipv4Address targetIp, Ipv4Address senderIp,
                    const MacAddress& ethernetTo, const MacAddress& targetMac, uint64_t cause) {
  if (link.noArp) return;
  wire::FramePtr frame = wire::MakeFrame(wire::kEthernetHeaderBytes + wire::kArpBytes);
  StartJourney(*frame, cause);
  frame->protocol = wire::kEtherTypeArp;
  wire::Ethernet{frame->Data()}.Write(ethernetTo, link.address, wire::kEtherTypeArp);
  wire::Arp{frame->Data() + wire::kEthernetHeaderBytes}.Write(operation, link.address, senderIp, targetMac, targetIp);
  Trace(Stage::Send, Verdict::Continue, *frame, link.ifindex);
  Transmit(link.ifindex, std::move(frame));
}

/// arp_solicit(): `waiting` is the newest packet that waits for the answer, if any does.
void Stack::ArpSolicit(kernel::Link& link, const kernel::Neighbour& entry, const wire::Frame* waiting, bool unicast) {
  const uint8_t announce = std::max(m_ns->allConf.arpAnnounce, m_ns->GetConf(entry.ifindex).arpAnnounce);
  Ipv4Address source;
  if (waiting && announce < 2) {
    const Ipv4Address from = wire::Ipv4{const_cast<uint8_t*>(waiting->Data())}.Source();
    bool usable = m_ns->IsLocalAddress(from);
    if (usable && announce == 1)  // only if it is in a subnet of the device that has the target
      usable = std::any_of(m_ns->Addresses().begin(), m_ns->Addresses().end(), [&](const kernel::Address& a) {
        return a.ifindex == entry.ifindex && a.Subnet().Contains(from) && a.Subnet().Contains(entry.ip);
      });
    if (usable) source = from;
  }
  if (source.IsZero()) source = m_ns->SelectAddress(entry.ifindex, entry.ip, kernel::kScopeLink);
  ArpSend(wire::kArpRequest, link, entry.ip, source, unicast ? entry.mac : MacAddress::Broadcast(), MacAddress{},
          waiting ? waiting->journey : 0);
}

/// What ArpReceive() would do of such a question, as long as that is nothing but counting it.
bool Stack::ArpCountUnheard(int ifindex, const ArpQuestion& question) {
  kernel::Link* link = m_ns->GetLink(ifindex);
  if (!link || !link->adminUp || link->noArp || link->master != 0 || IsCaptured(ifindex) || m_ns->programs ||
      !m_packetSockets.empty() || question.frameBytes > link->mtu + wire::kEthernetHeaderBytes)
    return false;
  const auto& conf = m_ns->GetConf(ifindex);
  if (conf.proxyArp || conf.proxyArpPvlan || m_ns->allConf.proxyArp || m_ns->allConf.proxyArpPvlan ||
      m_ns->MayBeLocal(question.target))
    return false;
  // NeighbourLearn() of something stale changes nothing where the same is known.
  const kernel::Neighbour* sender = m_ns->Neighbours().Find(ifindex, question.sender);
  if (sender && !(kernel::NudHasAddress(sender->state) && sender->mac == question.senderMac)) return false;
  ++link->stats.rxPackets;
  link->stats.rxBytes += question.frameBytes;
  return true;
}

/// arp_rcv() and arp_process().
void Stack::ArpReceive(kernel::Link& link, wire::FramePtr frame) {
  auto done = [&](Verdict verdict, Row row = {}) {
    Finish(Stage::ArpProcess, verdict, std::move(frame), link.ifindex, row);
  };
  if (link.noArp || link.kind == kernel::LinkKind::Loopback) return done(Verdict::Consumed);
  if (frame->type == wire::PacketType::OtherHost) return done(Verdict::Consumed);
  if (frame->Size() < wire::kEthernetHeaderBytes + wire::kArpBytes) return done(Verdict::ArpTooShort);
  const wire::Arp arp{frame->Data() + wire::kEthernetHeaderBytes};
  const uint16_t operation = arp.Operation();
  if (!arp.IsIpv4OverEthernet()) return done(Verdict::ArpMalformed);
  if (operation != wire::kArpRequest && operation != wire::kArpReply) return done(Verdict::ArpIgnored);
  const Ipv4Address sip = arp.SenderIp(), tip = arp.TargetIp();
  const MacAddress sha = arp.SenderMac();
  const auto& conf = m_ns->GetConf(link.ifindex);
  if (tip.IsMulticast() || (tip.IsLoopback() && !conf.routeLocalnet && !m_ns->allConf.routeLocalnet))
    return done(Verdict::ArpIgnored);
  if (sip == tip && (conf.dropGratuitousArp || m_ns->allConf.dropGratuitousArp)) return done(Verdict::ArpIgnored);
  const uint64_t cause = frame->journey;

  auto isLocal = [&] { return m_ns->IsLocalAddress(tip); };
  auto mayAnswer = [&] {  // arp_ignore(): whether the target address counts on this device
    const uint8_t ignore = std::max(conf.arpIgnore, m_ns->allConf.arpIgnore);
    if (ignore == 8) return false;
    if (ignore < 1 || ignore > 3) return true;
    return std::any_of(m_ns->Addresses().begin(), m_ns->Addresses().end(), [&](const kernel::Address& a) {
      if (a.local != tip) return false;
      if (ignore == 3) return a.scope <= kernel::kScopeLink;
      return a.ifindex == link.ifindex && (ignore == 1 || a.Subnet().Contains(sip));
    });
  };
  auto learnFromRequest = [&] {  // neigh_event_ns()
    kernel::Neighbour* entry = m_ns->Neighbours().Find(link.ifindex, sip);
    NeighbourLearn(entry ? *entry : NeighbourCreate(link.ifindex, sip),
                   {.mac = sha, .state = kernel::NudState::Stale, .override = true});
  };

  if (sip.IsZero()) {  // duplicate address detection of another host (RFC 5227)
    if (operation == wire::kArpRequest && isLocal() && mayAnswer())
      ArpSend(wire::kArpReply, link, sip, tip, sha, sha, cause);
    return done(Verdict::Consumed);
  }
  const bool mayProxy =
      conf.forwarding && (conf.proxyArp || conf.proxyArpPvlan || m_ns->allConf.proxyArp || m_ns->allConf.proxyArpPvlan);
  if (operation == wire::kArpRequest && (mayProxy || m_ns->MayBeLocal(tip))) {
    // ip_route_input(tip, sip): a sender that is one of our own addresses, or a martian, gets no answer
    const bool sane = !tip.IsZero() && !sip.IsMulticast() && !sip.IsLimitedBroadcast() && !sip.IsLoopback() &&
                      !m_ns->IsLocalAddress(sip) && ValidateSource(link, sip, tip, 0, 0, 0) == Verdict::Continue;
    kernel::RouteAnswer route = m_ns->Lookup({.dst = tip, .src = sip, .iif = link.ifindex});
    if (sane && route.error == 0 && route.route.type == kernel::RouteType::Local) {
      if (mayAnswer()) {
        learnFromRequest();
        ArpSend(wire::kArpReply, link, sip, tip, sha, sha, cause);
      }
      return done(Verdict::Consumed);
    }
    const bool isHere = route.nextHop.ifindex == link.ifindex;  // arp_fwd_pvlan() or arp_fwd_proxy()
    const bool proxy = isHere ? sip != tip && (conf.proxyArpPvlan || m_ns->allConf.proxyArpPvlan)
                              : conf.proxyArp || m_ns->allConf.proxyArp;
    if (sane && route.error == 0 && mayProxy && route.route.type == kernel::RouteType::Unicast && proxy) {
      learnFromRequest();
      const Nanoseconds delay = m_ns->Parms(link.ifindex).proxyDelay;
      if (frame->type == wire::PacketType::Host || delay.count == 0) {
        ArpSend(wire::kArpReply, link, sip, tip, sha, sha, cause);
      } else {  // pneigh_enqueue(): after a random part of proxy_delay; the middle of it here
        After({delay.count / 2}, [this, ifindex = link.ifindex, sip, tip, sha, cause] {
          if (kernel::Link* at = m_ns->GetLink(ifindex)) ArpSend(wire::kArpReply, *at, sip, tip, sha, sha, cause);
        });
      }
      return done(Verdict::Consumed);
    }
  }
  kernel::Neighbour* entry = m_ns->Neighbours().Find(link.ifindex, sip);
  const bool gratuitous = sip == tip;
  if (!entry && (gratuitous || operation == wire::kArpReply) && (conf.arpAccept || m_ns->allConf.arpAccept) &&
      m_ns->Lookup({.dst = sip}).error == 0)
    entry = &NeighbourCreate(link.ifindex, sip);
  if (entry) {
    // Broadcast answers and requests do not prove that the neighbour can be reached.
    const bool proof = operation == wire::kArpReply && frame->type == wire::PacketType::Host;
    const bool override = engine::Now() > entry->updated + kLockTime || gratuitous;
    const uint32_t rowId = entry->rowId;
    NeighbourLearn(
        *entry,
        {.mac = sha, .state = proof ? kernel::NudState::Reachable : kernel::NudState::Stale, .override = override});
    return done(Verdict::Consumed, {kernel::Table::Neighbour, rowId});
  }
  done(Verdict::Consumed);
}

}  // namespace overlaysim::host
