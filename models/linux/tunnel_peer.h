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

/// The other end of a device that chooses it by the inner address: a peer of a wireguard device, or a route of
/// flanneld's.
struct TunnelPeer {
  WireguardKey publicKey;     ///< zero: flanneld's
  WireguardKey presharedKey;  ///< zero: none
  Ipv4Address endpoint;       ///< zero: not known yet
  uint16_t port = 0;
  uint16_t persistentKeepalive = 0;    ///< seconds; 0: off
  std::vector<Ipv4Prefix> allowedIps;  ///< destinations that go there, sources that may come from there
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
