// Neighbour discovery (net/ipv6/ndisc.c) and duplicate address detection (net/ipv6/addrconf.c).

#include <algorithm>
#include <cstring>

#include "models/engine/engine.h"
#include "models/host/stack.h"
#include "models/host/stack_inline.h"
#include "models/wire/checksum.h"

namespace overlaysim::host {

using kernel::NudState;
using kernel::Snmp;
using Message = wire::NeighbourMessage;

namespace {

constexpr uint32_t kOptionUnit = 8;  // lengths of options count in it

/// The link-layer address option of that type, as ndisc_parse_options() finds it; false: the options are malformed.
bool FindLinkAddress(const uint8_t* options, uint32_t bytes, uint8_t type, std::optional<MacAddress>& found) {
  while (bytes > 0) {
    if (bytes < 2) return false;
    const uint32_t length = options[1] * kOptionUnit;
    if (length == 0 || length > bytes) return false;
    if (options[0] == type && !found) found = wire::GetMac(options + 2);
    options += length;
    bytes -= length;
  }
  return true;
}

void AppendLinkAddress(std::vector<uint8_t>& message, uint8_t type, const MacAddress& mac) {
  message.insert(message.end(), {type, 1});
  message.insert(message.end(), mac.bytes.begin(), mac.bytes.end());
}

std::vector<uint8_t> NewMessage(uint8_t type, uint8_t flags, const Ipv6Address& target) {
  std::vector<uint8_t> message(Message::kBytes);
  message[0] = type;
  message[4] = flags;
  wire::PutIpv6(&message[8], target);
  return message;
}

}  // namespace

/// ndisc_send_skb(): `message` from its ICMPv6 header on, straight to the link.
void Stack::NdiscSend(kernel::Link& link, const Ipv6Address& source, const Ipv6Address& destination,
                      std::vector<uint8_t> message, uint64_t cause) {
  const uint32_t bytes = static_cast<uint32_t>(message.size());
  const uint64_t pseudo = wire::PseudoHeaderSum(source, destination, wire::kIpProtoIcmpv6, bytes);
  wire::Put16(&message[2], wire::ChecksumFold(wire::ChecksumAdd(message.data(), bytes, pseudo)));
  wire::FramePtr packet = wire::MakeFrame(wire::kIpv6HeaderBytes + bytes);
  StartJourney(*packet, cause);
  packet->iif = link.ifindex;  // what POSTROUTING takes for the device that it came by
  wire::WriteIpv6(packet->Data(), {.trafficClass = static_cast<uint8_t>(m_ns->Ipv6().GetConf(link.ifindex).ndiscTclass),
                                   .payloadBytes = static_cast<uint16_t>(bytes),
                                   .nextHeader = wire::kIpProtoIcmpv6,
                                   .hopLimit = wire::kNdiscHopLimit,
                                   .source = source,
                                   .destination = destination});
  std::memcpy(packet->Data() + wire::kIpv6HeaderBytes, message.data(), bytes);
  Trace(Stage::Send, Verdict::Continue, *packet, link.ifindex);
  Count(Snmp::Ip6OutRequests);
  CountIcmpv6Out(message[0]);
  RouteOut6 out;
  out.answer.nextHop.ifindex = link.ifindex;
  Ipv6LocalOut(std::move(packet), out);
}

/// ndisc_send_ns(): a zero source is that of duplicate address detection.
void Stack::NdiscSendSolicitation(kernel::Link& link, const Ipv6Address& target, const Ipv6Address& source,
                                  const Ipv6Address& destination, uint64_t cause, std::span<const uint8_t> nonce) {
  std::vector<uint8_t> message = NewMessage(wire::kIcmpv6NeighbourSolicitation, 0, target);
  if (!source.IsZero()) AppendLinkAddress(message, Message::kSourceLinkAddress, link.address);
  if (!nonce.empty()) {
    message.insert(message.end(), {Message::kNonce, 1});
    message.insert(message.end(), nonce.begin(), nonce.end());
  }
  NdiscSend(link, source, destination, std::move(message), cause);
}

/// ndisc_solicit(): asked from the address of the newest packet that waits, if that is one of the device's, else from
/// the link-local one.
void Stack::NdiscSolicit(kernel::Link& link, const kernel::Neighbour6& entry, const wire::Frame* waiting,
                         bool unicast) {
  const kernel::Ipv6Tables& tables = m_ns->Ipv6();
  std::optional<Ipv6Address> source;
  if (waiting) {
    const Ipv6Address from = wire::Ipv6{const_cast<uint8_t*>(waiting->Data())}.Source();
    if (tables.FindAddress(link.ifindex, from)) source = from;
  }
  if (!source) source = tables.LinkLocalAddress(link.ifindex);
  if (!source) return;
  NdiscSendSolicitation(link, entry.ip, *source, unicast ? entry.ip : entry.ip.SolicitedNode(),
                        waiting ? waiting->journey : 0);
}

/// ndisc_send_na().
void Stack::NdiscSendAdvertisement(kernel::Link& link, const Ipv6Address& target, const Ipv6Address& destination,
                                   uint8_t flags, bool withAddress, uint64_t cause) {
  const kernel::Ipv6Tables& tables = m_ns->Ipv6();
  const bool isOwn = tables.FindAddress(link.ifindex, target) != nullptr;
  const Ipv6Address source = isOwn ? target : tables.SelectSource(link.ifindex, destination);
  if (source.IsZero()) return;
  std::vector<uint8_t> message = NewMessage(wire::kIcmpv6NeighbourAdvertisement, flags, target);
  if (withAddress) AppendLinkAddress(message, Message::kTargetLinkAddress, link.address);
  NdiscSend(link, source, destination, std::move(message), cause);
}

/// ndisc_send_redirect(): who sends through us to someone on his own link is told so.
void Stack::NdiscSendRedirect(kernel::Link& link, const wire::Frame& packet, const Ipv6Address& target) {
  const kernel::Ipv6Tables& tables = m_ns->Ipv6();
  const wire::Ipv6 ip{const_cast<uint8_t*>(packet.Data())};
  const auto source = tables.LinkLocalAddress(link.ifindex);
  if (!source || (ip.Destination() != target && !target.IsLinkLocal())) return;
  const kernel::Route6Answer back = tables.Lookup({.dst = ip.Source(), .src = *source, .oif = link.ifindex});
  if (back.error != 0 || !back.nextHop.gateway.IsZero()) return;
  constexpr int64_t kBurstFactor = 6;  // XRLIM_BURST_FACTOR
  if (!TokensOf(ip.Source()).Take(engine::Now(), Seconds(1), kBurstFactor)) return;
  std::vector<uint8_t> message = NewMessage(wire::kIcmpv6Redirect, 0, target);
  const Ipv6Address destination = ip.Destination();
  message.insert(message.end(), destination.bytes.begin(), destination.bytes.end());
  if (const kernel::Neighbour6* entry = tables.FindNeighbour(link.ifindex, target);
      entry && kernel::NudHasAddress(entry->state))
    AppendLinkAddress(message, Message::kTargetLinkAddress, entry->mac);
  const uint32_t room = wire::kIpv6LeastMtu - wire::kIpv6HeaderBytes - static_cast<uint32_t>(message.size());
  const uint32_t bytes = std::min(room, packet.Size() + kOptionUnit) & ~(kOptionUnit - 1);
  const size_t option = message.size();
  message.resize(option + kOptionUnit);
  message[option] = Message::kRedirectedHeader;
  message[option + 1] = static_cast<uint8_t>(bytes / kOptionUnit);
  message.insert(message.end(), packet.Data(), packet.Data() + (bytes - kOptionUnit));
  NdiscSend(link, *source, ip.Source(), std::move(message), packet.journey);
}

/// ndisc_rcv().
Verdict Stack::NdiscReceive(kernel::Link& link, const Received& message) {
  if (message.frame.maxFragment != 0) return Verdict::NdiscFragment;  // suppress_frag_ndisc
  if (message.Ip6().HopLimit() != wire::kNdiscHopLimit) return Verdict::NdiscHopLimit;
  if (message.payload[1] != 0) return Verdict::NdiscBadCode;
  const uint8_t type = message.payload[0];
  const bool solicitation = type == wire::kIcmpv6NeighbourSolicitation;
  if (!solicitation && type != wire::kIcmpv6NeighbourAdvertisement) return Verdict::NdiscIgnored;
  if (message.payloadBytes < Message::kBytes) return Verdict::NdiscTooShort;
  std::optional<MacAddress> mac;
  const bool wellFormed =
      FindLinkAddress(message.payload + Message::kBytes, message.payloadBytes - Message::kBytes,
                      solicitation ? Message::kSourceLinkAddress : Message::kTargetLinkAddress, mac);
  if (Message{const_cast<uint8_t*>(message.payload)}.Target().IsMulticast()) return Verdict::NdiscIgnored;
  if (!wellFormed) return Verdict::NdiscBadOptions;
  return solicitation ? NdiscSolicitation(link, message, mac) : NdiscAdvertisement(link, message, mac);
}

/// ndisc_recv_ns().
Verdict Stack::NdiscSolicitation(kernel::Link& link, const Received& message, const std::optional<MacAddress>& sender) {
  kernel::Ipv6Tables& tables = m_ns->Ipv6();
  const Ipv6Address target = Message{const_cast<uint8_t*>(message.payload)}.Target();
  const Ipv6Address from = message.Ip6().Source(), to = message.Ip6().Destination();
  const bool detecting = from.IsZero();  // duplicate address detection of another host
  if (detecting && to != target.SolicitedNode()) return Verdict::NdiscIgnored;
  if (detecting && sender) return Verdict::NdiscIgnored;
  const kernel::Address6* own = tables.FindAddress(link.ifindex, target);
  const auto& conf = tables.GetConf(link.ifindex);
  if (own && own->tentative) {
    if (detecting) tables.EndDad(link.ifindex, target, true);  // he wants it too
    return Verdict::NdiscIgnored;
  }
  const bool proxied = conf.forwarding && (tables.allConf.proxyNdp != 0 || conf.proxyNdp != 0) && [&] {
    const kernel::Neighbour6* entry = tables.FindNeighbour(link.ifindex, target);
    return entry && entry->proxy;
  }();
  if (!own && !tables.IsAnycastAddress(target, link.ifindex) && !proxied) return Verdict::NdiscOtherTarget;
  const uint8_t router = conf.forwarding ? Message::kRouter : uint8_t{0};
  const uint64_t cause = message.frame.journey;
  if (detecting) {
    NdiscSendAdvertisement(link, target, Ipv6Address::AllNodes(),
                           static_cast<uint8_t>(router | (own ? Message::kOverride : 0)), true, cause);
    return Verdict::NdiscIgnored;
  }
  const bool toGroup = to.IsMulticast();
  kernel::Neighbour6* entry = tables.Neighbours().Find(link.ifindex, from);
  if (!entry && (!toGroup || sender)) entry = &NeighbourCreate(link.ifindex, from);
  if (!entry) return Verdict::NdiscIgnored;
  NeighbourLearn(*entry, {.mac = sender, .state = NudState::Stale, .override = true, .weakOverride = true});
  const uint8_t override = own && toGroup ? Message::kOverride : uint8_t{0};
  NdiscSendAdvertisement(link, target, from, static_cast<uint8_t>(router | Message::kSolicited | override), toGroup,
                         cause);
  return Verdict::Consumed;
}

/// ndisc_recv_na().
Verdict Stack::NdiscAdvertisement(kernel::Link& link, const Received& message,
                                  const std::optional<MacAddress>& target) {
  kernel::Ipv6Tables& tables = m_ns->Ipv6();
  const Message advertisement{const_cast<uint8_t*>(message.payload)};
  const Ipv6Address ip = advertisement.Target();
  const uint8_t flags = advertisement.Flags();
  const bool solicited = flags & Message::kSolicited;
  const auto& conf = tables.GetConf(link.ifindex);
  if (message.Ip6().Destination().IsMulticast() && solicited) return Verdict::NdiscIgnored;
  if (!solicited && conf.dropUnsolicitedNa != 0) return Verdict::NdiscIgnored;
  if (const kernel::Address6* own = tables.FindAddress(link.ifindex, ip)) {
    if (own->tentative) tables.EndDad(link.ifindex, ip, true);
    return Verdict::NdiscIgnored;
  }
  kernel::Neighbour6* entry = tables.Neighbours().Find(link.ifindex, ip);
  NudState state = solicited ? NudState::Reachable : NudState::Stale;
  if (!entry && target && conf.forwarding && conf.acceptUntrackedNa != 0) {
    entry = &NeighbourCreate(link.ifindex, ip);
    state = NudState::Stale;
  }
  if (!entry || entry->state == NudState::Failed) return Verdict::NdiscIgnored;
  NeighbourLearn(*entry, {.mac = target,
                          .state = state,
                          .override = (flags & Message::kOverride) != 0,
                          .weakOverride = true,
                          .router = (flags & Message::kRouter) != 0});
  return Verdict::Consumed;
}

/// addrconf_dad_work(): `probes` solicitations for an address that is to be ours; silence means yes.
void Stack::DetectDuplicates(int ifindex, const Ipv6Address& address, int32_t probes) {
  kernel::Ipv6Tables& tables = m_ns->Ipv6();
  const kernel::Address6* entry = tables.FindAddress(ifindex, address);
  kernel::Link* link = m_ns->GetLink(ifindex);
  if (!entry || !entry->tentative || entry->dadFailed || !link) return;
  if (probes <= 0) {
    tables.EndDad(ifindex, address, false);
    return;
  }
  std::array<uint8_t, 6> nonce{};
  RandomStream random(m_network.seed, "dad-nonce/" + m_ns->Name() + "/" + address.ToString(),
                      static_cast<uint64_t>(probes));
  for (uint8_t& byte : nonce) byte = static_cast<uint8_t>(random.Next());
  const bool enhanced = tables.GetConf(ifindex).enhancedDad != 0;
  NdiscSendSolicitation(*link, address, {}, address.SolicitedNode(), 0,
                        enhanced ? std::span<const uint8_t>(nonce) : std::span<const uint8_t>());
  After(tables.Parms(ifindex).retransTime,
        [this, ifindex, address, probes] { DetectDuplicates(ifindex, address, probes - 1); });
}

/// What the tables say has happened to a device.
void Stack::Ipv6Happened(const kernel::Ipv6Event& event) {
  using Kind = kernel::Ipv6Event::Kind;
  switch (event.kind) {
    case Kind::Ready:
      for (const auto& group : m_ns->Ipv6().Groups(event.ifindex)) MldChanged(event.ifindex, group.address, true);
      return;
    case Kind::GroupJoined:
    case Kind::GroupLeft:
      return MldChanged(event.ifindex, event.address, event.kind == Kind::GroupJoined);
    case Kind::DadStart:
      After({}, [this, ifindex = event.ifindex, address = event.address] {
        DetectDuplicates(ifindex, address, m_ns->Ipv6().GetConf(ifindex).dadTransmits);
      });
      return;
  }
}

/// What the namespace had when its packet path came to life: the groups are reported once, so that bridges know the
/// members, and addresses that are not known to be unique are asked for.
void Stack::StartIpv6() {
  kernel::Ipv6Tables& tables = m_ns->Ipv6();
  for (const kernel::Link* link : m_ns->Links()) {
    if (!tables.IsReady(link->ifindex)) continue;
    for (const auto& group : tables.Groups(link->ifindex)) MldChanged(link->ifindex, group.address, true, 1);
  }
  for (const kernel::Address6& address : tables.Addresses())
    if (address.tentative && !address.dadFailed)
      Ipv6Happened({kernel::Ipv6Event::Kind::DadStart, address.ifindex, address.local});
  tables.onEvent = [this](const kernel::Ipv6Event& event) { Ipv6Happened(event); };
}

}  // namespace overlaysim::host
