#include "sim/trace/record.h"

#include <array>

namespace overlaysim {
namespace {

struct StageInfo {
  const char* name;
  const char* meaning;
};

constexpr std::array<StageInfo, static_cast<size_t>(Stage::Count)> kStages{{
#define OVERLAYSIM_X(name, meaning) {#name, meaning},
    OVERLAYSIM_STAGES(OVERLAYSIM_X)
#undef OVERLAYSIM_X
}};

struct VerdictInfo {
  const char* name;
  Fate fate;
  const char* kernelReason;
  const char* kernelFunction;
  const char* condition;
};

constexpr std::array<VerdictInfo, static_cast<size_t>(Verdict::Count)> kVerdicts{{
#define OVERLAYSIM_X(name, fate, reason, function, condition) {#name, Fate::fate, reason, function, condition},
    OVERLAYSIM_VERDICTS(OVERLAYSIM_X)
#undef OVERLAYSIM_X
}};

constexpr VerdictInfo kUnknownVerdict{"?", Fate::Ongoing, "", "", "?"};

/// Where the functions of net/ipv6 free what those of net/ipv4 free elsewhere, or for another reason.
struct Ipv6Drop {
  Verdict verdict;
  const char* reason;
  const char* function;
};
constexpr Ipv6Drop kIpv6Drops[] = {
    {Verdict::OtherHost, "OTHERHOST", "ip6_rcv_core"},
    {Verdict::IpTruncated, "PKT_TOO_SMALL", "ip6_rcv_core"},
    {Verdict::IpHeaderError, "IP_INHDR", "ip6_rcv_core"},
    {Verdict::LoopbackAddress, "IP_INHDR", "ip6_rcv_core"},
    {Verdict::InvalidDestination, "IP_INADDRERRORS", "ip6_pkt_discard"},
    {Verdict::NoRoute, "IP_INNOROUTES", "ip6_pkt_discard"},
    {Verdict::RouteUnreachable, "IP_INNOROUTES", "ip6_pkt_discard"},
    {Verdict::RouteProhibit, "IP_INNOROUTES", "ip6_pkt_prohibit"},
    {Verdict::RouteBlackhole, "NOT_SPECIFIED", "dst_discard_out"},
    {Verdict::NotForwarding, "IP_INADDRERRORS", "ip6_forward"},
    {Verdict::UnicastInLinkBroadcast, "NOT_SPECIFIED", "ip6_forward"},
    {Verdict::TtlExpired, "IP_INHDR", "ip6_forward"},
    {Verdict::NeighbourFailed, "NOT_SPECIFIED", "neigh_invalidate"},
    {Verdict::DuplicateFragment, "DUP_FRAG", "ipv6_frag_rcv"},
    {Verdict::FragmentInvalid, "NOT_SPECIFIED", "ipv6_frag_rcv"},
    {Verdict::UnknownProtocol, "IP_NOPROTO", "ip6_input_finish"},
    {Verdict::IcmpTooShort, "NOT_SPECIFIED", "icmpv6_rcv"},
    {Verdict::IcmpChecksum, "ICMP_CSUM", "icmpv6_rcv"},
    {Verdict::IcmpUnknownType, "NOT_SPECIFIED", "icmpv6_rcv"},
    {Verdict::IcmpEchoIgnored, "NOT_SPECIFIED", "icmpv6_rcv"},
    {Verdict::UdpTooShort, "PKT_TOO_SMALL", "__udp6_lib_rcv"},
    {Verdict::UdpNoSocket, "NO_SOCKET", "__udp6_lib_rcv"},
    {Verdict::UdpBufferFull, "SOCKET_RCVBUFF", "udpv6_queue_rcv_one_skb"},
    {Verdict::TcpTooShort, "PKT_TOO_SMALL", "tcp_v6_rcv"},
    {Verdict::TcpChecksum, "TCP_CSUM", "tcp_v6_rcv"},
    {Verdict::TcpNoSocket, "NO_SOCKET", "tcp_v6_rcv"},
};

std::string Ipv6KernelDrop(Stage stage, Verdict verdict) {
  if (verdict == Verdict::InvalidSource)
    return stage == Stage::Forward ? "IP_INADDRERRORS at ip6_forward" : "IP_INHDR at ip6_rcv_core";
  if (verdict == Verdict::FragNeeded && stage == Stage::Forward) return "PKT_TOO_BIG at ip6_forward";
  if (verdict == Verdict::FragNeeded && stage == Stage::Fragment) return "NOT_SPECIFIED at ip6_fragment";
  if (verdict == Verdict::UdpChecksum)
    return stage == Stage::Decapsulate ? "UDP_CSUM at udpv6_queue_rcv_one_skb" : "UDP_CSUM at __udp6_lib_rcv";
  for (const Ipv6Drop& drop : kIpv6Drops)
    if (drop.verdict == verdict) return std::string(drop.reason) + " at " + drop.function;
  return {};
}

const VerdictInfo& InfoOf(Verdict verdict) {
  return verdict < Verdict::Count ? kVerdicts[static_cast<size_t>(verdict)] : kUnknownVerdict;
}

}  // namespace

const char* StageName(Stage stage) { return stage < Stage::Count ? kStages[static_cast<size_t>(stage)].name : "?"; }

const char* StageMeaning(Stage stage) {
  return stage < Stage::Count ? kStages[static_cast<size_t>(stage)].meaning : "?";
}

const char* VerdictName(Verdict verdict) { return InfoOf(verdict).name; }

const char* VerdictCondition(Verdict verdict) { return InfoOf(verdict).condition; }

std::optional<Verdict> FindVerdict(std::string_view name) {
  for (size_t i = 0; i < kVerdicts.size(); ++i)
    if (name == kVerdicts[i].name) return static_cast<Verdict>(i);
  return std::nullopt;
}

Fate FateOf(Verdict verdict) { return InfoOf(verdict).fate; }

std::string KernelDrop(Stage stage, Verdict verdict, bool isIpv6) {
  if (verdict == Verdict::VxlanLoop && stage == Stage::VxlanRoute) return "IP_OUTNOROUTES at vxlan_xmit_one";
  const VerdictInfo& info = InfoOf(verdict);
  if (*info.kernelReason == '\0' || stage == Stage::Send || stage == Stage::RouteOutput) return {};
  if (isIpv6)
    if (std::string drop = Ipv6KernelDrop(stage, verdict); !drop.empty()) return drop;
  // A VTEP's UDP socket checks the sum of what is longer than 76 bytes itself, and ip_fragment() gives no reason for
  // DF.
  if (verdict == Verdict::UdpChecksum && stage == Stage::Decapsulate) return "UDP_CSUM at udp_queue_rcv_one_skb";
  if (verdict == Verdict::LinkDown && stage == Stage::Receive) return {};
  if (verdict == Verdict::FragNeeded && stage == Stage::VxlanRoute) return {};  // the frame itself becomes the answer
  if (verdict == Verdict::FragNeeded && stage == Stage::Fragment) return "NOT_SPECIFIED at ip_fragment.constprop.0";
  if (*info.kernelFunction == '\0') return info.kernelReason;
  return std::string(info.kernelReason) + " at " + info.kernelFunction;
}

}  // namespace overlaysim
