#pragma once

#include <cstdint>
#include <optional>

#include "models/linux/link.h"
#include "models/linux/namespace.h"
#include "models/wire/flow_hash.h"

namespace overlaysim::kernel {

// The decisions of drivers/net/vxlan/vxlan_core.c, apart from what carries packets: one place for the packet path of
// our namespaces and for the ns-3 device.

/// Header checks of vxlan_rcv() for a device without extensions.
enum class VxlanHeaderFault : uint8_t { None, NoVniFlag, ReservedBits };
VxlanHeaderFault CheckVxlanHeader(uint32_t flagsWord, uint32_t vniWord);

/// RFC 6040 as INET_ECN_decapsulate() has it. `inner` is the inner packet's TOS or traffic class octet.
struct EcnDecapsulation {
  bool drop = false;        ///< outer CE on an inner packet that is not ECN-capable
  bool suspicious = false;  ///< a combination that RFC 6040 wants logged
  uint8_t tos = 0;          ///< the inner octet afterwards
};
EcnDecapsulation DecapsulateEcn(uint8_t outer, uint8_t inner);

/// TOS of the outer header: the device's, the inner packet's DSCP when it is 1 (inherit); ECN from the inner packet
/// (INET_ECN_encapsulate()).
uint8_t OuterTos(uint8_t configured, uint8_t inner);

/// What a tunnelled frame tells its outer header (ip_tunnel_get_dsfield(), ip_tunnel_get_ttl()). All zero when it is
/// not IP.
struct InnerHeader {
  bool isIpv4 = false;
  bool dontFragment = false;
  bool truncated = false;  ///< IP by its EtherType, but shorter than an IP header (pskb_inet_may_pull())
  bool isIp = false;       ///< IPv4 or IPv6, and whole
  uint8_t tos = 0;         ///< or traffic class
  uint8_t ttl = 0;         ///< or hop limit
};
InnerHeader ReadInnerHeader(const uint8_t* frame, uint32_t size);

/// Writes the TOS or traffic class of a frame whose InnerHeader is IP, with the checksum of an IPv4 header.
void WriteInnerTos(uint8_t* frame, uint8_t tos);

/// The same of an IPv4 packet.
void WriteIpv4Tos(uint8_t* packet, uint8_t tos);

/// TTL of the outer header; `routeTtl` is what `auto` takes to a single host (net.ipv4.ip_default_ttl). `innerTtl` 0:
/// not IP.
uint8_t OuterTtl(const VxlanOptions& options, uint8_t innerTtl, uint8_t routeTtl, bool toMulticast);

/// Outer DF by `df unset|set|inherit`; `innerDf` is that of an inner IPv4 packet.
bool OuterDf(const VxlanOptions& options, bool innerIsIpv4, bool innerDf);

/// Where a frame to `destination` goes: the entry of its MAC, else the all-zero entry, else the default remote.
/// nullptr: nowhere. `scratch` holds an entry that is made up.
const VxlanFdbEntry* FindVxlanDestination(const Namespace& ns, const Link& link, MacAddress destination,
                                          VxlanFdbEntry& scratch);

/// srcport of the device, or the namespace's net.ipv4.ip_local_port_range when that range is empty
/// (udp_flow_src_port()).
wire::PortRange SourcePorts(const Namespace& ns, const VxlanOptions& options);

/// vxlan_snoop(): what a received frame teaches a learning device. An entry that is there follows the sender to its new
/// remote unless it is static; a table that is full (maxaddress) learns nothing, and the frame passes all the same.
enum class VxlanSnoop : uint8_t { Accepted, InvalidSource, EntryExists };
VxlanSnoop SnoopVxlan(Namespace& ns, const Link& link, MacAddress source, IpAddress remote, Nanoseconds now);

/// vxlan_cleanup(): forgets learned entries that were not refreshed for `ageing` seconds. Returns when the next one is
/// due; nothing when no entry ages.
std::optional<Nanoseconds> AgeVxlanFdb(Namespace& ns, const Link& link, Nanoseconds now);

}  // namespace overlaysim::kernel
