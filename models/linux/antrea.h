#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "models/linux/programs.h"

namespace overlaysim::kernel {

/// What Antrea's agent has written into the flow tables of br-int on one node, as far as it decides where packets go.
class AntreaFlows {
 public:
  /// A pod of this node, or the node's own antrea-gw0.
  struct Port {
    int ifindex = 0;
    MacAddress mac;  ///< of what is behind it
    Ipv4Address address;
  };
  virtual ~AntreaFlows() = default;
  virtual const Port& Gateway() const = 0;
  virtual const std::vector<Port>& Pods() const = 0;  ///< by ifindex
  virtual const Port* FindPod(Ipv4Address address) const = 0;
  virtual const Port* FindPod(MacAddress mac) const = 0;
  virtual const Port* PodBehind(int ifindex) const = 0;
  /// The node that has that pod address, if it is another one.
  virtual std::optional<Ipv4Address> FindNode(Ipv4Address address) const = 0;
  /// Whether it is antrea-gw0's address on another node.
  virtual bool IsPeerGateway(Ipv4Address address) const = 0;
};

/// Stands for the other end in the inner frames between nodes (GlobalVirtualMAC: pkg/agent/openflow/client.go).
inline constexpr uint64_t kAntreaVirtualMac = 0xaabbccddeeff;

/// The outcome of Antrea's pipeline in mode encap, without policies and services (docs/design/ovs-pipeline.md,
/// pkg/agent/openflow/pipeline.go): SpoofGuard, ARPResponder, L3Forwarding, L3DecTTL, L2ForwardingCalc, Output.
class AntreaPrograms final : public Programs {
 public:
  AntreaPrograms(std::shared_ptr<const AntreaFlows> flows, int tunnelIfindex)
      : m_flows(std::move(flows)), m_tunnelIfindex(tunnelIfindex) {}

  ProgramResult Run(ProgramHook hook, const Link& link, wire::Frame& frame) const override;

 private:
  enum class From : uint8_t { Pod, Gateway, Tunnel };
  ProgramResult Arp(int in, From from, wire::Frame& frame) const;
  ProgramResult Ipv4(From from, wire::Frame& frame) const;
  ProgramResult SendTo(const AntreaFlows::Port& port) const;
  const AntreaFlows::Port* FindPort(MacAddress mac) const;

  std::shared_ptr<const AntreaFlows> m_flows;
  int m_tunnelIfindex;
};

}  // namespace overlaysim::kernel
