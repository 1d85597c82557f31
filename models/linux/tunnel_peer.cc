#include "models/linux/tunnel_peer.h"

#include <algorithm>
#include <cerrno>

#include "models/linux/namespace.h"

namespace overlaysim::kernel {
namespace {

constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr size_t kBase64Bytes = 44;

/// Prefix length of the longest allowed range that holds `inner`; -1: none.
int LongestMatch(const TunnelPeer& peer, Ipv4Address inner) {
  int longest = -1;
  for (const Ipv4Prefix& range : peer.allowedIps)
    if (range.Contains(inner)) longest = std::max(longest, static_cast<int>(range.length));
  return longest;
}

bool IsSame(const TunnelPeer& a, const TunnelPeer& b) {
  return a.publicKey == b.publicKey && (!a.publicKey.IsZero() || a.endpoint == b.endpoint);
}

}  // namespace

std::string WireguardKey::ToString() const {
  std::string out;
  for (size_t at = 0; at < bytes.size(); at += 3) {
    uint32_t word = 0;
    for (size_t i = 0; i < 3; ++i) word = word << 8 | (at + i < bytes.size() ? bytes[at + i] : 0u);
    for (int shift = 18; shift >= 0; shift -= 6) out += kBase64[word >> shift & 63];
  }
  out.back() = '=';  // 32 bytes: the last group is one byte short
  return out;
}

std::optional<WireguardKey> WireguardKey::Parse(std::string_view base64) {
  if (base64.size() != kBase64Bytes || base64.back() != '=') return std::nullopt;
  WireguardKey key;
  uint32_t word = 0;
  for (size_t i = 0; i < base64.size(); ++i) {
    const size_t digit = i + 1 == base64.size() ? 0 : kBase64.find(base64[i]);
    if (digit == std::string_view::npos) return std::nullopt;
    word = word << 6 | static_cast<uint32_t>(digit);
    if (i % 4 != 3) continue;
    for (size_t byte = 0; byte < 3; ++byte)
      if (i / 4 * 3 + byte < key.bytes.size())
        key.bytes[i / 4 * 3 + byte] = static_cast<uint8_t>(word >> (16 - 8 * byte));
    word = 0;
  }
  return key.ToString() == base64 ? std::optional(key) : std::nullopt;
}

uint32_t IpsecMtu(const IpsecTunnel& tunnel, uint32_t mtu) {
  constexpr uint32_t kIpv4HeaderBytes = 20, kUdpHeaderBytes = 8;
  const uint32_t headers =
      kIpv4HeaderBytes + (tunnel.udpPort != 0 ? kUdpHeaderBytes : 0) + kEspHeaderBytes + kEspIvBytes + kEspIcvBytes;
  const uint32_t encrypted = (mtu - std::min(mtu, headers)) / kEspAlignment * kEspAlignment;
  return encrypted - std::min(encrypted, kEspTrailerBytes);
}

bool IpsecActivity::Accepts(uint32_t number) const {
  if (number == 0) return false;
  if (number > sequence) return true;
  const uint32_t below = sequence - number;
  return below < kWindow && !(seen >> below & 1);
}

void IpsecActivity::Advance(uint32_t number) {
  if (number <= sequence) {
    seen |= 1u << (sequence - number);
    return;
  }
  const uint32_t above = number - sequence;
  seen = above < kWindow ? seen << above | 1 : 1;
  sequence = number;
}

/// set_peer() of drivers/net/wireguard/netlink.c: an address that another peer had is this one's now.
int Namespace::SetTunnelPeer(int ifindex, TunnelPeer peer) {
  if (peer.ipsec)
    hasIpsec = true;
  else if (!GetLink(ifindex))
    return ENODEV;
  std::vector<TunnelPeer>& own = m_tunnelPeers[ifindex];
  for (TunnelPeer& other : own)
    if (!IsSame(other, peer))
      std::erase_if(other.allowedIps, [&](const Ipv4Prefix& range) {
        return std::find(peer.allowedIps.begin(), peer.allowedIps.end(), range) != peer.allowedIps.end();
      });
  auto there = std::find_if(own.begin(), own.end(), [&](const TunnelPeer& p) { return IsSame(p, peer); });
  const bool isNew = there == own.end();
  peer.rowId = isNew ? NextRowId() : there->rowId;
  if (isNew) there = own.emplace(own.end());
  *there = std::move(peer);
  Changed(Table::TunnelPeer, isNew ? TableChange::Op::Add : TableChange::Op::Change, &*there, there->rowId, ifindex);
  return 0;
}

int Namespace::DeleteTunnelPeer(int ifindex, const TunnelPeer& peer) {
  std::vector<TunnelPeer>& own = m_tunnelPeers[ifindex];
  auto there = std::find_if(own.begin(), own.end(), [&](const TunnelPeer& p) { return IsSame(p, peer); });
  if (there == own.end()) return ENOENT;
  Changed(Table::TunnelPeer, TableChange::Op::Delete, &*there, there->rowId, ifindex);
  own.erase(there);
  return 0;
}

bool Namespace::FindTunnelPeer(int ifindex, Ipv4Address inner, TunnelPeer& out) const {
  int longest = -1;
  if (auto own = m_tunnelPeers.find(ifindex); own != m_tunnelPeers.end())
    for (const TunnelPeer& peer : own->second)
      if (const int length = LongestMatch(peer, inner); length > longest) {
        longest = length;
        out = peer;
      }
  return longest >= 0 || (peers && peers->FindTunnelPeer(ifindex, inner, out));
}

bool Namespace::FindTunnelPeer(int ifindex, const WireguardKey& key, TunnelPeer& out) const {
  if (auto own = m_tunnelPeers.find(ifindex); own != m_tunnelPeers.end())
    for (const TunnelPeer& peer : own->second)
      if (peer.publicKey == key) {
        out = peer;
        return true;
      }
  return peers && peers->FindTunnelPeer(ifindex, key, out);
}

bool Namespace::FindIpsecPeer(uint32_t spiIn, TunnelPeer& out) const {
  if (auto own = m_tunnelPeers.find(0); own != m_tunnelPeers.end())
    for (const TunnelPeer& peer : own->second)
      if (peer.ipsec && peer.ipsec->spiIn == spiIn) {
        out = peer;
        return true;
      }
  return peers && peers->FindIpsecPeer(spiIn, out);
}

std::vector<TunnelPeer> Namespace::TunnelPeers(int ifindex) const {
  std::vector<TunnelPeer> out;
  if (auto own = m_tunnelPeers.find(ifindex); own != m_tunnelPeers.end()) out = own->second;
  if (peers)
    for (TunnelPeer& peer : peers->TunnelPeers(ifindex)) out.push_back(std::move(peer));
  return out;
}

const WireguardActivity* Namespace::FindActivity(int ifindex, const WireguardKey& key) const {
  const auto device = m_wireguardActivity.find(ifindex);
  if (device == m_wireguardActivity.end()) return nullptr;
  const auto peer = device->second.find(key);
  return peer == device->second.end() ? nullptr : &peer->second;
}

}  // namespace overlaysim::kernel
