#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/addresses.h"
#include "sim/base/units.h"

namespace overlaysim::kernel {

/// A Curve25519 key, as `wg` shows it: 44 characters of base64.
struct WireguardKey {
  std::array<uint8_t, 32> bytes{};

  bool IsZero() const { return *this == WireguardKey{}; }
  std::string ToString() const;
  static std::optional<WireguardKey> Parse(std::string_view base64);
  auto operator<=>(const WireguardKey&) const = default;
};

/// What `wg show` says of a wireguard device. There are no private keys here: what is encrypted is opaque.
struct WireguardOptions {
  WireguardKey publicKey;
  uint16_t listenPort = 0;  ///< 0: drawn when the device goes up
  uint32_t fwmark = 0;      ///< of its outer packets

  bool operator==(const WireguardOptions&) const = default;
};

/// Bytes that the kernel leaves for headers when it makes the device (wg_setup()): IPv6 40, UDP 8, message header 16,
/// tag 16.
inline constexpr uint32_t kWireguardHeaderBytes = 40 + 8 + 16 + 16;
inline constexpr uint32_t kWireguardMtu = 1500 - kWireguardHeaderBytes;
inline constexpr uint32_t kWireguardMaxMtu = 0x7ffffff0 - kWireguardHeaderBytes;  // INT_MAX, in multiples of 16

/// Who has opened a TUN device: flanneld of the udp backend, which sends what it reads as UDP to another flanneld.
struct TunOptions {
  Ipv4Address local;  ///< of its UDP socket
  uint16_t port = 0;  ///< 0: nobody has opened the device

  bool operator==(const TunOptions&) const = default;
};

/// ESP between two nodes in tunnel mode: three policies and two states of `ip xfrm`, with the reqid that joins them.
struct IpsecTunnel {
  Ipv4Address local;      ///< of the outer header
  Ipv4Prefix localRange;  ///< what comes from here, and goes to the peer's allowed ranges, goes through the tunnel
  uint32_t spiIn = 0, spiOut = 0;
  uint32_t reqid = 0;
  uint32_t keyBits = 128;  ///< of AES-GCM
  uint16_t udpPort = 0;    ///< ESP in UDP, at both ends (RFC 3948); 0: IP protocol 50

  bool operator==(const IpsecTunnel&) const = default;
};

/// AES-GCM in ESP (RFC 4106): SPI and sequence number, the part of the IV that is sent, the integrity check value.
inline constexpr uint32_t kEspHeaderBytes = 8, kEspIvBytes = 8, kEspIcvBytes = 16;
/// Bytes of the padding's length and of the next header's number, and what they and the packet are padded to a multiple
/// of (esp_output()).
inline constexpr uint32_t kEspTrailerBytes = 2, kEspAlignment = 4;
/// The largest packet that such a tunnel takes where the way to its other end takes `mtu` (xfrm_state_mtu()).
uint32_t IpsecMtu(const IpsecTunnel& tunnel, uint32_t mtu);

/// What the kernel keeps of one of the states (struct xfrm_replay_state, xfrm_lifetime_cur).
struct IpsecActivity {
  static constexpr uint32_t kWindow = 32;  ///< charon.replay_window

  uint64_t packets = 0, bytes = 0;
  uint32_t outSequence = 0;  ///< of the last packet that was sent
  uint32_t sequence = 0;     ///< the highest that has come
  uint32_t seen = 0;         ///< bit n: so has the one n below it

  bool Accepts(uint32_t number) const;  ///< xfrm_replay_check()
  void Advance(uint32_t number);        ///< xfrm_replay_advance()
};

/// The other end of a tunnel that is chosen by the inner address: a peer of a wireguard device, a route of flanneld's,
/// or a node that IPsec reaches, which is no device's (ifindex 0).
struct TunnelPeer {
  WireguardKey publicKey;     ///< zero: flanneld's, IPsec's
  WireguardKey presharedKey;  ///< zero: none
  Ipv4Address endpoint;       ///< zero: not known yet
  uint16_t port = 0;
  uint16_t persistentKeepalive = 0;    ///< seconds; 0: off
  std::vector<Ipv4Prefix> allowedIps;  ///< destinations that go there, sources that may come from there
  std::optional<IpsecTunnel> ipsec;
  uint32_t rowId = 0;

  bool operator==(const TunnelPeer&) const = default;
};

/// What the kernel counts for each wireguard peer.
struct WireguardActivity {
  uint64_t rxBytes = 0, txBytes = 0;
  std::optional<Nanoseconds> lastHandshake;
  Ipv4Address endpoint;  ///< from where it was last heard; zero: not yet
  uint16_t port = 0;
};

}  // namespace overlaysim::kernel
