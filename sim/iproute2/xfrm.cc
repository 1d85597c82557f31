// `ip xfrm` of iproute2 (ip/ipxfrm.c, xfrm_state.c, xfrm_policy.c), and /proc/net/xfrm_stat.

#include <fmt/format.h>

#include "sim/iproute2/show_internal.h"
#include "sim/iproute2/words.h"

namespace overlaysim::iproute2 {

using kernel::IpsecActivity;
using kernel::IpsecTunnel;
using kernel::Namespace;
using kernel::TunnelPeer;

namespace {

constexpr char kStatFile[] = "/proc/net/xfrm_stat";
constexpr char kUsage[] =
    "Usage: ip xfrm XFRM-OBJECT { COMMAND | help }\n"
    "where  XFRM-OBJECT := state | policy | monitor\n";

std::string Text(const Ipv4Prefix& prefix) { return fmt::format("{}/{}", prefix.address.ToString(), prefix.length); }

std::string PolicyText(const char* direction, const Ipv4Prefix& from, const Ipv4Prefix& to, Ipv4Address source,
                       Ipv4Address destination, uint32_t reqid) {
  return fmt::format(
      "src {} dst {} \n\tdir {} priority 0 ptype main \n\ttmpl src {} dst {}\n\t\tproto esp reqid {} mode tunnel\n",
      Text(from), Text(to), direction, source.ToString(), destination.ToString(), reqid);
}

/// As strongSwan makes them: only what comes in is held against a window.
std::string StateText(const Namespace& ns, const IpsecTunnel& tunnel, Ipv4Address source, Ipv4Address destination,
                      uint32_t spi, bool isIn) {
  const auto found = ns.ipsecActivity.find({destination, spi});
  const IpsecActivity activity = found == ns.ipsecActivity.end() ? IpsecActivity{} : found->second;
  std::string out =
      fmt::format("src {} dst {}\n\tproto esp spi 0x{:08x} reqid {} mode tunnel\n\treplay-window {} flag af-unspec\n",
                  source.ToString(), destination.ToString(), spi, tunnel.reqid, isIn ? IpsecActivity::kWindow : 0);
  out += fmt::format("\taead rfc4106(gcm(aes)) <<Keys hidden>> {}\n", 8 * kernel::kEspIcvBytes);
  if (tunnel.udpPort != 0)
    out += fmt::format("\tencap type espinudp sport {0} dport {0} addr 0.0.0.0\n", tunnel.udpPort);
  return out + fmt::format("\tanti-replay context: seq 0x{:x}, oseq 0x{:x}, bitmap 0x{:08x}\n", activity.sequence,
                           activity.outSequence, activity.seen);
}

}  // namespace

std::string IpsecLine(const TunnelPeer& peer) {
  const IpsecTunnel& tunnel = *peer.ipsec;
  std::string out = fmt::format("esp tunnel endpoint {} local {} src {}", peer.endpoint.ToString(),
                                tunnel.local.ToString(), Text(tunnel.localRange));
  for (const Ipv4Prefix& range : peer.allowedIps) out += " dst " + Text(range);
  out += fmt::format(" reqid {} aes{}gcm16 spi in 0x{:08x} out 0x{:08x}", tunnel.reqid, tunnel.keyBits, tunnel.spiIn,
                     tunnel.spiOut);
  return tunnel.udpPort == 0 ? out : out + fmt::format(" encap espinudp {}", tunnel.udpPort);
}

/// The newest first, as the kernel has them; flannel adds "out", "in" and "fwd" for a peer.
std::string XfrmPolicyShow(const Namespace& ns) {
  std::string out;
  const std::vector<TunnelPeer> peers = ns.TunnelPeers(0);
  for (auto peer = peers.rbegin(); peer != peers.rend(); ++peer) {
    const IpsecTunnel& tunnel = *peer->ipsec;
    for (const Ipv4Prefix& range : peer->allowedIps) {
      for (const char* direction : {"fwd", "in"})
        out += PolicyText(direction, range, tunnel.localRange, peer->endpoint, tunnel.local, tunnel.reqid);
      out += PolicyText("out", tunnel.localRange, range, tunnel.local, peer->endpoint, tunnel.reqid);
    }
  }
  return out;
}

std::string XfrmStateShow(const Namespace& ns) {
  std::string out;
  const std::vector<TunnelPeer> peers = ns.TunnelPeers(0);
  for (auto peer = peers.rbegin(); peer != peers.rend(); ++peer) {
    const IpsecTunnel& tunnel = *peer->ipsec;
    out += StateText(ns, tunnel, tunnel.local, peer->endpoint, tunnel.spiOut, false);
    out += StateText(ns, tunnel, peer->endpoint, tunnel.local, tunnel.spiIn, true);
  }
  return out;
}

std::string XfrmCounters(const Namespace& ns) {
  std::string out;
  for (auto i = static_cast<size_t>(kernel::kFirstXfrmCounter); i < static_cast<size_t>(kernel::Snmp::Count); ++i) {
    const auto counter = static_cast<kernel::Snmp>(i);
    out += fmt::format("{:<24}\t{}\n", kernel::SnmpName(counter), ns.snmp.Get(counter));
  }
  return out;
}

void IpXfrm(Session& session, Words& words) {
  if (words.Done()) throw Failure{255, kUsage};
  const std::string object = words.Next();
  const bool isState = Abbreviates(object, "state") || object == "sa";
  if (!isState && !Abbreviates(object, "policy")) {
    if (Abbreviates(object, "monitor")) NotSupported("\"ip xfrm monitor\"");
    throw Failure{255, kUsage};
  }
  if (!words.Done() && !words.TakeAbbreviated({"list", "show", "lst"}))
    NotSupported(fmt::format("\"ip xfrm {} {}\"", isState ? "state" : "policy", words.Peek()));
  if (isState) words.Take("nokeys");  // there are none to be shown
  if (!words.Done())
    NotSupported(fmt::format("\"ip xfrm {}\" with \"{}\"", isState ? "state" : "policy", words.Peek()));
  session.result.out += isState ? XfrmStateShow(session.Ns()) : XfrmPolicyShow(session.Ns());
}

void RunCat(Session& session, Words& words) {
  const std::string file = words.Done() ? "-" : words.Next();
  if (file != kStatFile || !words.Done()) NotSupported(fmt::format("\"cat\" of anything but {}", kStatFile));
  session.result.out += XfrmCounters(session.Ns());
}

}  // namespace overlaysim::iproute2
