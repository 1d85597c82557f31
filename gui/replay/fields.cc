#include "gui/replay/fields.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace overlaysim::replay {
namespace {

using enum FieldKind;

constexpr FieldInfo kFields[] = {
    {"_ws.malformed", Protocol, "a packet that is cut short or otherwise malformed"},
    {"arp", Protocol, "Address Resolution Protocol"},
    {"arp.dst.hw_mac", Mac, "whom an ARP message asks or answers: MAC address"},
    {"arp.dst.proto_ipv4", Address, "the address that ARP asks for"},
    {"arp.hw.size", Number, "bytes of a hardware address in ARP"},
    {"arp.hw.type", Number, "hardware type of ARP: 1 Ethernet"},
    {"arp.opcode", Number, "1 request, 2 reply"},
    {"arp.proto.size", Number, "bytes of a protocol address in ARP"},
    {"arp.proto.type", Number, "protocol type of ARP: 0x0800 IPv4"},
    {"arp.src.hw_mac", Mac, "who sends an ARP message: MAC address"},
    {"arp.src.proto_ipv4", Address, "who sends an ARP message: address"},
    {"data", Protocol, "bytes that no header explains"},
    {"data.data", Bytes, "the bytes that no header explains"},
    {"data.len", Number, "how many bytes no header explains"},
    {"esp", Protocol, "Encapsulating Security Payload (IPsec)"},
    {"esp.sequence", Number, "sequence number"},
    {"esp.spi", Number, "security parameters index: which state of the receiver"},
    {"eth", Protocol, "Ethernet, outer or inner"},
    {"eth.addr", Mac, "source or destination MAC address"},
    {"eth.dst", Mac, "destination MAC address"},
    {"eth.len", Number, "length in place of an EtherType"},
    {"eth.padding", Bytes, "bytes behind the packet"},
    {"eth.src", Mac, "source MAC address"},
    {"eth.type", Number, "EtherType: 0x0800 IPv4, 0x0806 ARP, 0x86dd IPv6"},
    {"frame", Protocol, "the whole packet: frame contains \"GET\", frame[12:2] == 08:00"},
    {"frame.cap_len", Size, "how many bytes of the packet are known"},
    {"frame.comment", Text, "the comment of a captured frame"},
    {"frame.interface_name", Text, "where the frame was captured: node1/eth0"},
    {"frame.len", Size, "bytes of the whole packet, as it stands there"},
    {"frame.number", Number, "row number in the list, from 1"},
    {"frame.protocols", Text, "all headers: eth:ip:udp:vxlan:eth:ip:icmp"},
    {"frame.time_delta", Time, "time since the row before"},
    {"frame.time_relative", Time, "simulated time since the start of the run"},
    {"geneve", Protocol, "Geneve tunnel"},
    {"geneve.flags", Number, "flags of Geneve"},
    {"geneve.flags.critical", Flag, "Geneve has critical options"},
    {"geneve.flags.oam", Flag, "Geneve control message"},
    {"geneve.flags.reserved", Number, "reserved bits of Geneve"},
    {"geneve.option", Protocol, "an option of Geneve"},
    {"geneve.option.class", Number, "who has defined the Geneve option"},
    {"geneve.option.length", Number, "bytes of Geneve's options"},
    {"geneve.option.type", Number, "type of a Geneve option"},
    {"geneve.option.unknown.data", Bytes, "content of a Geneve option"},
    {"geneve.proto_type", Number, "what Geneve carries: 0x6558 Ethernet"},
    {"geneve.version", Number, "version of Geneve: 0"},
    {"geneve.vni", Number, "network identifier of Geneve"},
    {"icmp", Protocol, "Internet Control Message Protocol"},
    {"icmp.checksum", Number, "checksum of ICMP"},
    {"icmp.checksum.status", Number, "0 bad, 1 good, 2 unverified"},
    {"icmp.code", Number, "code of an ICMP message"},
    {"icmp.ident", Number, "identifier of a ping"},
    {"icmp.mtu", Size, "the MTU that fragmentation needed tells"},
    {"icmp.redir_gw", Address, "the gateway of an ICMP redirect"},
    {"icmp.seq", Number, "sequence number of a ping"},
    {"icmp.type", Number, "8 echo request, 0 echo reply, 3 unreachable, 11 time exceeded"},
    {"icmpv6", Protocol, "ICMP for IPv6, with neighbour discovery and MLD"},
    {"icmpv6.checksum", Number, "checksum of ICMPv6"},
    {"icmpv6.checksum.status", Number, "0 bad, 1 good, 2 unverified"},
    {"icmpv6.code", Number, "code of an ICMPv6 message"},
    {"icmpv6.echo.identifier", Number, "identifier of a ping over IPv6"},
    {"icmpv6.echo.sequence_number", Number, "sequence number of a ping over IPv6"},
    {"icmpv6.mldr.mar", Protocol, "a group in a multicast listener report"},
    {"icmpv6.mldr.mar.aux_data_len", Number, "auxiliary data of a multicast listener report"},
    {"icmpv6.mldr.mar.multicast_address", Address, "the group of a multicast listener report"},
    {"icmpv6.mldr.mar.nb_sources", Number, "sources in a multicast listener report"},
    {"icmpv6.mldr.mar.record_type", Number, "what has changed about the group"},
    {"icmpv6.mldr.nb_mcast_records", Number, "groups in a multicast listener report"},
    {"icmpv6.mtu", Size, "the MTU that packet too big tells"},
    {"icmpv6.nd.na.flag", Number, "flags of a neighbour advertisement"},
    {"icmpv6.nd.na.flag.o", Flag, "the advertisement overrides what was known"},
    {"icmpv6.nd.na.flag.r", Flag, "the advertisement is a router's"},
    {"icmpv6.nd.na.flag.s", Flag, "the advertisement was solicited"},
    {"icmpv6.nd.na.target_address", Address, "the address that is advertised"},
    {"icmpv6.nd.ns.target_address", Address, "the address that is asked for"},
    {"icmpv6.opt", Protocol, "an option of neighbour discovery"},
    {"icmpv6.opt.length", Number, "length of a neighbour discovery option, in eights"},
    {"icmpv6.opt.linkaddr", Mac, "link address in neighbour discovery"},
    {"icmpv6.opt.type", Number, "type of a neighbour discovery option"},
    {"icmpv6.type", Number, "128 echo request, 135 neighbour solicitation, 136 advertisement"},
    {"igmp", Protocol, "Internet Group Management Protocol"},
    {"igmp.aux_data_len", Number, "auxiliary data of an IGMPv3 record"},
    {"igmp.checksum", Number, "checksum of IGMP"},
    {"igmp.checksum.status", Number, "0 bad, 1 good, 2 unverified"},
    {"igmp.maddr", Address, "the group of an IGMP message"},
    {"igmp.max_resp", Number, "in how many tenths of a second to answer"},
    {"igmp.num_grp_recs", Number, "groups in an IGMPv3 report"},
    {"igmp.num_src", Number, "sources of an IGMPv3 record"},
    {"igmp.record", Protocol, "a group in an IGMPv3 report"},
    {"igmp.record_type", Number, "what has changed about the group"},
    {"igmp.type", Number, "0x22 report, 0x11 query"},
    {"ip", Protocol, "IPv4, outer or inner"},
    {"ip.addr", Address, "source or destination address of IPv4"},
    {"ip.checksum", Number, "header checksum of IPv4"},
    {"ip.checksum.status", Number, "0 bad, 1 good, 2 unverified"},
    {"ip.dsfield", Number, "DSCP and ECN together"},
    {"ip.dsfield.dscp", Number, "differentiated services codepoint"},
    {"ip.dsfield.ecn", Number, "explicit congestion notification: 3 congestion"},
    {"ip.dst", Address, "destination address of IPv4"},
    {"ip.flags", Number, "flags of IPv4"},
    {"ip.flags.df", Flag, "don't fragment"},
    {"ip.flags.mf", Flag, "more fragments follow"},
    {"ip.flags.rb", Flag, "reserved bit of IPv4"},
    {"ip.frag_offset", Size, "where in its datagram the fragment belongs"},
    {"ip.hdr_len", Size, "bytes of the IPv4 header"},
    {"ip.id", Number, "identification of IPv4"},
    {"ip.len", Size, "bytes of the IPv4 packet"},
    {"ip.opt.type", Number, "an option of IPv4"},
    {"ip.proto", Number, "what IPv4 carries: 1 ICMP, 6 TCP, 17 UDP, 4 IPv4"},
    {"ip.src", Address, "source address of IPv4"},
    {"ip.ttl", Number, "time to live"},
    {"ip.version", Number, "version of the IPv4 header"},
    {"ipv6", Protocol, "IPv6, outer or inner"},
    {"ipv6.addr", Address, "source or destination address of IPv6"},
    {"ipv6.dst", Address, "destination address of IPv6"},
    {"ipv6.dstopts", Protocol, "destination options header"},
    {"ipv6.dstopts.len", Number, "length of the destination options, in eights behind the first"},
    {"ipv6.dstopts.nxt", Number, "what follows the destination options"},
    {"ipv6.flow", Number, "flow label"},
    {"ipv6.fraghdr", Protocol, "fragment header"},
    {"ipv6.fraghdr.ident", Number, "identification of the fragmented packet"},
    {"ipv6.fraghdr.more", Flag, "more fragments follow"},
    {"ipv6.fraghdr.nxt", Number, "what the fragments carry"},
    {"ipv6.fraghdr.offset", Number, "where in its packet the fragment belongs, in eights of bytes"},
    {"ipv6.fraghdr.reserved_bits", Number, "reserved bits of the fragment header"},
    {"ipv6.fraghdr.reserved_octet", Number, "reserved byte of the fragment header"},
    {"ipv6.hlim", Number, "hop limit"},
    {"ipv6.hopopts", Protocol, "hop-by-hop options header"},
    {"ipv6.hopopts.len", Number, "length of the hop-by-hop options, in eights behind the first"},
    {"ipv6.hopopts.nxt", Number, "what follows the hop-by-hop options"},
    {"ipv6.nxt", Number, "what IPv6 carries: 58 ICMPv6, 6 TCP, 17 UDP"},
    {"ipv6.opt.length", Number, "length of an IPv6 option"},
    {"ipv6.opt.router_alert", Number, "what routers shall look at"},
    {"ipv6.opt.type", Number, "type of an IPv6 option"},
    {"ipv6.plen", Size, "bytes behind the IPv6 header"},
    {"ipv6.src", Address, "source address of IPv6"},
    {"ipv6.tclass", Number, "traffic class"},
    {"ipv6.tclass.dscp", Number, "differentiated services codepoint of IPv6"},
    {"ipv6.tclass.ecn", Number, "explicit congestion notification of IPv6"},
    {"ipv6.version", Number, "version of the IPv6 header"},
    {"k8s.dst.node", Text, "node of the pod that the packet is for"},
    {"k8s.dst.ns", Text, "Kubernetes namespace of the pod that the packet is for"},
    {"k8s.dst.pod", Text, "pod that the packet is for: shop/redis"},
    {"k8s.node", Text, "the node (or switch) where this was seen"},
    {"k8s.ns", Text, "Kubernetes namespace of either end"},
    {"k8s.pod", Text, "pod of either end"},
    {"k8s.src.node", Text, "node of the pod that sends"},
    {"k8s.src.ns", Text, "Kubernetes namespace of the pod that sends"},
    {"k8s.src.pod", Text, "pod that sends: shop/cart"},
    {"sim.device", Text, "the device where this happened: flannel.1"},
    {"sim.drop", Text, "why the packet was dropped: TtlExpired; there only if it was"},
    {"sim.drop.reason", Text, "what Linux would report of the drop: IP_INHDR at ip_forward"},
    {"sim.flow", Text, "traffic that it belongs to, by number or name"},
    {"sim.journey", Text, "the packet, from its maker to its end: shop/cart#3"},
    {"sim.packet", Number, "of a journey: 0 the one that was sent, then copies and fragments"},
    {"sim.place", Text, "where this happened: node1/flannel.1"},
    {"sim.stage", Text, "what happened: Encapsulate, RouteInput, Forward, ..."},
    {"sim.table", Text, "the table that decided: route, neigh, fdb, bridge fdb, filter"},
    {"sim.time", Time, "simulated time since the start of the run"},
    {"sim.verdict", Text, "what became of the packet: Continue, Delivered, TtlExpired, ..."},
    {"tcp", Protocol, "Transmission Control Protocol"},
    {"tcp.ack_raw", Number, "acknowledgment number"},
    {"tcp.checksum", Number, "checksum of TCP"},
    {"tcp.checksum.status", Number, "0 bad, 1 good, 2 unverified"},
    {"tcp.dstport", Number, "destination port of TCP"},
    {"tcp.flags", Number, "all flags of TCP"},
    {"tcp.flags.ack", Flag, "acknowledgment"},
    {"tcp.flags.ae", Flag, "accurate ECN"},
    {"tcp.flags.cwr", Flag, "congestion window reduced"},
    {"tcp.flags.ece", Flag, "congestion was seen"},
    {"tcp.flags.fin", Flag, "the sender has no more"},
    {"tcp.flags.push", Flag, "push"},
    {"tcp.flags.res", Number, "reserved bits of TCP"},
    {"tcp.flags.reset", Flag, "reset"},
    {"tcp.flags.syn", Flag, "opens a connection"},
    {"tcp.flags.urg", Flag, "urgent"},
    {"tcp.hdr_len", Size, "bytes of the TCP header"},
    {"tcp.len", Size, "bytes that the segment carries"},
    {"tcp.option_kind", Number, "an option of TCP"},
    {"tcp.option_len", Number, "length of a TCP option"},
    {"tcp.options.mss_val", Size, "maximum segment size"},
    {"tcp.options.sack_le", Number, "left edge of what was received out of order"},
    {"tcp.options.sack_re", Number, "right edge of what was received out of order"},
    {"tcp.options.timestamp.tsecr", Number, "timestamp that is echoed"},
    {"tcp.options.timestamp.tsval", Number, "timestamp of the sender"},
    {"tcp.options.wscale.shift", Number, "by how many bits the window is scaled"},
    {"tcp.port", Number, "source or destination port of TCP"},
    {"tcp.seq_raw", Number, "sequence number"},
    {"tcp.srcport", Number, "source port of TCP"},
    {"tcp.stream", Number, "connections of TCP in the order in which they began, from 0"},
    {"tcp.urgent_pointer", Number, "urgent pointer"},
    {"tcp.window_size", Number, "window in bytes, scaled if both SYNs were seen"},
    {"tcp.window_size_value", Number, "window as it stands in the header"},
    {"udp", Protocol, "User Datagram Protocol, outer or inner"},
    {"udp.checksum", Number, "checksum of UDP"},
    {"udp.checksum.status", Number, "0 bad, 1 good, 2 unverified, 3 not used"},
    {"udp.dstport", Number, "destination port of UDP"},
    {"udp.length", Size, "bytes of the UDP datagram with its header"},
    {"udp.port", Number, "source or destination port of UDP"},
    {"udp.srcport", Number, "source port of UDP"},
    {"vxlan", Protocol, "Virtual eXtensible LAN tunnel"},
    {"vxlan.flag_a", Flag, "the policy has been applied (GBP)"},
    {"vxlan.flag_d", Flag, "don't learn (GBP)"},
    {"vxlan.flag_g", Flag, "group based policy"},
    {"vxlan.flag_i", Flag, "the VNI is valid"},
    {"vxlan.flags", Number, "all flags of VXLAN"},
    {"vxlan.flags_reserved", Number, "reserved flags of VXLAN"},
    {"vxlan.gbp", Number, "group policy ID"},
    {"vxlan.reserved8", Number, "reserved byte behind the VNI"},
    {"vxlan.vni", Number, "VXLAN network identifier"},
    {"wg", Protocol, "WireGuard"},
    {"wg.counter", Number, "counter of an encrypted packet"},
    {"wg.receiver", Number, "receiver's index of the session"},
    {"wg.reserved", Bytes, "reserved bytes of WireGuard"},
    {"wg.sender", Number, "sender's index of the session"},
    {"wg.type", Number, "1 initiation, 2 response, 3 cookie, 4 data"},
};

constexpr bool IsByName() {
  for (size_t i = 1; i < std::size(kFields); ++i)
    if (!(kFields[i - 1].name < kFields[i].name)) return false;
  return true;
}
static_assert(IsByName(), "names are searched for by halving");

constexpr std::pair<std::string_view, std::array<std::string_view, 2>> kEither[] = {
    {"eth.addr", {"eth.src", "eth.dst"}},         {"ip.addr", {"ip.src", "ip.dst"}},
    {"ipv6.addr", {"ipv6.src", "ipv6.dst"}},      {"k8s.ns", {"k8s.src.ns", "k8s.dst.ns"}},
    {"k8s.pod", {"k8s.src.pod", "k8s.dst.pod"}},  {"tcp.port", {"tcp.srcport", "tcp.dstport"}},
    {"udp.port", {"udp.srcport", "udp.dstport"}},
};

/// Letters to put in, take out, change or swap (Damerau and Levenshtein, neighbours only).
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i)
    for (size_t j = 1; j <= b.size(); ++j) {
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1] ? 1 : 0)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[a.size()][b.size()];
}

}  // namespace

std::span<const FieldInfo> KnownFields() { return kFields; }

const FieldInfo* FindField(std::string_view name) {
  const auto* it = std::lower_bound(std::begin(kFields), std::end(kFields), name,
                                    [](const FieldInfo& field, std::string_view n) { return field.name < n; });
  return it != std::end(kFields) && it->name == name ? it : nullptr;
}

std::span<const std::string_view> FieldsBehind(const FieldInfo& field) {
  for (const auto& [name, fields] : kEither)
    if (name == field.name) return fields;
  return {&field.name, 1};
}

std::vector<std::string_view> SimilarFields(std::string_view wrong) {
  constexpr size_t kLongest = 64, kMost = 3;
  if (wrong.size() > kLongest) return {};
  std::vector<std::pair<size_t, std::string_view>> found;
  for (const FieldInfo& field : kFields) {
    const bool isPart = wrong.size() >= 3 && field.name.find(wrong) != std::string_view::npos;
    const size_t distance = isPart ? 1 : Distance(wrong, field.name);
    if (distance <= std::max<size_t>(1, std::min<size_t>(3, wrong.size() / 3)))
      found.emplace_back(distance, field.name);
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string_view> names;
  for (size_t i = 0; i < std::min(kMost, found.size()); ++i) names.push_back(found[i].second);
  return names;
}

}  // namespace overlaysim::replay
