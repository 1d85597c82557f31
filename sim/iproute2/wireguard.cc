// `wg show` of wireguard-tools (src/show.c).

#include <fmt/format.h>

#include <algorithm>

#include "sim/iproute2/show_internal.h"
#include "sim/iproute2/words.h"

namespace overlaysim::iproute2 {

using kernel::Link;
using kernel::LinkKind;
using kernel::Namespace;
using kernel::TunnelPeer;
using kernel::WireguardActivity;

namespace {

std::string AllowedIps(const TunnelPeer& peer) {
  std::vector<std::string> ranges;
  for (const Ipv4Prefix& range : peer.allowedIps)
    ranges.push_back(fmt::format("{}/{}", range.address.ToString(), range.length));
  return ranges.empty() ? "(none)" : fmt::format("{}", fmt::join(ranges, ", "));
}

/// bytes(): "1.16 KiB"
std::string Amount(uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  uint64_t scale = 1024;
  for (; unit + 1 < std::size(kUnits) && bytes >= scale * 1024; ++unit) scale *= 1024;
  const uint64_t hundredths = (bytes * 100 + scale / 2) / scale;
  return fmt::format("{}.{:02} {}", hundredths / 100, hundredths % 100, kUnits[unit]);
}

/// pretty_time(): "1 minute, 3 seconds"
std::string Duration(int64_t seconds) {
  constexpr std::pair<int64_t, const char*> kUnits[] = {
      {365 * 24 * 3600, "year"}, {24 * 3600, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
  std::vector<std::string> parts;
  for (const auto& [length, name] : kUnits) {
    const int64_t count = seconds / length;
    seconds %= length;
    if (count != 0) parts.push_back(fmt::format("{} {}{}", count, name, count == 1 ? "" : "s"));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string PeerText(const TunnelPeer& peer, const WireguardActivity& activity, Nanoseconds now) {
  std::string out = fmt::format("peer: {}\n", peer.publicKey.ToString());
  auto line = [&](const char* name, const std::string& value) { out += fmt::format("  {}: {}\n", name, value); };
  if (!peer.presharedKey.IsZero()) line("preshared key", "(hidden)");
  const bool isHeard = !activity.endpoint.IsZero();
  const Ipv4Address endpoint = isHeard ? activity.endpoint : peer.endpoint;
  if (!endpoint.IsZero())
    line("endpoint", fmt::format("{}:{}", endpoint.ToString(), isHeard ? activity.port : peer.port));
  line("allowed ips", AllowedIps(peer));
  if (activity.lastHandshake) {
    const int64_t seconds = now.count / Seconds(1).count - activity.lastHandshake->count / Seconds(1).count;
    line("latest handshake", seconds == 0 ? "Now" : Duration(seconds) + " ago");
  }
  if (activity.rxBytes != 0 || activity.txBytes != 0)
    line("transfer", fmt::format("{} received, {} sent", Amount(activity.rxBytes), Amount(activity.txBytes)));
  if (peer.persistentKeepalive != 0)
    line("persistent keepalive", fmt::format("every {}", Duration(peer.persistentKeepalive)));
  return out;
}

std::string DeviceText(const Namespace& ns, const Link& link, Nanoseconds now) {
  std::string out = fmt::format("interface: {}\n", link.name);
  if (!link.wireguard.publicKey.IsZero())
    out += fmt::format("  public key: {}\n  private key: (hidden)\n", link.wireguard.publicKey.ToString());
  if (link.wireguard.listenPort != 0) out += fmt::format("  listening port: {}\n", link.wireguard.listenPort);
  if (link.wireguard.fwmark != 0) out += fmt::format("  fwmark: {:#x}\n", link.wireguard.fwmark);
  struct Shown {
    TunnelPeer peer;
    WireguardActivity activity;
  };
  std::vector<Shown> peers;
  for (TunnelPeer& peer : ns.TunnelPeers(link.ifindex)) {
    const WireguardActivity* activity = ns.FindActivity(link.ifindex, peer.publicKey);
    peers.push_back({std::move(peer), activity ? *activity : WireguardActivity{}});
  }
  // sort_peers(): the latest handshake first, those without one last
  std::stable_sort(peers.begin(), peers.end(), [](const Shown& a, const Shown& b) {
    return a.activity.lastHandshake.value_or(Nanoseconds{-1}) > b.activity.lastHandshake.value_or(Nanoseconds{-1});
  });
  for (const Shown& shown : peers) out += "\n" + PeerText(shown.peer, shown.activity, now);
  return out;
}

}  // namespace

std::string TunnelPeerLine(const Namespace& ns, int ifindex, const TunnelPeer& peer) {
  if (peer.ipsec) return IpsecLine(peer);
  std::string out = fmt::format("dev {} ", DeviceName(ns, ifindex));
  if (!peer.publicKey.IsZero()) out += fmt::format("peer {} ", peer.publicKey.ToString());
  if (!peer.endpoint.IsZero()) out += fmt::format("endpoint {}:{} ", peer.endpoint.ToString(), peer.port);
  return out + "allowed-ips " + AllowedIps(peer);
}

std::string WireguardShow(const Namespace& ns, int ifindex, Nanoseconds now) {
  std::string out;
  for (const Link* link : ns.Links())
    if (link->kind == LinkKind::Wireguard && (ifindex == 0 || link->ifindex == ifindex))
      out += (out.empty() ? "" : "\n") + DeviceText(ns, *link, now);
  return out;
}

void RunWg(Session& session, Words& words) {
  const std::string verb = words.Done() ? "show" : words.Next();
  if (verb != "show") NotSupported(fmt::format("\"wg {}\"", verb));
  int ifindex = 0;
  if (!words.Done() && words.Peek() != "all") {
    const std::string name = words.Next();
    const Link* link = session.Ns().FindLink(name);
    if (!link) throw Failure{1, "Unable to access interface: No such device\n"};
    if (link->kind != LinkKind::Wireguard) throw Failure{1, "Unable to access interface: Operation not supported\n"};
    ifindex = link->ifindex;
  } else if (!words.Done()) {
    words.Next();
  }
  if (!words.Done()) NotSupported(fmt::format("\"wg show\" with \"{}\"", words.Peek()));
  session.result.out += WireguardShow(session.Ns(), ifindex, session.now);
}

}  // namespace overlaysim::iproute2
