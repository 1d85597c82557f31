#pragma once

#include <optional>

#include "models/host/stack.h"

namespace overlaysim::traffic {

/// An ICMP or ICMPv6 error about something that was sent.
struct IcmpReport {
  IpAddress from;
  uint8_t ttl, type, code;
  uint32_t info;  ///< next-hop MTU of "fragmentation needed" and "packet too big"; else the header's second word
  IpAddress source, destination;
  uint8_t protocol;          ///< of the packet that it is about, as the addresses before it
  const uint8_t* transport;  ///< that packet's first 8 bytes behind its IP header
};
/// What an ICMP message reports; nullopt: it is no error, or quotes too little.
std::optional<IcmpReport> ParseIcmpReport(const host::Received& message);

/// What an ICMP error means to a socket: icmp_err_convert[] and __udp4_lib_err() of net/ipv4, icmpv6_err_convert() of
/// net/ipv6/icmp.c.
struct IcmpErrno {
  int error = 0;       ///< 0: nothing
  bool fatal = false;  ///< told to sockets that have not asked for it, too
};
IcmpErrno ErrnoOf(const IcmpReport& report);

}  // namespace overlaysim::traffic
