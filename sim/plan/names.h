#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "models/linux/tunnel_peer.h"
#include "sim/base/addresses.h"
#include "sim/base/ids.h"

namespace overlaysim::plan {

/// A hash of names that is the same on every machine (FNV-1a, mixed).
uint64_t HashName(std::string_view text);

/// A locally administered unicast address made from a name such as "node1/eth0", so that it never changes between runs.
MacAddress MacFromName(std::string_view name);

/// The node's end of a pod's veth: "veth" and eight hex digits, as the CNI's bridge plugin has it (there they are
/// random).
std::string VethName(std::string_view nameSpace, std::string_view pod);

/// MAC of the tunnel device of a node whose agent draws it at random.
MacAddress VtepMacFromName(std::string_view node);

/// The node's end of a pod's veth as Calico names it: "cali" and eleven hex digits of SHA-1("NAMESPACE.POD").
/// Source: libcalico-go/lib/backend/k8s/conversion/workload_endpoint_default.go, VethNameForWorkload().
std::string CalicoVethName(std::string_view nameSpace, std::string_view pod);

/// MAC of Calico's VXLAN device: 0x66 and the first five octets of SHA-1(node name).
/// Source: felix/calc/vxlan_resolver.go, vtepMACForHost().
MacAddress CalicoVtepMac(std::string_view node);

/// Public key of a node's wireguard device, whose agent draws it at random: SHA-256 of a text with the node's name.
kernel::WireguardKey WireguardKeyFromName(std::string_view node);

/// SPI of the ESP that a node sends to another, which draws it from 0xc0000000 to 0xcfffffff (charon.spi_min, spi_max):
/// here its last 28 bits are the sender's number under a mask that is the receiver's own, so that no two are the same.
uint32_t EspSpi(Ipv4Address receiver, NodeId sender);
NodeId EspSender(Ipv4Address receiver, uint32_t spi);

/// Whether `name` matches a pattern of people: '*' is any text, '?' one character.
bool MatchesPattern(std::string_view pattern, std::string_view name);
bool IsPattern(std::string_view text);

/// "web{i}" or "web{i:03d}" with the number in place; a pattern without {i} gets it at its end. `node` replaces {node}.
std::string GeneratedName(std::string_view pattern, uint64_t i, std::string_view node = {});

}  // namespace overlaysim::plan
