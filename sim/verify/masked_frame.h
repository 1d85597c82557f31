#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace overlaysim::verify {

/// One field of a decoded frame, as a person reads it: {"ipv4", "ttl", "63"}.
struct FrameField {
  std::string layer, name, value;
};

/// A frame without what the Linux kernel draws at random, so that two runs of the same traffic can be compared.
///
/// Masked, and why: the IPv4 identification unless always 0 (a counter with a random seed, which passes 0 once in
/// 65,536 packets; net/ipv4/route.c, __ip_select_ident()), the IPv6 one, the outer source port of VXLAN (a hash keyed
/// at boot; udp_flow_src_port()) and the IPv6 flow label unless 0 (the same hash), the id of an ICMP echo that a
/// program sent (its process), the time in ping's payload, TCP's sequence numbers, window and options, and every
/// checksum that covers one of these: of a checksum only whether it is right is kept.
struct MaskedFrame {
  std::vector<FrameField> fields;
  std::string key;              ///< equal for frames that are alike, but for `drawn`
  std::vector<uint32_t> drawn;  ///< masked numbers that stand for something: compared one to one over a whole run
  std::string conversation;     ///< who talks with whom, without direction: frames of one keep their order
  std::string talkers;          ///< the two addresses of the innermost IP packet, without direction
  std::vector<std::string> identCounters;  ///< of its IPv4 packets whose identification is not 0: who counts them
  bool hasZeroIdent = false;               ///< of an IPv4 packet whose counter FrameKnowledge does not name
  size_t bytes = 0;                        ///< on the wire
  bool isArp = false;
  bool isTcp = false;    ///< carries a TCP segment: how many there are is a matter of timing
  bool isTimer = false;  ///< reports of multicast groups, router discovery: sent when random timers fire
};

/// What is known of a run's traffic before its frames are read.
struct FrameKnowledge {
  std::set<uint16_t> vxlanPorts;        ///< UDP destination ports behind which an Ethernet frame begins
  std::set<uint16_t> echoIds;           ///< of ICMP echoes whose sender chose them: they are not masked
  std::set<std::string> identCounters;  ///< MaskedFrame::identCounters seen: what they count is masked, 0 as well
};

MaskedFrame MaskFrame(const std::vector<uint8_t>& frame, const FrameKnowledge& knowledge);

}  // namespace overlaysim::verify
