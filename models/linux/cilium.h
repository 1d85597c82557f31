#pragma once

#include <memory>
#include <optional>

#include "models/linux/programs.h"

namespace overlaysim::kernel {

/// What Cilium's agent keeps in the maps of its eBPF programs on one node, as far as it decides where packets go.
class CiliumMaps {
 public:
  /// A pod of this node (cilium_lxc).
  struct Endpoint {
    int ifindex = 0;     ///< of its veth's end on the node
    MacAddress mac;      ///< of eth0 in the pod
    MacAddress nodeMac;  ///< of the end on the node
    Ipv4Address address;
    uint32_t identity = 0;  ///< security identity: of its labels
  };
  virtual ~CiliumMaps() = default;
  virtual const Endpoint* FindEndpoint(Ipv4Address address) const = 0;
  virtual const Endpoint* EndpointBehind(int ifindex) const = 0;
  /// Whether it is an address of the node itself (ENDPOINT_F_HOST).
  virtual bool IsHost(Ipv4Address address) const = 0;
  /// The node that has that pod address, if it is another one (cilium_ipcache).
  virtual std::optional<Ipv4Address> FindNode(Ipv4Address address) const = 0;
};

/// Identities that stand for no pod (pkg/identity/numericidentity.go).
inline constexpr uint32_t kCiliumHostIdentity = 1, kCiliumWorldIdentity = 2, kCiliumRemoteNodeIdentity = 6;
inline constexpr uint32_t kCiliumFirstPodIdentity = 256, kCiliumLastPodIdentity = 65535;

/// What Cilium puts into skb->mark (bpf/lib/common.h): MARK_MAGIC_HOST_MASK, MARK_MAGIC_OVERLAY,
/// MARK_MAGIC_WG_ENCRYPTED.
inline constexpr uint32_t kCiliumMarkMask = 0xf00, kCiliumOverlayMark = 0x400, kCiliumWireguardMark = 0x1e00;

/// Cilium's eBPF programs on one node, without policy, services and IPv6: bpf/bpf_lxc.c at the ingress of each pod's
/// veth, bpf/bpf_host.c at the egress of cilium_host, bpf/bpf_overlay.c at the ingress and egress of the tunnel device.
/// With WireGuard also bpf/bpf_host.c at the egress of the network cards.
class CiliumPrograms final : public Programs {
 public:
  struct Devices {
    int host = 0;     ///< cilium_host
    int overlay = 0;  ///< cilium_vxlan or cilium_geneve; 0: native routing
    MacAddress hostMac, overlayMac;
    int wireguard = 0;  ///< cilium_wg0; 0: nothing is encrypted
  };
  CiliumPrograms(std::shared_ptr<const CiliumMaps> maps, const Devices& devices)
      : m_maps(std::move(maps)), m_devices(devices) {}

  ProgramResult Run(ProgramHook hook, const Link& link, wire::Frame& frame) const override;

 private:
  ProgramResult FromContainer(const Link& link, const CiliumMaps::Endpoint& sender, wire::Frame& frame) const;
  ProgramResult FromHost(wire::Frame& frame) const;
  ProgramResult FromOverlay(wire::Frame& frame) const;
  ProgramResult ToOverlay(wire::Frame& frame) const;
  ProgramResult ToNetwork(wire::Frame& frame) const;
  ProgramResult DeliverLocally(const CiliumMaps::Endpoint& receiver, wire::Frame& frame) const;
  ProgramResult Encapsulate(Ipv4Address node, uint32_t identity) const;

  std::shared_ptr<const CiliumMaps> m_maps;
  Devices m_devices;
};

}  // namespace overlaysim::kernel
