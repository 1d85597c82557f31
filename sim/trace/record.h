#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace overlaysim::kernel {
enum class Table : uint8_t;  // models/linux/namespace.h
}

namespace overlaysim {

/// Where in the path a record is made. One line each: name, and what has just happened there. The order follows a
/// packet from its sender's socket to its receiver's; the numbers are part of the file format, so new stages go to the
/// end.
#define OVERLAYSIM_STAGES(X)                                                                                        \
  X(Send, "a packet that the namespace makes itself (socket, ICMP answer, ARP) enters its stack")                   \
  X(RouteOutput, "the FIB was asked for the namespace's own packet; Linux has no skb yet (ip_route_output_flow)")   \
  X(FilterOutput, "a chain of the OUTPUT hook was walked")                                                          \
  X(Forward, "a packet that goes on: TTL counted down, size held against the route's MTU (ip_forward)")             \
  X(FilterForward, "a chain of the FORWARD hook was walked")                                                        \
  X(Fragment, "a packet larger than the device's MTU was cut, or may not be (ip_fragment)")                         \
  X(NeighbourLookup, "the neighbour table was asked for the next hop's link address (ip_finish_output2)")           \
  X(NeighbourWait, "the packet waits behind an unresolved neighbour, or leaves that queue")                         \
  X(Transmit, "a device was given the frame to send (ndo_start_xmit; a cable's queue took it or not)")              \
  X(Receive, "a device received the frame from its cable or its veth peer (netif_receive_skb)")                     \
  X(BridgeInput, "a port handed the frame to its bridge (br_handle_frame)")                                         \
  X(BridgeLookup, "the bridge asked its FDB: one port, the host, or a flood (br_handle_frame_finish, br_dev_xmit)") \
  X(BridgeForward, "the bridge sends the frame through a port (br_forward, br_flood)")                              \
  X(ArpProcess, "an ARP packet was looked at (arp_process)")                                                        \
  X(IpReceive, "the IPv4 header was checked (ip_rcv_core)")                                                         \
  X(RouteInput, "the FIB was asked for a received packet (ip_route_input)")                                         \
  X(Reassemble, "a fragment for this host was queued, or completed its datagram (ip_defrag)")                       \
  X(FilterInput, "a chain of the INPUT hook was walked")                                                            \
  X(VxlanFdbLookup, "the vxlan device asked its FDB for the remote VTEP (vxlan_xmit)")                              \
  X(VxlanRoute, "the FIB was asked for the way to the remote VTEP (udp_tunnel_dst_lookup)")                         \
  X(TunnelRoute, "a tunnel asked who is at its other end, or the FIB for the way there (ip_tunnel_xmit, wg_xmit)")  \
  X(Encapsulate, "outer headers were put before the frame (vxlan_xmit_one, ip_tunnel_xmit, encrypt_packet)")        \
  X(Decapsulate, "a tunnel device took a packet: outer headers checked and removed (vxlan_rcv, ip_tunnel_rcv)")     \
  X(LocalDeliver, "the packet was handed to its protocol: UDP, TCP, ICMP (ip_protocol_deliver_rcu)")                \
  X(RunEnd, "the simulation ended while the packet was under way")                                                  \
  X(FilterPrerouting, "a chain of the PREROUTING hook was walked")                                                  \
  X(FilterPostrouting, "a chain of the POSTROUTING hook was walked")                                                \
  X(Conntrack, "connection tracking could not make anything of the packet, or has no room (nf_conntrack_in)")       \
  X(Translate, "NAT changed an address or port (nf_nat_manip_pkt)")                                                 \
  X(TunnelWait, "the packet waits for a handshake with a wireguard peer, or leaves that queue (wg_xmit)")           \
  X(Program, "an eBPF program of a device (tc_run) or Open vSwitch (ovs_dp_process_packet) has judged the frame")

enum class Stage : uint8_t {
#define OVERLAYSIM_X(name, meaning) name,
  OVERLAYSIM_STAGES(OVERLAYSIM_X)
#undef OVERLAYSIM_X
      Count
};

/// What kind of end, if any, a verdict is.
enum class Fate : uint8_t {
  Ongoing,   ///< the packet goes on: more records of it follow
  Replaced,  ///< the packet goes on as others (its fragments, its copies, the whole of its fragments)
  Arrived,   ///< the end, as it should be
  Dropped,   ///< the end, lost
  Unended,   ///< the run ended first
};

/// What became of a packet at a stage. One line each: name, fate, Linux's drop reason and the function that frees the
/// skb (include/net/dropreason-core.h of 6.18; "" where Linux names none or has no such thing), and the exact
/// condition. The numbers are part of the file format, so new verdicts go to the end.
#define OVERLAYSIM_VERDICTS(X)                                                                                         \
  X(Continue, Ongoing, "", "", "nothing stopped it at this stage")                                                     \
  X(Fragmented, Replaced, "", "", "cut into fragments, which go on under packet numbers of their own")                 \
  X(Flooded, Replaced, "", "",                                                                                         \
    "copied to several ports or remotes; the copies go on under packet numbers of their own")                          \
  X(Reassembled, Replaced, "", "", "a fragment that has become part of a datagram, which goes on")                     \
  X(Delivered, Arrived, "", "", "handed to the socket or protocol handler it was meant for")                           \
  X(Consumed, Arrived, "", "", "used up by the stack itself: ARP, or an ICMP message without a socket")                \
  X(Unfinished, Unended, "", "", "still under way, queued or held for reassembly when the run ended")                  \
  X(LinkDown, Dropped, "QDISC_DROP", "__dev_queue_xmit", "the sending device is down or has no carrier")               \
  X(CableCut, Dropped, "", "", "on the cable when the cable failed")                                                   \
  X(DeviceGone, Dropped, "", "", "the device or namespace it was meant for was deleted")                               \
  X(QueueFull, Dropped, "QDISC_DROP", "__dev_xmit_skb", "the device's queue has no room for the whole frame")          \
  X(ExceedsDeviceMtu, Dropped, "NOT_SPECIFIED", "__dev_forward_skb",                                                   \
    "the frame is longer than the MTU and link header of the veth peer or bridge port that it is handed to")           \
  X(UnderlayAcl, Dropped, "", "", "no line of the underlay's allow list admits it")                                    \
  X(FrameTooShort, Dropped, "", "", "shorter than an Ethernet header")                                                 \
  X(UnknownEthertype, Dropped, "UNHANDLED_PROTO", "__netif_receive_skb_core",                                          \
    "nothing in the namespace takes its EtherType")                                                                    \
  X(OtherHost, Dropped, "OTHERHOST", "ip_rcv_core",                                                                    \
    "the destination MAC is another's (IPv4 in it is not for this host)")                                              \
  X(BridgeBadSource, Dropped, "MAC_INVALID_SOURCE", "br_handle_frame", "the source MAC is zero or multicast")          \
  X(BridgePortState, Dropped, "BRIDGE_INGRESS_STP_STATE", "br_handle_frame_finish",                                    \
    "the bridge is down, or the port is neither learning nor forwarding")                                              \
  X(BridgeSamePort, Dropped, "NOT_SPECIFIED", "br_forward",                                                            \
    "the FDB names the port it came in by, and that port has hairpin off")                                             \
  X(BridgePortBlocked, Dropped, "NOT_SPECIFIED", "br_forward",                                                         \
    "the FDB names a port that is not forwarding, or that is isolated as the ingress port is")                         \
  X(BridgeNoPort, Dropped, "NO_TX_TARGET", "br_flood", "unknown or group destination, and no port to flood to")        \
  X(ArpMalformed, Dropped, "NOT_SPECIFIED", "arp_rcv",                                                                 \
    "ARP with wrong hardware type, protocol, lengths, or too short")                                                   \
  X(IpTruncated, Dropped, "PKT_TOO_SMALL", "ip_rcv_core", "fewer bytes in the frame than the IPv4 total length says")  \
  X(IpHeaderError, Dropped, "IP_INHDR", "ip_rcv_core",                                                                 \
    "version not 4, header length below 20 or total length below it")                                                  \
  X(IpOptionsError, Dropped, "IP_INHDR", "ip_rcv_finish_core",                                                         \
    "malformed IPv4 options, or a source route that is refused")                                                       \
  X(IpChecksum, Dropped, "IP_CSUM", "ip_rcv_core", "the IPv4 header checksum is wrong")                                \
  X(InvalidSource, Dropped, "IP_INVALID_SOURCE", "ip_rcv_finish_core", "source is multicast, broadcast or 0.0.0.0")    \
  X(InvalidDestination, Dropped, "IP_INVALID_DEST", "ip_rcv_finish_core", "destination is in 0.0.0.0/8")               \
  X(LocalSource, Dropped, "IP_LOCAL_SOURCE", "ip_rcv_finish_core", "source is an address of this very namespace")      \
  X(LoopbackAddress, Dropped, "IP_LOCALNET", "ip_rcv_finish_core",                                                     \
    "source or destination is in 127.0.0.0/8 on a device that is not loopback, and route_localnet is off")             \
  X(RpFilter, Dropped, "IP_RPFILTER", "ip_rcv_finish_core",                                                            \
    "rp_filter: the way back to the source is by another device")                                                      \
  X(NoRoute, Dropped, "IP_INNOROUTES", "ip_error", "no route covers the destination")                                  \
  X(RouteUnreachable, Dropped, "NOT_SPECIFIED", "ip_error", "the route is of type unreachable")                        \
  X(RouteProhibit, Dropped, "NOT_SPECIFIED", "ip_error", "the route is of type prohibit")                              \
  X(RouteBlackhole, Dropped, "NOT_SPECIFIED", "ip_error", "the route is of type blackhole")                            \
  X(NotForwarding, Dropped, "IP_INADDRERRORS", "ip_error", "not for this host, and the input device does not forward") \
  X(UnicastInLinkBroadcast, Dropped, "NOT_SPECIFIED", "ip_forward",                                                    \
    "to be forwarded, but it came in a broadcast or multicast frame")                                                  \
  X(TtlExpired, Dropped, "IP_INHDR", "ip_forward", "to be forwarded with TTL 0 or 1; answered with time exceeded")     \
  X(FragNeeded, Dropped, "PKT_TOO_BIG", "ip_forward",                                                                  \
    "DF is set and the packet is larger than the route's or device's MTU; answered with fragmentation needed")         \
  X(FilterDrop, Dropped, "NETFILTER_DROP", "nft_do_chain", "a filter rule or a chain's policy said DROP")              \
  X(FilterReject, Dropped, "NETFILTER_DROP", "nft_do_chain",                                                           \
    "a filter rule said REJECT; answered with an ICMP error or RST")                                                   \
  X(NeighbourFailed, Dropped, "NEIGH_FAILED", "neigh_invalidate",                                                      \
    "no answer to the last ARP request, or the entry is FAILED")                                                       \
  X(NeighbourQueueFull, Dropped, "NEIGH_QUEUEFULL", "__neigh_event_send", "pushed out of the queue by a later packet") \
  X(NeighbourDeleted, Dropped, "QUEUE_PURGE", "", "the entry it waited behind was deleted or lost its device")         \
  X(DuplicateFragment, Dropped, "DUP_FRAG", "ip_defrag", "all its bytes have been received in another fragment")       \
  X(FragmentInvalid, Dropped, "NOT_SPECIFIED", "ip_defrag",                                                            \
    "overlaps a fragment in part, goes past 65535 bytes or the known end, or is not a multiple of 8")                  \
  X(ReassemblyTimeout, Dropped, "FRAG_REASM_TIMEOUT", "", "ipfrag_time passed before all fragments had come")          \
  X(VxlanNoFdb, Dropped, "NO_TX_TARGET", "vxlan_xmit",                                                                 \
    "no FDB entry for the destination MAC, and neither an all-zero entry nor a default remote")                        \
  X(VxlanNoRoute, Dropped, "IP_OUTNOROUTES", "vxlan_xmit_one", "no route to the remote VTEP")                          \
  X(VxlanLoop, Dropped, "", "", "the route to the remote VTEP leads into the vxlan device itself")                     \
  X(VxlanTooShort, Dropped, "PKT_TOO_SMALL", "vxlan_rcv", "fewer than 8 bytes behind the outer UDP header")            \
  X(VxlanNoVniFlag, Dropped, "VXLAN_INVALID_HDR", "vxlan_rcv", "the I flag is not set")                                \
  X(VxlanReservedBits, Dropped, "VXLAN_INVALID_HDR", "vxlan_rcv", "a reserved flag or field is not zero")              \
  X(VxlanUnknownVni, Dropped, "VXLAN_VNI_NOT_FOUND", "vxlan_rcv", "no vxlan device of this port has that VNI")         \
  X(VxlanDeviceDown, Dropped, "DEV_READY", "vxlan_rcv", "the vxlan device is down")                                    \
  X(VxlanFrameTooShort, Dropped, "NOMEM", "vxlan_rcv", "fewer than 14 bytes behind the VXLAN header")                  \
  X(VxlanInnerTooShort, Dropped, "PKT_TOO_SMALL", "vxlan_rcv", "the inner network header is cut short")                \
  X(VxlanLocalMac, Dropped, "LOCAL_MAC", "vxlan_rcv", "the inner source MAC is the vxlan device's own")                \
  X(VxlanBadSource, Dropped, "MAC_INVALID_SOURCE", "vxlan_rcv",                                                        \
    "learning is on, and the inner source MAC is zero or multicast")                                                   \
  X(VxlanEntryExists, Dropped, "VXLAN_ENTRY_EXISTS", "vxlan_rcv",                                                      \
    "learning is on, and a static FDB entry has the inner source MAC at another remote")                               \
  X(TunnelNoRoute, Dropped, "NOT_SPECIFIED", "ip_tunnel_xmit", "no route to the other end of the ipip tunnel")         \
  X(TunnelLoop, Dropped, "NOT_SPECIFIED", "ip_tunnel_xmit",                                                            \
    "the route to the other end of the ipip tunnel leads into the ipip device itself")                                 \
  X(TunnelNoDevice, Dropped, "NOT_SPECIFIED", "tunnel4_rcv",                                                           \
    "IP in IP, and no ipip device that is up has these ends; answered with port unreachable")                          \
  X(TunnelInnerTooShort, Dropped, "NOT_SPECIFIED", "ip_tunnel_rcv", "the inner IPv4 header is cut short")              \
  X(EcnMalformed, Dropped, "IP_TUNNEL_ECN", "vxlan_rcv", "outer ECN is CE and the inner packet is not ECN-capable")    \
  X(UnknownProtocol, Dropped, "IP_NOPROTO", "ip_protocol_deliver_rcu", "nothing takes that IPv4 protocol")             \
  X(IcmpTooShort, Dropped, "NOT_SPECIFIED", "icmp_rcv", "shorter than its ICMP header")                                \
  X(IcmpChecksum, Dropped, "ICMP_CSUM", "icmp_rcv", "the ICMP checksum is wrong")                                      \
  X(IcmpUnknownType, Dropped, "UNHANDLED_PROTO", "icmp_rcv", "an ICMP type that is not known")                         \
  X(IcmpEchoIgnored, Dropped, "", "", "icmp_echo_ignore_all is on")                                                    \
  X(UdpTooShort, Dropped, "PKT_TOO_SMALL", "__udp4_lib_rcv",                                                           \
    "the UDP length is below 8 or above what the packet holds")                                                        \
  X(UdpChecksum, Dropped, "UDP_CSUM", "__udp4_lib_rcv", "the UDP checksum is not zero and wrong")                      \
  X(UdpNoSocket, Dropped, "NO_SOCKET", "__udp4_lib_rcv", "no UDP socket for it; answered with port unreachable")       \
  X(UdpBufferFull, Dropped, "SOCKET_RCVBUFF", "udp_queue_rcv_one_skb", "the socket's receive buffer has no room")      \
  X(TcpTooShort, Dropped, "PKT_TOO_SMALL", "tcp_v4_rcv", "the TCP header is cut short")                                \
  X(TcpChecksum, Dropped, "TCP_CSUM", "tcp_v4_rcv", "the TCP checksum is wrong")                                       \
  X(TcpNoSocket, Dropped, "NO_SOCKET", "tcp_v4_rcv", "no TCP socket for it; answered with a RST")                      \
  X(SourceRouteRefused, Dropped, "NOT_SPECIFIED", "ip_rcv_finish_core",                                                \
    "it has a source route option, and accept_source_route is off")                                                    \
  X(GroupNotJoined, Dropped, "NOT_SPECIFIED", "ip_rcv_finish_core",                                                    \
    "to a multicast group that nobody has joined on the device")                                                       \
  X(ArpTooShort, Dropped, "PKT_TOO_SMALL", "arp_rcv", "fewer than 28 bytes of ARP")                                    \
  X(ArpIgnored, Dropped, "NOT_SPECIFIED", "arp_process",                                                               \
    "neither request nor reply, or about a group, loopback or (drop_gratuitous_arp) its own sender's address")         \
  X(BridgeIpHeader, Dropped, "IP_INHDR", "br_nf_pre_routing",                                                          \
    "bridge-nf-call-iptables or -ip6tables is on, and the IP header is malformed, cut short or has a wrong checksum")  \
  X(UdpHeaderCut, Dropped, "NOT_SPECIFIED", "__udp4_lib_rcv", "shorter than a UDP header")                             \
  X(UdpGroupIgnored, Dropped, "NOT_SPECIFIED", "__udp4_lib_rcv", "no UDP socket takes that broadcast or multicast")    \
  X(IcmpToGroup, Dropped, "INVALID_PROTO", "icmp_rcv",                                                                 \
    "to a broadcast or multicast address: an echo or timestamp that is ignored, or an error")                          \
  X(IcmpErrorMalformed, Dropped, "NOT_SPECIFIED", "icmp_unreach", "an ICMP error that quotes no whole IPv4 header")    \
  X(FragmentAbandoned, Dropped, "NOT_SPECIFIED", "inet_frag_rbtree_purge",                                             \
    "its datagram was given up for another fragment's sake")                                                           \
  X(BridgeMacControl, Dropped, "MAC_IEEE_MAC_CONTROL", "br_handle_frame", "a pause frame: bridges forward none")       \
  X(ConntrackFull, Dropped, "NETFILTER_DROP", "nf_hook_slow", "nf_conntrack_max connections are in the table already") \
  X(ConntrackClash, Dropped, "NETFILTER_DROP", "nf_hook_slow",                                                         \
    "another connection has come into the table with the same addresses and ports")                                    \
  X(NatDropped, Dropped, "NETFILTER_DROP", "nf_hook_slow",                                                             \
    "NAT has no address for it, cannot read the packet that an error quotes, or its device has changed")               \
  X(NetfilterNoRoute, Dropped, "NETFILTER_DROP", "nf_hook_slow",                                                       \
    "no route to where NAT or a mark of the OUTPUT hook leads it")                                                     \
  X(Ipv6Disabled, Dropped, "IPV6DISABLED", "ip6_rcv_core", "the device does not speak IPv6 (disable_ipv6)")            \
  X(Ipv6BadVersion, Dropped, "UNHANDLED_PROTO", "ip6_rcv_core", "the EtherType says IPv6, the version field does not") \
  X(Ipv6UnknownOption, Dropped, "UNHANDLED_PROTO", "ip6_tlvopt_unknown",                                               \
    "a hop-by-hop or destination option that nobody knows and that says to drop the packet")                           \
  X(Ipv6RoutingHeader, Dropped, "NOT_SPECIFIED", "ipv6_rthdr_rcv",                                                     \
    "a routing header with segments left; answered with parameter problem")                                            \
  X(Ipv6NothingFollows, Dropped, "NOT_SPECIFIED", "dst_discard_out", "the next header is 59: nothing to deliver")      \
  X(IcmpQuoteTooShort, Dropped, "PKT_TOO_SMALL", "icmpv6_rcv", "an ICMPv6 error that quotes too little to tell whose") \
  X(NdiscHopLimit, Dropped, "IPV6_NDISC_HOP_LIMIT", "icmpv6_rcv", "neighbour discovery with a hop limit below 255")    \
  X(NdiscFragment, Dropped, "IPV6_NDISC_FRAG", "icmpv6_rcv", "neighbour discovery in fragments")                       \
  X(NdiscBadCode, Dropped, "IPV6_NDISC_BAD_CODE", "icmpv6_rcv", "neighbour discovery with a code that is not 0")       \
  X(NdiscBadOptions, Dropped, "IPV6_NDISC_BAD_OPTIONS", "icmpv6_rcv", "neighbour discovery with malformed options")    \
  X(NdiscTooShort, Dropped, "PKT_TOO_SMALL", "icmpv6_rcv", "a neighbour message shorter than its target")              \
  X(NdiscOtherTarget, Dropped, "IPV6_NDISC_NS_OTHERHOST", "icmpv6_rcv",                                                \
    "a solicitation for an address that is not this device's")                                                         \
  X(NdiscIgnored, Dropped, "NOT_SPECIFIED", "icmpv6_rcv",                                                              \
    "a neighbour message that teaches nothing: of an unknown neighbour, about an own address, contradictory")          \
  X(WireguardNoPeer, Dropped, "NOT_SPECIFIED", "wg_xmit",                                                              \
    "no wireguard peer has that destination in its allowed IPs; answered with host unreachable")                       \
  X(WireguardNoEndpoint, Dropped, "NOT_SPECIFIED", "wg_xmit",                                                          \
    "nobody knows where the wireguard peer is; answered with host unreachable")                                        \
  X(WireguardQueueFull, Dropped, "NOT_SPECIFIED", "wg_xmit",                                                           \
    "more than 128 packets waited for the handshake: the oldest goes")                                                 \
  X(WireguardGivenUp, Dropped, "QUEUE_PURGE", "wg_packet_purge_staged_packets",                                        \
    "the handshake was not answered for 90 seconds, or the device went down")                                          \
  X(WireguardMalformed, Dropped, "NOT_SPECIFIED", "wg_packet_receive",                                                 \
    "no wireguard message of a known type and size")                                                                   \
  X(WireguardNoSession, Dropped, "NOT_SPECIFIED", "wg_packet_consume_data",                                            \
    "the receiver index is that of no session or handshake, or the session is over")                                   \
  X(WireguardNotAuthentic, Dropped, "NOT_SPECIFIED", "wg_packet_rx_poll",                                              \
    "it does not decrypt: damaged, not a peer's, or meant for somebody else")                                          \
  X(WireguardReplayed, Dropped, "NOT_SPECIFIED", "wg_packet_rx_poll",                                                  \
    "that nonce or timestamp has come before, or handshakes come too fast")                                            \
  X(WireguardForbiddenSource, Dropped, "NOT_SPECIFIED", "wg_packet_consume_data_done",                                 \
    "the inner source address is not among the peer's allowed IPs")                                                    \
  X(WireguardInnerInvalid, Dropped, "NOT_SPECIFIED", "wg_packet_consume_data_done",                                    \
    "what came out is no IPv4 packet, or shorter than it says")                                                        \
  X(TunNotOpened, Dropped, "", "", "no process reads from the TUN device")                                             \
  X(FlanneldNoRoute, Dropped, "", "", "flanneld knows no node with that address; answered with net unreachable")       \
  X(FlanneldTtlExpired, Dropped, "", "", "flanneld counted the TTL down to 0; it answers nothing")                     \
  X(FlanneldTooShort, Dropped, "", "", "fewer than 20 bytes came to flanneld's socket")                                \
  X(VxlanNoRemote, Dropped, "NOT_SPECIFIED", "vxlan_xmit_one", "the FDB entry's remote is 0.0.0.0 or ::")              \
  X(Redirected, Ongoing, "", "", "goes on through the device that the program has named")                              \
  X(TunnelNoKey, Dropped, "TUNNEL_TXINFO", "vxlan_xmit", "an external tunnel device was not told where to send it")    \
  X(GeneveTooShort, Dropped, "NOT_SPECIFIED", "geneve_udp_encap_recv", "fewer than 8 bytes behind the UDP header")     \
  X(GeneveBadVersion, Dropped, "NOT_SPECIFIED", "geneve_udp_encap_recv", "a version of Geneve other than 0")           \
  X(GeneveNoDevice, Dropped, "NOT_SPECIFIED", "geneve_udp_encap_recv",                                                 \
    "no geneve device of this port has that VNI and that remote")                                                      \
  X(GeneveBadProtocol, Dropped, "NOT_SPECIFIED", "geneve_udp_encap_recv",                                              \
    "what it carries is no Ethernet frame, or its options are cut short")                                              \
  X(GeneveCritical, Dropped, "NOT_SPECIFIED", "geneve_udp_encap_recv",                                                 \
    "it has critical options, and the device knows none")                                                              \
  X(GeneveLocalMac, Dropped, "NOT_SPECIFIED", "geneve_udp_encap_recv",                                                 \
    "the inner source MAC is the geneve device's own")                                                                 \
  X(CiliumInvalidSource, Dropped, "TC_INGRESS", "__netif_receive_skb_core",                                            \
    "Cilium's DROP_INVALID_SIP (132): the source address is not the pod's")                                            \
  X(CiliumInvalid, Dropped, "TC_INGRESS", "__netif_receive_skb_core",                                                  \
    "Cilium's DROP_INVALID (134): the IPv4 header is cut short")                                                       \
  X(CiliumUnknownL3, Dropped, "TC_INGRESS", "__netif_receive_skb_core",                                                \
    "Cilium's DROP_UNKNOWN_L3 (139): neither IPv4 nor ARP")                                                            \
  X(CiliumNoTunnelKey, Dropped, "TC_INGRESS", "__netif_receive_skb_core",                                              \
    "Cilium's DROP_NO_TUNNEL_KEY (147): not out of a tunnel")                                                          \
  X(CiliumUnroutable, Dropped, "TC_EGRESS", "__dev_queue_xmit",                                                        \
    "Cilium's DROP_UNROUTABLE (151): sent to cilium_host, and no endpoint or node has the address")                    \
  X(CiliumUnsupportedL2, Dropped, "TC_INGRESS", "__netif_receive_skb_core",                                            \
    "Cilium's DROP_UNSUPPORTED_L2 (166): a length in place of the EtherType")                                          \
  X(CiliumInvalidIdentity, Dropped, "TC_INGRESS", "__netif_receive_skb_core",                                          \
    "Cilium's DROP_INVALID_IDENTITY (171): the VNI says that this very host has sent it")                              \
  X(CiliumTtlExceeded, Dropped, "TC_INGRESS", "__netif_receive_skb_core",                                              \
    "Cilium's DROP_TTL_EXCEEDED (196): TTL 0 or 1; no ICMP answer")                                                    \
  X(OvsNoFlow, Dropped, "OVS_DROP_LAST_ACTION", "ovs_dp_process_packet",                                               \
    "the last flow that matches has no output: a table's default")                                                     \
  X(OvsSpoofed, Dropped, "OVS_DROP_LAST_ACTION", "ovs_dp_process_packet",                                              \
    "Antrea's SpoofGuard: source MAC or address is not the pod's")                                                     \
  X(OvsTtlExpired, Dropped, "OVS_DROP_LAST_ACTION", "ovs_dp_process_packet",                                           \
    "dec_ttl of a packet with TTL 0 or 1: handed to the controller")                                                   \
  X(EspHeaderCut, Dropped, "NOT_SPECIFIED", "xfrm_input", "fewer than 8 bytes of ESP")                                 \
  X(EspNoState, Dropped, "NOT_SPECIFIED", "xfrm_input", "no state has that destination and SPI")                       \
  X(EspMismatch, Dropped, "NOT_SPECIFIED", "xfrm_input",                                                               \
    "in UDP, and its state is for ESP without it, or the other way round")                                             \
  X(EspReplayed, Dropped, "NOT_SPECIFIED", "xfrm_input",                                                               \
    "that sequence number is zero, has come before, or is 32 or more below the highest")                               \
  X(EspNotAuthentic, Dropped, "NOT_SPECIFIED", "xfrm_input",                                                           \
    "it does not decrypt: damaged, cut short, or not made by the state's other end")                                   \
  X(IpsecRequired, Dropped, "XFRM_POLICY", "ip_forward",                                                               \
    "policy wants it to come by the peer's ESP tunnel, and it has not")                                                \
  X(IpsecNoPolicy, Dropped, "XFRM_POLICY", "ip_forward", "it came by an ESP tunnel, and no policy lets its addresses") \
  X(IpsecNoRoute, Dropped, "XFRM_POLICY", "ip_forward", "no route to the other end of the ESP tunnel")                 \
  X(L2Missed, Ongoing, "", "",                                                                                         \
    "the device has no FDB entry for it, and says so to all who listen (l2miss, vxlan_fdb_miss)")                      \
  X(L3Missed, Ongoing, "", "",                                                                                         \
    "the device's neighbour is not known, and it says so to all who listen (l3miss, vxlan_ip_miss)")

enum class Verdict : uint8_t {
#define OVERLAYSIM_X(name, fate, reason, function, condition) name,
  OVERLAYSIM_VERDICTS(OVERLAYSIM_X)
#undef OVERLAYSIM_X
      Count
};

const char* StageName(Stage stage);        ///< "VxlanFdbLookup"; "?" beyond the last
const char* StageMeaning(Stage stage);     ///< the line above, for people
const char* VerdictName(Verdict verdict);  ///< "TtlExpired"; "?" beyond the last
const char* VerdictCondition(Verdict verdict);
std::optional<Verdict> FindVerdict(std::string_view name);  ///< exact
Fate FateOf(Verdict verdict);
constexpr bool IsFinal(Fate fate) { return fate != Fate::Ongoing; }
inline bool IsDrop(Verdict verdict) { return FateOf(verdict) == Fate::Dropped; }

/// "IP_INHDR at ip_forward": what Linux's skb:kfree_skb tracepoint says of that drop; "" where Linux says nothing (it
/// has no skb yet at Send and RouteOutput) or where this stage and verdict have no counterpart.
std::string KernelDrop(Stage stage, Verdict verdict, bool isIpv6 = false);

/// What happened to one packet at one stage. 56 bytes of plain numbers; header bytes are handed over beside it.
struct TraceRecord {
  int64_t timeNs = 0;    ///< simulated time
  uint64_t journey = 0;  ///< one packet from its maker to its end, whatever headers it wears; from 1
  uint64_t cause = 0;    ///< at Send: the journey that made the namespace send this (a request, a dropped packet, a
                         ///< packet that waits for an ARP answer); 0: none
  uint32_t packet = 0;   ///< which packet of the journey: 0 the one that was sent, then fragments and copies as made
  uint32_t flow = 0xffffffff;   ///< FlowId of the traffic it belongs to; all ones: none
  uint32_t netns = 0xffffffff;  ///< NetnsId
  uint32_t ifindex = 0;         ///< device in that namespace; 0: none
  uint32_t sizeBytes = 0;       ///< of the packet as it stands there, its outermost header included
  uint32_t row = 0;             ///< the table row that decided; 0: none
  uint32_t tableVersion = 0;    ///< kernel::Namespace::Version() when it decided; 0 when row is 0
  Stage stage = Stage::Send;
  Verdict verdict = Verdict::Continue;
  kernel::Table table{};  ///< of `row`

  bool operator==(const TraceRecord&) const = default;
};

/// The bytes of headers before and after a stage that changed them. Either side may be empty (headers put on or taken
/// off).
struct HeaderChange {
  static constexpr size_t kMaxBytes = 255;  ///< of each side; what is longer is cut by the writer
  uint16_t offset = 0;                      ///< of both sides from the start of the frame
  std::span<const uint8_t> before, after;

  bool IsEmpty() const { return before.empty() && after.empty(); }
};

}  // namespace overlaysim
