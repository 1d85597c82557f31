#include "gui/replay/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "gui/replay/packet_ends.h"
#include "gui/replay/text.h"
#include "models/linux/namespace.h"

namespace overlaysim::replay {
namespace {

using kernel::Table;

std::string Capitalised(std::string text) {
  if (!text.empty()) text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  return text;
}

/// The sentences of one record. Everything they say stands in the record, in the table's line or in the packet's bytes;
/// what is not known is left out.
class Explainer {
 public:
  Explainer(Run& run, const StoredRecord& stored, Hop& hop)
      : m_run(run),
        m_stored(stored),
        m_hop(hop),
        m_record(stored.record),
        m_before(Dissect(hop.before, hop.beforeLayer, m_hop.beforeBytes, run.VxlanPorts())),
        m_after(Dissect(hop.after, hop.afterLayer, m_hop.afterBytes, run.VxlanPorts())),
        m_namespace(run.PlaceName(m_record.netns, 0)),
        m_device(DeviceName()) {}

  void Explain() {
    m_hop.isKey =
        m_record.row != 0 || FateOf(m_record.verdict) != Fate::Ongoing || m_record.verdict == Verdict::Redirected;
    if (m_record.verdict == Verdict::L2Missed || m_record.verdict == Verdict::L3Missed) return Missed();
    switch (m_record.stage) {
      case Stage::Send:
        Sent();
        break;
      case Stage::RouteOutput:
      case Stage::RouteInput:
      case Stage::VxlanRoute:
      case Stage::TunnelRoute:
        Routed();
        break;
      case Stage::FilterPrerouting:
      case Stage::FilterInput:
      case Stage::FilterForward:
      case Stage::FilterOutput:
      case Stage::FilterPostrouting:
        Filtered();
        break;
      case Stage::Forward:
        Forwarded();
        break;
      case Stage::Fragment:
        Say("fragment",
            fmt::format("With {} bytes the packet is longer than the MTU{} of {}: it is cut into fragments.",
                        m_record.sizeBytes, Mtu(), m_hop.place));
        break;
      case Stage::NeighbourLookup:
        Resolved();
        break;
      case Stage::NeighbourWait:
        Say("wait", fmt::format("The link address of {} is not known yet: the packet waits until it is answered.",
                                NextHop("the next hop")));
        m_hop.isKey = true;
        break;
      case Stage::Transmit:
        Transmitted();
        break;
      case Stage::Receive:
        Received();
        break;
      case Stage::BridgeInput:
        Say("bridge", fmt::format("{} is a port of a bridge: the bridge takes the frame.", m_device));
        break;
      case Stage::BridgeLookup:
        Bridged();
        break;
      case Stage::BridgeForward:
        Say("out", fmt::format("The bridge sends the frame out through its port {}.", m_device));
        break;
      case Stage::ArpProcess:
        Say(m_record.row ? "learn" : "ARP",
            m_record.row ? fmt::format("{} learns from it: {}.", m_namespace, m_hop.line)
                         : fmt::format("{} has looked at the ARP message{}.", m_namespace, Told(": ", m_after.info)));
        break;
      case Stage::IpReceive:
        Say("IP",
            fmt::format("The IP header is whole and its checksum right: {} goes on with the packet.", m_namespace));
        break;
      case Stage::Reassemble:
        if (m_record.verdict == Verdict::Continue)
          Say("reassemble", "The last missing fragment has come: the datagram is whole again.");
        else
          Say("reassemble",
              fmt::format("A fragment for {} itself: it is kept until the others have come.", m_namespace));
        m_hop.isKey = true;
        break;
      case Stage::VxlanFdbLookup:
        TunnelEndFound();
        break;
      case Stage::Encapsulate:
        Encapsulated();
        break;
      case Stage::Decapsulate:
        Decapsulated();
        break;
      case Stage::LocalDeliver:
        Delivered();
        break;
      case Stage::RunEnd:
        Say("run ended", "The simulation ended while the packet was under way.");
        break;
      case Stage::Conntrack:
        Say("conntrack", "Connection tracking has looked at the packet.");
        break;
      case Stage::Translate:
        Translated();
        break;
      case Stage::TunnelWait:
        Say("wait", fmt::format("{} has no session with its peer yet: the packet waits for the handshake.", m_device));
        m_hop.isKey = true;
        break;
      case Stage::Program:
        Programmed();
        break;
      case Stage::Count:
        break;
    }
    if (m_record.verdict == Verdict::Flooded && m_record.stage != Stage::BridgeLookup &&
        m_record.stage != Stage::VxlanFdbLookup)
      Add(" A copy goes to each.");
    if (IsDrop(m_record.verdict)) Dropped();
  }

 private:
  std::string DeviceName() {
    const size_t slash = m_hop.place.rfind('/');
    return m_record.ifindex == 0 || slash == std::string::npos ? m_namespace : m_hop.place.substr(slash + 1);
  }
  void Say(std::string action, std::string why) {
    m_hop.action = std::move(action);
    m_hop.why = std::move(why);
  }
  void Add(std::string_view more) { m_hop.why += more; }
  static std::string Told(std::string_view lead, std::string_view text) {
    return text.empty() || text == "not recorded" ? std::string() : fmt::format("{}{}", lead, text);
  }
  std::string Mtu() const { return m_hop.mtu == 0 ? "" : fmt::format(" of {} bytes", m_hop.mtu); }
  std::string_view Value(const Dissection& packet, std::string_view v4, std::string_view v6 = "") const {
    const Field* field = packet.Find(v4);
    if (!field && !v6.empty()) field = packet.Find(v6);
    return field ? std::string_view(field->value) : std::string_view();
  }
  std::string_view Destination() const {
    return Value(m_before.layers.empty() ? m_after : m_before, "ip.dst", "ipv6.dst");
  }
  /// The neighbour whose entry decided: the first word of its line.
  std::string NextHop(std::string_view otherwise) const {
    return m_hop.line.empty() ? std::string(otherwise) : m_hop.line.substr(0, m_hop.line.find(' '));
  }
  std::string WithOwner(std::string_view address) const {
    const uint32_t owner = m_run.Plan().OwnerOf(address);
    return owner == Topology::kNone ? std::string(address)
                                    : fmt::format("{} ({})", address, m_run.Plan().netns[owner].name);
  }

  void Sent() {
    m_hop.isKey = true;
    const std::string what = Told(": ", m_after.info);
    if (m_record.cause == 0)
      Say("send", fmt::format("{} makes the packet, {} bytes{}.", m_namespace, m_record.sizeBytes, what));
    else
      Say("send", fmt::format("{} makes the packet, {} bytes, because of {}{}.", m_namespace, m_record.sizeBytes,
                              JourneyName(m_run.Plan(), m_record.cause), what));
  }

  void Routed() {
    const bool isOuter = m_record.stage == Stage::VxlanRoute || m_record.stage == Stage::TunnelRoute;
    const std::string to = isOuter                 ? std::string("the tunnel's other end")
                           : Destination().empty() ? std::string("the destination")
                                                   : WithOwner(Destination());
    if (m_hop.line.empty()) {
      Say("route", fmt::format("The routing tables of {} were asked for the way to {}.", m_namespace, to));
      m_hop.isKey = true;
      return;
    }
    if (m_record.table == Table::TunnelPeer)
      return Say("tunnel", fmt::format("{} finds its other end in this entry.", m_device));
    const std::string_view via = WordAfter(m_hop.line, "via"), dev = WordAfter(m_hop.line, "dev");
    if (m_hop.line.starts_with("local "))
      return Say("route: local",
                 fmt::format("{} is an address of {} itself: the packet goes up its own stack.", to, m_namespace));
    std::string way = dev.empty() ? std::string() : fmt::format(" through {}", dev);
    way += via.empty() ? ", where it is a direct neighbour" : fmt::format(" to the next hop {}", via);
    Say(fmt::format("route → {}", dev.empty() ? "?" : dev),
        fmt::format("This route has the way to {}: out{}.", to, way));
  }

  void Filtered() {
    if (m_hop.line.empty()) return Say("filter", fmt::format("No rule of {} stopped the packet here.", m_namespace));
    Say("filter", "This rule took the packet, which goes on.");
  }

  void Forwarded() {
    const bool isV6 = m_after.Find("ipv6.hlim") != nullptr;
    const std::string_view word = isV6 ? "hop limit" : "ttl";
    const size_t at = isV6 ? 7 : 8;
    const auto countOf = [&](const std::vector<uint8_t>& bytes) -> std::optional<uint8_t> {
      if (m_stored.changeOffset > at || m_stored.changeOffset + bytes.size() <= at) return std::nullopt;
      return bytes[at - m_stored.changeOffset];
    };
    const auto from = countOf(m_stored.before), to = countOf(m_stored.after);
    if (from && to) {
      m_hop.isKey = true;
      return Say(fmt::format("{} {} → {}", word, *from, *to),
                 fmt::format("The packet is not for {} itself and goes on: its {} is counted down from {} to {}.",
                             m_namespace, isV6 ? "hop limit" : "TTL", *from, *to));
    }
    Say("forward", fmt::format("The packet is not for {} itself and goes on.", m_namespace));
  }

  void Resolved() {
    const std::string_view mac = WordAfter(m_hop.line, "lladdr");
    if (mac.empty())
      return Say("neighbour", fmt::format("The neighbour table of {} was asked for the next hop.", m_namespace));
    Say("neighbour",
        fmt::format("The next hop {} has the link address {} on {}: the frame will carry it as its destination.",
                    WithOwner(NextHop("")), mac, m_device));
  }

  void Transmitted() {
    const Topology& plan = m_run.Plan();
    const uint32_t cable = plan.CableAt({m_record.netns, m_record.ifindex});
    const bool hasNewHeader = m_stored.before.empty() && m_stored.after.size() == 14;
    const std::string header =
        hasNewHeader && m_after.Find("eth.dst")
            ? fmt::format(" An Ethernet header is put in front, to {}.", Value(m_after, "eth.dst"))
            : std::string();
    if (cable == Topology::kNone)
      return Say("transmit", fmt::format("{} takes the frame to send it.{}", m_device, header));
    const Cable& c = plan.cables[cable];
    const CableEnd other = c.a == CableEnd{m_record.netns, m_record.ifindex} ? c.b : c.a;
    Say("transmit",
        fmt::format("{} puts the frame on the cable to {}{}.{}", m_device, m_run.PlaceName(other.netns, other.ifindex),
                    c.bitsPerSecond == 0
                        ? fmt::format(" ({} on the way)", DurationText(c.delayNs))
                        : fmt::format(" ({}, {} on the way)", RateText(c.bitsPerSecond), DurationText(c.delayNs)),
                    header));
    m_hop.isKey = true;
  }

  void Received() {
    const bool isCable = m_run.Plan().CableAt({m_record.netns, m_record.ifindex}) != Topology::kNone;
    Say("receive", fmt::format("{} has the frame{}.", m_hop.place, isCable ? " from its cable" : ""));
  }

  void Bridged() {
    m_hop.isKey = true;
    const std::string mac(Value(m_after, "eth.dst"));
    const std::string to = mac.empty() ? "the destination's link address" : mac;
    if (m_record.verdict == Verdict::Flooded)
      return Say("flood",
                 fmt::format("{} is not in the bridge's FDB or is a group: a copy goes to the host and to every "
                             "other port of {}.",
                             Capitalised(to), m_device));
    if (m_hop.line.empty())
      return Say("flood",
                 fmt::format("The FDB of {} names no port for {}: the frame goes to every other port.", m_device, to));
    const std::string_view port = WordAfter(m_hop.line, "dev");
    if (port == m_device)
      return Say("bridge: to the host",
                 fmt::format("The link address is that of {} itself: the frame goes up to {}.", m_device, m_namespace));
    Say(fmt::format("bridge → {}", port), fmt::format("The bridge's FDB has {} behind the port {}.", to, port));
  }

  void TunnelEndFound() {
    if (m_record.verdict == Verdict::Flooded)
      return Say("fdb: flood", fmt::format("The FDB of {} has several remotes for it: a copy goes to each.", m_device));
    const std::string_view remote = WordAfter(m_hop.line, "dst");
    if (remote.empty()) return Say("fdb", fmt::format("The FDB of {} was asked for the remote VTEP.", m_device));
    Say(fmt::format("fdb → {}", remote), fmt::format("The FDB of {} has {} at the remote VTEP {}.", m_device,
                                                     m_hop.line.substr(0, m_hop.line.find(' ')), WithOwner(remote)));
  }

  /// With what `ip monitor neigh` shows of it (vxlan_fdb_info()).
  void Missed() {
    m_hop.isKey = true;
    if (m_record.verdict == Verdict::L2Missed)
      return Say("l2miss",
                 fmt::format("The FDB of {} has no entry for it, and listeners are told: \"miss dev {} lladdr {} "
                             "STALE\".",
                             m_device, m_device, Value(m_after, "eth.dst")));
    std::string_view address = Value(m_after, "arp.dst.proto_ipv4", "icmpv6.nd.ns.target_address");
    if (address.empty()) address = Value(m_after, "ip.dst", "ipv6.dst");
    Say("l3miss", fmt::format("{} is no known neighbour on {}, and listeners are told: \"miss {} dev {} STALE\".",
                              address, m_device, address, m_device));
  }

  /// "172.16.1.11:44212 → 172.16.2.12:8472, VNI 1" of a packet's outermost headers.
  std::string OuterEnds(const Dissection& packet) const {
    const std::string_view from = Value(packet, "ip.src", "ipv6.src"), to = Value(packet, "ip.dst", "ipv6.dst");
    if (from.empty() || to.empty()) return {};
    const Layer* tunnel = nullptr;
    bool hasPorts = false;
    for (const Layer& layer : packet.layers) {
      if (layer.tunnelDepth != 0) break;
      hasPorts |= layer.protocol == Protocol::Udp;
      if (layer.protocol == Protocol::Vxlan || layer.protocol == Protocol::Geneve ||
          layer.protocol == Protocol::WireGuard || layer.protocol == Protocol::Esp)
        tunnel = &layer;
    }
    const bool isV6 = from.find(':') != std::string_view::npos;
    const auto end = [&](std::string_view address, std::string_view port) {
      if (!hasPorts) return std::string(address);
      return fmt::format(fmt::runtime(isV6 ? "[{}]:{}" : "{}:{}"), address, port);
    };
    return fmt::format("{} → {}, {}", end(from, Value(packet, "udp.srcport")), end(to, Value(packet, "udp.dstport")),
                       !tunnel                                   ? "IP in IP"
                       : tunnel->protocol == Protocol::WireGuard ? "WireGuard"
                       : tunnel->protocol == Protocol::Esp       ? "ESP"
                                                                 : tunnel->summary);
  }
  /// "IPv4 20 + UDP 8 + VXLAN 8": the outermost headers, if they are what the packet has grown by.
  static std::string Parts(const Dissection& packet, uint32_t grown) {
    std::string parts;
    uint32_t sum = 0;
    for (const Layer& layer : packet.layers) {
      if (layer.tunnelDepth != 0 || layer.protocol == Protocol::Data) break;
      parts += fmt::format("{}{} {}", parts.empty() ? "" : " + ", layer.name, layer.length);
      sum += layer.length;
    }
    return sum == grown ? parts : std::string();
  }

  void Encapsulated() {
    m_hop.isKey = true;
    const std::string ends = OuterEnds(m_after);
    const uint32_t grown = m_hop.afterBytes - std::min(m_hop.beforeBytes, m_hop.afterBytes);
    const std::string parts = Parts(m_after, grown);
    Say("encapsulate", fmt::format("{} puts outer headers in front{}: {} bytes become {}{}.", m_device,
                                   ends.empty() ? "" : fmt::format(", {}", ends), m_hop.beforeBytes, m_hop.afterBytes,
                                   parts.empty() ? "" : fmt::format(" (+{}: {})", grown, parts)));
  }

  void Decapsulated() {
    m_hop.isKey = true;
    const std::string ends = OuterEnds(m_before);
    Say("decapsulate",
        fmt::format("{} has checked the outer headers{} and takes them off: {} bytes become {}.", m_device,
                    ends.empty() ? "" : fmt::format(" ({})", ends), m_hop.beforeBytes, m_hop.afterBytes));
  }

  void Delivered() {
    m_hop.isKey = true;
    const std::string what = Told(": ", m_after.info);
    if (m_record.verdict == Verdict::Consumed)
      return Say("deliver", fmt::format("{} itself uses the packet up{}.", m_namespace, what));
    Say("deliver", fmt::format("The packet has arrived: {} hands it to its receiver{}.", m_namespace, what));
  }

  void Translated() {
    m_hop.isKey = true;
    std::string changes;
    const std::pair<std::string_view, std::string_view> fields[] = {
        {"ip.src", "source"},           {"ip.dst", "destination"},          {"ipv6.src", "source"},
        {"ipv6.dst", "destination"},    {"tcp.srcport", "source port"},     {"tcp.dstport", "destination port"},
        {"udp.srcport", "source port"}, {"udp.dstport", "destination port"}};
    for (const auto& [name, word] : fields) {
      const std::string_view from = Value(m_before, name), to = Value(m_after, name);
      if (from.empty() || to.empty() || from == to) continue;
      changes += fmt::format("{}{} {} → {}", changes.empty() ? ": " : ", ", word, from, to);
    }
    Say("NAT", fmt::format("NAT has changed the packet{}.", changes));
  }

  void Programmed() {
    m_hop.isKey = true;
    if (m_record.verdict == Verdict::Redirected)
      return Say("redirect", fmt::format("The program at {} sends the packet on to another device.", m_hop.place));
    Say("program", fmt::format("The program at {} has judged the packet{}.", m_hop.place,
                               m_stored.after.empty() ? "" : " and rewritten its headers"));
  }

  void Dropped() {
    m_hop.isKey = true;
    m_hop.action = fmt::format("drop: {}", VerdictName(m_record.verdict));
    m_hop.why = Capitalised(VerdictCondition(m_record.verdict));
    std::string facts;
    const auto fact = [&](std::string text) { facts += fmt::format("{}{}", facts.empty() ? "" : ", ", text); };
    switch (m_record.verdict) {
      case Verdict::ExceedsDeviceMtu:
      case Verdict::FragNeeded:
        fact(fmt::format("{} bytes", m_record.sizeBytes));
        if (m_hop.mtu != 0) fact(fmt::format("MTU {} of {}", m_hop.mtu, m_hop.place));
        break;
      case Verdict::NoRoute:
      case Verdict::RouteUnreachable:
      case Verdict::RouteProhibit:
      case Verdict::RouteBlackhole:
      case Verdict::NotForwarding:
        if (!Destination().empty()) fact(fmt::format("to {}", Destination()));
        break;
      case Verdict::OtherHost:
        if (const auto mac = Value(m_before, "eth.dst"); !mac.empty()) fact(fmt::format("to {}", mac));
        break;
      case Verdict::TtlExpired:
        if (const auto ttl = Value(m_before, "ip.ttl", "ipv6.hlim"); !ttl.empty()) fact(fmt::format("TTL {}", ttl));
        break;
      case Verdict::UdpNoSocket:
      case Verdict::TcpNoSocket:
        if (const auto port = Value(m_before, "udp.dstport", "tcp.dstport"); !port.empty())
          fact(fmt::format("port {}", port));
        break;
      default:
        break;
    }
    if (!facts.empty()) m_hop.why += fmt::format(" ({})", facts);
    m_hop.why += ".";
    if (const std::string kernel = KernelDrop(m_record.stage, m_record.verdict, m_before.Find("ipv6.src") != nullptr);
        !kernel.empty())
      m_hop.why += fmt::format(" Linux would report {}.", kernel);
  }

  Run& m_run;
  const StoredRecord& m_stored;
  Hop& m_hop;
  const TraceRecord& m_record;
  Dissection m_before, m_after;
  std::string m_namespace, m_device;
};

}  // namespace

std::string_view TableName(const TraceRecord& record) {
  if (record.row == 0) return {};
  switch (record.table) {
    case Table::Link:
      return "link";
    case Table::Address:
      return "address";
    case Table::Route:
      return "route";
    case Table::Neighbour:
      return "neigh";
    case Table::BridgeFdb:
      return "bridge fdb";
    case Table::VxlanFdb:
      return "fdb";
    case Table::Filter:
      return "filter";
    case Table::Rule:
      return "rule";
    case Table::Sysctl:
      return "sysctl";
    case Table::Address6:
      return "-6 address";
    case Table::Route6:
      return "-6 route";
    case Table::Neighbour6:
      return "-6 neigh";
    case Table::Rule6:
      return "-6 rule";
    case Table::TunnelPeer:
      return "tunnel peer";
  }
  return {};
}

void Explain(Run& run, const StoredRecord& stored, Hop& hop) { Explainer(run, stored, hop).Explain(); }

}  // namespace overlaysim::replay
