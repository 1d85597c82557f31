#pragma once

#include <array>
#include <cstdint>

namespace overlaysim::kernel {

/// The counters of a namespace under nstat's names (/proc/net/snmp and /proc/net/netstat).
/// Source: net/ipv4/proc.c.
#define OVERLAYSIM_SNMP_COUNTERS(X)                                                                                    \
  X(IpInReceives)                                                                                                      \
  X(IpInHdrErrors) X(IpInAddrErrors) X(IpForwDatagrams) X(IpInUnknownProtos) X(IpInDiscards) X(IpInDelivers)           \
      X(IpOutRequests) X(IpOutDiscards) X(IpOutNoRoutes) X(IpReasmTimeout) X(IpReasmReqds) X(IpReasmOKs)               \
          X(IpReasmFails) X(IpFragOKs) X(IpFragFails) X(IpFragCreates) X(IpOutTransmits) X(IcmpInMsgs) X(IcmpInErrors) \
              X(IcmpInCsumErrors) X(IcmpInDestUnreachs) X(IcmpInTimeExcds) X(IcmpInParmProbs) X(IcmpInSrcQuenchs)      \
                  X(IcmpInRedirects) X(IcmpInEchos) X(IcmpInEchoReps) X(IcmpInTimestamps) X(IcmpInTimestampReps)       \
                      X(IcmpInAddrMasks) X(IcmpInAddrMaskReps) X(IcmpOutMsgs) X(IcmpOutErrors)                         \
                          X(IcmpOutRateLimitGlobal) X(IcmpOutRateLimitHost) X(IcmpOutDestUnreachs) X(IcmpOutTimeExcds) \
                              X(IcmpOutParmProbs) X(IcmpOutRedirects) X(IcmpOutEchos) X(IcmpOutEchoReps)               \
                                  X(UdpInDatagrams) X(UdpNoPorts) X(UdpInErrors) X(UdpOutDatagrams) X(UdpRcvbufErrors) \
                                      X(UdpSndbufErrors) X(UdpInCsumErrors) X(UdpIgnoredMulti) X(TcpActiveOpens)       \
                                          X(TcpPassiveOpens) X(TcpAttemptFails) X(TcpEstabResets) X(TcpInSegs)         \
                                              X(TcpOutSegs) X(TcpRetransSegs) X(TcpInErrs) X(TcpOutRsts)               \
                                                  X(TcpInCsumErrors) X(IpExtInNoRoutes) X(IpExtInTruncatedPkts)        \
                                                      X(IpExtInMcastPkts) X(IpExtOutMcastPkts) X(IpExtInBcastPkts)     \
                                                          X(IpExtOutBcastPkts) X(IpExtInOctets) X(IpExtOutOctets)      \
                                                              X(IpExtInCsumErrors) X(IpExtInNoECTPkts)                 \
                                                                  X(IpExtInECT1Pkts) X(IpExtInECT0Pkts)                \
                                                                      X(IpExtInCEPkts) X(IpExtReasmOverlaps)           \
                                                                          X(TcpExtIPReversePathFilter)                 \
                                                                              X(TcpExtArpFilter)

enum class Snmp : uint8_t {
#define OVERLAYSIM_X(name) name,
  OVERLAYSIM_SNMP_COUNTERS(OVERLAYSIM_X)
#undef OVERLAYSIM_X
      Count
};
const char* SnmpName(Snmp counter);

class SnmpCounters {
 public:
  void Add(Snmp c, uint64_t n = 1) { m_values[static_cast<size_t>(c)] += n; }
  uint64_t Get(Snmp c) const { return m_values[static_cast<size_t>(c)]; }

 private:
  std::array<uint64_t, static_cast<size_t>(Snmp::Count)> m_values{};
};

}  // namespace overlaysim::kernel
