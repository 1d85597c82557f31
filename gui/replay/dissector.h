#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace overlaysim::replay {

/// A field of a header, with Wireshark's name and where its bytes are.
struct Field {
  std::string_view name;            ///< "ip.ttl"; Wireshark's display filter name. Lives as long as the program
  std::string label;                ///< "Time to live: 64"
  std::string value;                ///< "64", "10.244.1.2": as a filter compares it
  uint32_t offset = 0, length = 0;  ///< bytes of the packet; of bit fields, those that hold it
  uint8_t firstBit = 0, bits = 0;  ///< of a bit field: from the most significant of its first byte; bits 0: whole bytes
  uint8_t depth = 0;               ///< 0: of the layer; else part of the last field before it whose depth is less
  bool isSuspicious = false;       ///< a checksum that is wrong, a reserved bit that is set
};

enum class Protocol : uint8_t {
  Ethernet,
  Arp,
  Ipv4,
  Ipv6,
  Icmp,
  Icmpv6,
  Igmp,
  Udp,
  Tcp,
  Vxlan,
  Geneve,
  WireGuard,
  Esp,
  Data,
  Malformed
};

/// One header of a packet.
struct Layer {
  Protocol protocol = Protocol::Data;
  std::string_view name;        ///< "VXLAN", as a brick shows it
  std::string_view filterName;  ///< "vxlan"
  std::string summary;          ///< "VNI 1", "10.244.1.2 → 10.244.2.2, ttl 63"
  uint32_t offset = 0, length = 0;
  uint8_t tunnelDepth = 0;  ///< how many tunnel headers stand before it
  bool isQuoted = false;    ///< part of the packet that an ICMP error is about
  std::vector<Field> fields;
};

struct Dissection {
  std::vector<Layer> layers;
  std::string protocol;  ///< Wireshark's Protocol column: "ICMP"
  std::string info;      ///< Wireshark's last column: "Echo (ping) request  id=0x0001, seq=1/256, ttl=64"
  /// First field of that name, counted from the outermost layer; null: none.
  const Field* Find(std::string_view field) const;
};

/// What a packet's bytes begin with. Payload: no header stands in front yet, as of what a tunnel has just encrypted.
enum class LinkLayer : uint8_t { Ethernet, Ip, Payload };

/// Takes apart what is there; never fails: what is cut short or malformed becomes a layer that says so.
/// @param wireBytes of the whole packet, of which `bytes` may be the beginning only
Dissection Dissect(std::span<const uint8_t> bytes, LinkLayer first, uint32_t wireBytes,
                   std::span<const uint16_t> vxlanPorts);

}  // namespace overlaysim::replay
