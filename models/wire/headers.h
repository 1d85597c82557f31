#pragma once

#include <cstdint>

#include "models/wire/bytes.h"

namespace overlaysim::wire {

inline constexpr uint32_t kEthernetHeaderBytes = 14;  // without FCS, as captures and MTUs count
inline constexpr uint32_t kArpBytes = 28;
inline constexpr uint32_t kIpv4HeaderBytes = 20;
inline constexpr uint32_t kIpv6HeaderBytes = 40;
inline constexpr uint32_t kIpv6FragmentHeaderBytes = 8;
inline constexpr uint32_t kIpv6LeastMtu = 1280;  // RFC 8200, section 5: what every link carries
inline constexpr uint32_t kUdpHeaderBytes = 8;
inline constexpr uint32_t kIcmpHeaderBytes = 8;
inline constexpr uint32_t kTcpHeaderBytes = 20;
inline constexpr uint32_t kVxlanHeaderBytes = 8;
inline constexpr uint32_t kVxlanOverheadBytes =  // 50: what VXLAN over IPv4 adds to a frame
    kEthernetHeaderBytes + kIpv4HeaderBytes + kUdpHeaderBytes + kVxlanHeaderBytes;
inline constexpr uint32_t kVxlan6OverheadBytes =  // 70: over IPv6
    kEthernetHeaderBytes + kIpv6HeaderBytes + kUdpHeaderBytes + kVxlanHeaderBytes;
/// What a cable carries beside the frame: preamble and start delimiter 8, FCS 4, inter-frame gap 12 (IEEE 802.3).
inline constexpr uint32_t kWireOverheadBytes = 24;
inline constexpr uint32_t kMinimumWireFrameBytes = 60;  // without FCS; shorter frames are padded on the cable

enum EtherType : uint16_t {
  kEtherTypeIpv4 = 0x0800,
  kEtherTypeArp = 0x0806,
  kEtherTypeVlan = 0x8100,
  kEtherTypeServiceVlan = 0x88a8,
  kEtherTypeIpv6 = 0x86dd
};
enum IpProtocol : uint8_t {
  kIpProtoHopByHop = 0,
  kIpProtoIcmp = 1,
  kIpProtoIgmp = 2,
  kIpProtoIpip = 4,
  kIpProtoTcp = 6,
  kIpProtoUdp = 17,
  kIpProtoDccp = 33,
  kIpProtoIpv6 = 41,
  kIpProtoRouting = 43,
  kIpProtoFragment = 44,
  kIpProtoGre = 47,
  kIpProtoEsp = 50,
  kIpProtoAh = 51,
  kIpProtoIcmpv6 = 58,
  kIpProtoNone = 59,  ///< nothing follows
  kIpProtoDestinationOptions = 60,
  kIpProtoSctp = 132,
  kIpProtoUdpLite = 136
};
enum IcmpType : uint8_t {
  kIcmpEchoReply = 0,
  kIcmpDestUnreach = 3,
  kIcmpRedirect = 5,
  kIcmpEcho = 8,
  kIcmpTimeExceeded = 11,
  kIcmpParameterProblem = 12,
  kIcmpTimestamp = 13,
  kIcmpTimestampReply = 14,
  kIcmpExtendedEcho = 42,
  kIcmpExtendedEchoReply = 43
};
enum IcmpUnreachCode : uint8_t {
  kIcmpNetUnreach = 0,
  kIcmpHostUnreach = 1,
  kIcmpProtUnreach = 2,
  kIcmpPortUnreach = 3,
  kIcmpFragNeeded = 4,
  kIcmpNetAno = 9,
  kIcmpHostAno = 10,
  kIcmpPktFiltered = 13
};

/// RFC 4443, RFC 4861, RFC 3810.
enum Icmpv6Type : uint8_t {
  kIcmpv6DestUnreach = 1,
  kIcmpv6PacketTooBig = 2,
  kIcmpv6TimeExceeded = 3,
  kIcmpv6ParameterProblem = 4,
  kIcmpv6Echo = 128,  ///< from here on informational, no errors
  kIcmpv6EchoReply = 129,
  kIcmpv6RouterSolicitation = 133,
  kIcmpv6RouterAdvertisement = 134,
  kIcmpv6NeighbourSolicitation = 135,
  kIcmpv6NeighbourAdvertisement = 136,
  kIcmpv6Redirect = 137,
  kIcmpv6Mldv2Report = 143
};
enum Icmpv6UnreachCode : uint8_t {
  kIcmpv6NoRoute = 0,
  kIcmpv6AdminProhibited = 1,
  kIcmpv6NotNeighbour = 2,
  kIcmpv6AddressUnreach = 3,
  kIcmpv6PortUnreach = 4
};
enum Icmpv6ParameterCode : uint8_t { kIcmpv6HeaderField = 0, kIcmpv6UnknownNextHeader = 1, kIcmpv6UnknownOption = 2 };
enum Icmpv6TimeCode : uint8_t { kIcmpv6HopLimit = 0, kIcmpv6ReassemblyTime = 1 };

/// RFC 3948: ESP in UDP.
inline constexpr uint16_t kNatTraversalPort = 4500;

inline constexpr uint16_t kIpDf = 0x4000;
inline constexpr uint16_t kIpMf = 0x2000;
inline constexpr uint16_t kIpOffsetMask = 0x1fff;

/// Ethernet II (RFC 894). A view: it reads and writes the bytes in place.
struct Ethernet {
  uint8_t* p;
  MacAddress Destination() const { return GetMac(p); }
  MacAddress Source() const { return GetMac(p + 6); }
  uint16_t Type() const { return Get16(p + 12); }
  void Write(const MacAddress& destination, const MacAddress& source, uint16_t type) const {
    PutMac(p, destination);
    PutMac(p + 6, source);
    Put16(p + 12, type);
  }
};

/// IPv4 (RFC 791).
struct Ipv4 {
  uint8_t* p;
  uint8_t Version() const { return static_cast<uint8_t>(p[0] >> 4); }
  uint32_t HeaderBytes() const { return static_cast<uint32_t>(p[0] & 15) * 4; }
  uint8_t Tos() const { return p[1]; }
  uint16_t TotalBytes() const { return Get16(p + 2); }
  uint16_t Identification() const { return Get16(p + 4); }
  uint16_t FragmentField() const { return Get16(p + 6); }
  bool DontFragment() const { return FragmentField() & kIpDf; }
  bool MoreFragments() const { return FragmentField() & kIpMf; }
  uint32_t OffsetBytes() const { return static_cast<uint32_t>(FragmentField() & kIpOffsetMask) * 8; }
  bool IsFragment() const { return (FragmentField() & (kIpMf | kIpOffsetMask)) != 0; }
  uint8_t Ttl() const { return p[8]; }
  uint8_t Protocol() const { return p[9]; }
  Ipv4Address Source() const { return GetIpv4(p + 12); }
  Ipv4Address Destination() const { return GetIpv4(p + 16); }
  uint8_t* Payload() const { return p + HeaderBytes(); }
  void FillChecksum() const;
  void DecrementTtl() const;  ///< with the checksum (RFC 1624)
};

/// The fields of a new IPv4 header without options.
struct Ipv4Fields {
  uint8_t tos = 0;
  uint16_t totalBytes = 0;
  uint16_t identification = 0;
  uint16_t fragmentField = 0;
  uint8_t ttl = 64;
  uint8_t protocol = 0;
  Ipv4Address source, destination;
};
void WriteIpv4(uint8_t* p, const Ipv4Fields& fields);

/// IPv6 (RFC 8200).
struct Ipv6 {
  uint8_t* p;
  uint8_t Version() const { return static_cast<uint8_t>(p[0] >> 4); }
  uint8_t TrafficClass() const { return static_cast<uint8_t>(Get16(p) >> 4); }
  uint32_t FlowLabel() const { return Get32(p) & 0xfffff; }
  uint16_t PayloadBytes() const { return Get16(p + 4); }
  uint8_t NextHeader() const { return p[6]; }
  uint8_t HopLimit() const { return p[7]; }
  Ipv6Address Source() const { return GetIpv6(p + 8); }
  Ipv6Address Destination() const { return GetIpv6(p + 24); }
  uint8_t* Payload() const { return p + kIpv6HeaderBytes; }
};

/// The fields of a new IPv6 header.
struct Ipv6Fields {
  uint8_t trafficClass = 0;
  uint32_t flowLabel = 0;
  uint16_t payloadBytes = 0;
  uint8_t nextHeader = 0;
  uint8_t hopLimit = 64;
  Ipv6Address source, destination;
};
void WriteIpv6(uint8_t* p, const Ipv6Fields& fields);

/// The fragment header of IPv6 (RFC 8200, section 4.5).
struct Ipv6Fragment {
  uint8_t* p;
  uint8_t NextHeader() const { return p[0]; }
  uint32_t OffsetBytes() const { return Get16(p + 2) & 0xfff8u; }
  bool MoreFragments() const { return p[3] & 1; }
  uint32_t Identification() const { return Get32(p + 4); }
  void Write(uint8_t nextHeader, uint32_t offsetBytes, bool more, uint32_t identification) const {
    p[0] = nextHeader;
    p[1] = 0;
    Put16(p + 2, offsetBytes | (more ? 1u : 0u));
    Put32(p + 4, identification);
  }
};

/// What stands behind the extension headers of an IPv6 packet (ipv6_skip_exthdr()).
struct Ipv6Upper {
  uint8_t protocol = 0;         ///< of the upper layer; behind a later fragment's header what it names
  uint32_t offset = 0;          ///< from the IPv6 header; 0: the headers are cut short
  uint32_t fragmentOffset = 0;  ///< offset of the fragment header; 0: there is none
  bool laterFragment = false;   ///< the upper layer's header is in another fragment
};
Ipv6Upper FindIpv6Upper(const uint8_t* ip, uint32_t size);

inline constexpr uint8_t kNdiscHopLimit = 255;  // RFC 4861: nobody has forwarded it

/// A neighbour solicitation or advertisement (RFC 4861, sections 4.3 and 4.4), from its ICMPv6 header on.
struct NeighbourMessage {
  uint8_t* p;
  static constexpr uint32_t kBytes = 24;       ///< without options
  static constexpr uint32_t kOptionBytes = 8;  ///< a link-layer address option
  static constexpr uint8_t kRouter = 0x80, kSolicited = 0x40, kOverride = 0x20;
  enum Option : uint8_t { kSourceLinkAddress = 1, kTargetLinkAddress = 2, kRedirectedHeader = 4, kNonce = 14 };
  uint8_t Flags() const { return p[4]; }
  Ipv6Address Target() const { return GetIpv6(p + 8); }
};

/// UDP (RFC 768).
struct Udp {
  uint8_t* p;
  uint16_t SourcePort() const { return Get16(p); }
  uint16_t DestinationPort() const { return Get16(p + 2); }
  uint16_t Length() const { return Get16(p + 4); }
  uint16_t Checksum() const { return Get16(p + 6); }
};

/// ARP for IPv4 over Ethernet (RFC 826).
struct Arp {
  uint8_t* p;
  /// Hardware type Ethernet or IEEE 802, which Linux takes for the same.
  bool IsIpv4OverEthernet() const {
    return (Get16(p) == 1 || Get16(p) == 6) && Get16(p + 2) == kEtherTypeIpv4 && p[4] == 6 && p[5] == 4;
  }
  uint16_t Operation() const { return Get16(p + 6); }
  MacAddress SenderMac() const { return GetMac(p + 8); }
  Ipv4Address SenderIp() const { return GetIpv4(p + 14); }
  MacAddress TargetMac() const { return GetMac(p + 18); }
  Ipv4Address TargetIp() const { return GetIpv4(p + 24); }
  void Write(uint16_t operation, const MacAddress& senderMac, Ipv4Address senderIp, const MacAddress& targetMac,
             Ipv4Address targetIp) const;
};
inline constexpr uint16_t kArpRequest = 1;
inline constexpr uint16_t kArpReply = 2;

/// VXLAN (RFC 7348, section 5): flags, 24 reserved bits, VNI, 8 reserved bits.
struct Vxlan {
  uint8_t* p;
  static constexpr uint32_t kFlagVni = 0x08000000;
  uint32_t FlagsWord() const { return Get32(p); }
  uint32_t VniWord() const { return Get32(p + 4); }
  uint32_t Vni() const { return Get32(p + 4) >> 8; }
  void Write(uint32_t vni) const {
    Put32(p, kFlagVni);
    Put32(p + 4, vni << 8);
  }
};

/// Geneve (RFC 8926, section 3.4): version and length of the options, flags, protocol of what follows, VNI.
struct Geneve {
  uint8_t* p;
  static constexpr uint32_t kBytes = 8;                  ///< without options
  static constexpr uint16_t kProtocolEthernet = 0x6558;  ///< Trans Ether Bridging
  static constexpr uint8_t kFlagCritical = 0x40;
  uint8_t Version() const { return static_cast<uint8_t>(p[0] >> 6); }
  uint32_t OptionBytes() const { return (p[0] & 0x3fu) * 4; }
  bool IsCritical() const { return p[1] & kFlagCritical; }
  uint16_t Protocol() const { return Get16(p + 2); }
  uint32_t Vni() const { return Get32(p + 4) >> 8; }
  void Write(uint32_t vni) const {
    Put16(p, 0);
    Put16(p + 2, kProtocolEthernet);
    Put32(p + 4, vni << 8);
  }
};

}  // namespace overlaysim::wire
