#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace overlaysim::kernel {

/// The counters of a namespace under nstat's names (/proc/net/snmp, /proc/net/netstat and /proc/net/snmp6), and those
/// of /proc/net/xfrm_stat, which nstat does not read. Source: net/ipv4/proc.c, net/ipv6/proc.c, net/xfrm/xfrm_proc.c.
// clang-format off
#define OVERLAYSIM_SNMP_COUNTERS(X) \
  X(IpInReceives) X(IpInHdrErrors) X(IpInAddrErrors) X(IpForwDatagrams) X(IpInUnknownProtos) X(IpInDiscards) \
  X(IpInDelivers) X(IpOutRequests) X(IpOutDiscards) X(IpOutNoRoutes) X(IpReasmTimeout) X(IpReasmReqds) X(IpReasmOKs) \
  X(IpReasmFails) X(IpFragOKs) X(IpFragFails) X(IpFragCreates) X(IpOutTransmits) \
  X(IcmpInMsgs) X(IcmpInErrors) X(IcmpInCsumErrors) X(IcmpInDestUnreachs) X(IcmpInTimeExcds) X(IcmpInParmProbs) \
  X(IcmpInSrcQuenchs) X(IcmpInRedirects) X(IcmpInEchos) X(IcmpInEchoReps) X(IcmpInTimestamps) X(IcmpInTimestampReps) \
  X(IcmpInAddrMasks) X(IcmpInAddrMaskReps) X(IcmpOutMsgs) X(IcmpOutErrors) X(IcmpOutRateLimitGlobal) \
  X(IcmpOutRateLimitHost) X(IcmpOutDestUnreachs) X(IcmpOutTimeExcds) X(IcmpOutParmProbs) X(IcmpOutRedirects) \
  X(IcmpOutEchos) X(IcmpOutEchoReps) X(IcmpOutTimestampReps) \
  X(UdpInDatagrams) X(UdpNoPorts) X(UdpInErrors) X(UdpOutDatagrams) X(UdpRcvbufErrors) X(UdpSndbufErrors) \
  X(UdpInCsumErrors) X(UdpIgnoredMulti) \
  X(UdpLiteNoPorts) X(UdpLiteInErrors) X(UdpLiteInCsumErrors) \
  X(TcpActiveOpens) X(TcpPassiveOpens) X(TcpAttemptFails) X(TcpEstabResets) X(TcpInSegs) X(TcpOutSegs) \
  X(TcpRetransSegs) X(TcpInErrs) X(TcpOutRsts) X(TcpInCsumErrors) \
  X(IpExtInNoRoutes) X(IpExtInTruncatedPkts) X(IpExtInMcastPkts) X(IpExtOutMcastPkts) X(IpExtInBcastPkts) \
  X(IpExtOutBcastPkts) X(IpExtInOctets) X(IpExtOutOctets) X(IpExtInCsumErrors) X(IpExtInNoECTPkts) \
  X(IpExtInECT1Pkts) X(IpExtInECT0Pkts) X(IpExtInCEPkts) X(IpExtReasmOverlaps) \
  X(TcpExtIPReversePathFilter) X(TcpExtArpFilter) \
  X(Ip6InReceives) X(Ip6InHdrErrors) X(Ip6InTooBigErrors) X(Ip6InNoRoutes) X(Ip6InAddrErrors) X(Ip6InUnknownProtos) \
  X(Ip6InTruncatedPkts) X(Ip6InDiscards) X(Ip6InDelivers) X(Ip6OutForwDatagrams) X(Ip6OutRequests) X(Ip6OutDiscards) \
  X(Ip6OutNoRoutes) X(Ip6ReasmTimeout) X(Ip6ReasmReqds) X(Ip6ReasmOKs) X(Ip6ReasmFails) X(Ip6FragOKs) \
  X(Ip6FragFails) X(Ip6FragCreates) X(Ip6InMcastPkts) X(Ip6OutMcastPkts) X(Ip6InOctets) X(Ip6OutOctets) \
  X(Ip6InMcastOctets) X(Ip6OutMcastOctets) X(Ip6InBcastOctets) X(Ip6OutBcastOctets) X(Ip6InNoECTPkts) \
  X(Ip6InECT1Pkts) X(Ip6InECT0Pkts) X(Ip6InCEPkts) X(Ip6OutTransmits) \
  X(Icmp6InMsgs) X(Icmp6InErrors) X(Icmp6OutMsgs) X(Icmp6OutErrors) X(Icmp6InCsumErrors) X(Icmp6OutRateLimitHost) \
  X(Icmp6InDestUnreachs) X(Icmp6InPktTooBigs) X(Icmp6InTimeExcds) X(Icmp6InParmProblems) X(Icmp6InEchos) \
  X(Icmp6InEchoReplies) X(Icmp6InGroupMembQueries) X(Icmp6InGroupMembResponses) X(Icmp6InGroupMembReductions) \
  X(Icmp6InRouterSolicits) X(Icmp6InRouterAdvertisements) X(Icmp6InNeighborSolicits) \
  X(Icmp6InNeighborAdvertisements) X(Icmp6InRedirects) X(Icmp6InMLDv2Reports) X(Icmp6OutDestUnreachs) \
  X(Icmp6OutPktTooBigs) X(Icmp6OutTimeExcds) X(Icmp6OutParmProblems) X(Icmp6OutEchos) X(Icmp6OutEchoReplies) \
  X(Icmp6OutGroupMembQueries) X(Icmp6OutGroupMembResponses) X(Icmp6OutGroupMembReductions) X(Icmp6OutRouterSolicits) \
  X(Icmp6OutRouterAdvertisements) X(Icmp6OutNeighborSolicits) X(Icmp6OutNeighborAdvertisements) X(Icmp6OutRedirects) \
  X(Icmp6OutMLDv2Reports) \
  X(Udp6InDatagrams) X(Udp6NoPorts) X(Udp6InErrors) X(Udp6OutDatagrams) X(Udp6RcvbufErrors) X(Udp6SndbufErrors) \
  X(Udp6InCsumErrors) X(Udp6IgnoredMulti) X(Udp6MemErrors) \
  X(XfrmInError) X(XfrmInBufferError) X(XfrmInHdrError) X(XfrmInNoStates) X(XfrmInStateProtoError) \
  X(XfrmInStateModeError) X(XfrmInStateSeqError) X(XfrmInStateExpired) X(XfrmInStateMismatch) X(XfrmInStateInvalid) \
  X(XfrmInTmplMismatch) X(XfrmInNoPols) X(XfrmInPolBlock) X(XfrmInPolError) X(XfrmOutError) \
  X(XfrmOutBundleGenError) X(XfrmOutBundleCheckError) X(XfrmOutNoStates) X(XfrmOutStateProtoError) \
  X(XfrmOutStateModeError) X(XfrmOutStateSeqError) X(XfrmOutStateExpired) X(XfrmOutPolBlock) X(XfrmOutPolDead) \
  X(XfrmOutPolError) X(XfrmFwdHdrError) X(XfrmOutStateInvalid) X(XfrmAcquireError) X(XfrmOutStateDirError) \
  X(XfrmInStateDirError) X(XfrmInIptfsError) X(XfrmOutNoQueueSpace)
// clang-format on

enum class Snmp : uint8_t {
#define OVERLAYSIM_X(name) name,
  OVERLAYSIM_SNMP_COUNTERS(OVERLAYSIM_X)
#undef OVERLAYSIM_X
      Count
};
const char* SnmpName(Snmp counter);
inline constexpr Snmp kFirstXfrmCounter = Snmp::XfrmInError;

class SnmpCounters {
 public:
  struct Rise {
    uint64_t* counter;
    uint64_t by;
    bool operator==(const Rise&) const = default;
  };
  void Add(Snmp c, uint64_t n = 1) {
    uint64_t& value = m_values[static_cast<size_t>(c)];
    value += n;
    if (watcher) watcher->push_back({&value, n});
  }
  uint64_t Get(Snmp c) const { return m_values[static_cast<size_t>(c)]; }
  std::vector<Rise>* watcher = nullptr;  ///< is told of each rise; null: nobody

 private:
  std::array<uint64_t, static_cast<size_t>(Snmp::Count)> m_values{};
};

}  // namespace overlaysim::kernel
