#pragma once

#include <string>
#include <vector>

#include "support/world.h"

namespace overlaysim::test {

/// Host a (10.0.1.2), router r, host b (10.0.2.2) on cables; the second network may have a smaller MTU.
class RoutedWorld : public World {
 public:
  explicit RoutedWorld(uint32_t farMtu = 1500) {
    auto& a = Add("a");
    auto& r = Add("r");
    auto& b = Add("b");
    AddEth(a, "ea", "02:00:00:00:00:0a", "10.0.1.2/24");
    AddEth(r, "ra", "02:00:00:00:00:01", "10.0.1.1/24");
    AddEth(r, "rb", "02:00:00:00:00:02", "10.0.2.1/24", farMtu);
    AddEth(b, "eb", "02:00:00:00:00:0b", "10.0.2.2/24", farMtu);
    AddRoute(a, "0.0.0.0/0", "10.0.1.1", "ea");
    AddRoute(b, "0.0.0.0/0", "10.0.2.1", "eb");
    r.SetSysctl("net.ipv4.ip_forward", "1");
    Start();
    near = &Connect("a", "ea", "r", "ra");
    far = &Connect("r", "rb", "b", "eb");
    for (auto [name, device] : {std::pair{"a", "ea"}, {"r", "ra"}, {"r", "rb"}, {"b", "eb"}}) Capture(name, device);
  }
  host::Cable* near = nullptr;
  host::Cable* far = nullptr;
};

/// The oracle's two nodes with flannel (../shared/oracle/public/01-flannel): pods p11 and p12 on n1, p21 on n2, an
/// underlay router r between the racks.
class FlannelWorld : public World {
 public:
  FlannelWorld() {
    auto& r = Add("r");
    AddEth(r, "rack1", "02:00:00:00:02:01", "172.16.1.1/24");
    AddEth(r, "rack2", "02:00:00:00:02:02", "172.16.2.1/24");
    r.SetSysctl("net.ipv4.ip_forward", "1");
    AddNode("n1", "02:00:00:00:01:01", "172.16.1.11", "172.16.1.1", "02:00:00:00:03:01", "10.244.1.1/24",
            "02:00:00:00:04:01");
    AddNode("n2", "02:00:00:00:01:02", "172.16.2.12", "172.16.2.1", "02:00:00:00:03:02", "10.244.2.1/24",
            "02:00:00:00:04:02");
    AddPod("p11", "n1", "02:00:00:00:05:11", "10.244.1.2/24", "10.244.1.1", "veth11", "02:00:00:00:06:11");
    AddPod("p12", "n1", "02:00:00:00:05:12", "10.244.1.3/24", "10.244.1.1", "veth12", "02:00:00:00:06:12");
    AddPod("p21", "n2", "02:00:00:00:05:21", "10.244.2.2/24", "10.244.2.1", "veth21", "02:00:00:00:06:21");
    AddPeer("n1", "10.244.2.0", "02:00:00:00:04:02", "172.16.2.12");
    AddPeer("n2", "10.244.1.0", "02:00:00:00:04:01", "172.16.1.11");
  }
  void Begin() {
    Start();
    Connect("n1", "eth0", "r", "rack1");
    Connect("n2", "eth0", "r", "rack2");
    for (const char* node : {"n1", "n2"})
      for (const char* device : {"eth0", "cni0", "flannel.1"}) Capture(node, device);
    for (const char* pod : {"p11", "p12", "p21"}) Capture(pod, "eth0");
  }
  kernel::Namespace& Node(const std::string& name) { return *m_nodes.at(name); }
  kernel::VxlanOptions& Vxlan(const std::string& node) { return Node(node).FindLink("flannel.1")->vxlan; }

 private:
  void AddNode(const char* name, const char* mac, const char* address, const char* gateway, const char* bridgeMac,
               const char* bridgeAddress, const char* vtepMac) {
    auto& n = Add(name);
    m_nodes[name] = &n;
    n.SetSysctl("net.ipv4.ip_forward", "1");
    const int eth0 = AddEth(n, "eth0", mac, (std::string(address) + "/24").c_str());
    AddRoute(n, "0.0.0.0/0", gateway, "eth0");
    AddUpLink(
        n,
        {.name = "cni0", .kind = kernel::LinkKind::Bridge, .address = Mac(bridgeMac), .addressSet = true, .mtu = 1450},
        bridgeAddress);
    const Ipv4Prefix subnet = Net(bridgeAddress).Canonical();
    AddUpLink(n,
              {.name = "flannel.1",
               .kind = kernel::LinkKind::Vxlan,
               .address = Mac(vtepMac),
               .mtu = 1450,
               .vxlan = {.vni = 1, .local = Ip(address), .lowerIfindex = eth0, .learning = false}},
              (subnet.address.ToString() + "/32").c_str());
  }
  void AddPod(const char* name, const char* node, const char* mac, const char* address, const char* gateway,
              const char* port, const char* portMac) {
    auto& n = *m_nodes.at(node);
    auto& pod = Add(name, node);
    AddVeth(pod, "eth0", mac, address, n, port, portMac, 1450);
    n.SetLinkMaster(n.FindLink(port)->ifindex, n.FindLink("cni0")->ifindex);
    n.FindLink(port)->port.hairpin = true;
    AddRoute(pod, "0.0.0.0/0", gateway, "eth0");
  }
  void AddPeer(const char* node, const char* vtep, const char* mac, const char* remote) {
    auto& n = *m_nodes.at(node);
    const int vxlan = n.FindLink("flannel.1")->ifindex;
    n.SetNeighbour({.ip = Ip(vtep), .ifindex = vxlan, .mac = Mac(mac), .state = kernel::NudState::Permanent},
                   kernel::Namespace::kCreate);
    n.AddVxlanFdb(vxlan, Mac(mac), {.ip = Ip(remote)}, true, kernel::Namespace::kCreate, {});
    AddRoute(n, (std::string(vtep) + "/24").c_str(), vtep, "flannel.1", true);
  }
  std::map<std::string, kernel::Namespace*> m_nodes;
};

inline std::vector<uint8_t> Counting(size_t size) {
  std::vector<uint8_t> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i);
  return bytes;
}

/// An Ethernet frame with an IPv4 packet; the payload is the transport header and what follows.
inline std::vector<uint8_t> Ipv4Frame(const char* to, const char* from, const wire::Ipv4Fields& fields,
                                      const std::vector<uint8_t>& payload) {
  std::vector<uint8_t> frame(34);
  wire::Ethernet{frame.data()}.Write(Mac(to), Mac(from), wire::kEtherTypeIpv4);
  wire::Ipv4Fields f = fields;
  f.totalBytes = static_cast<uint16_t>(20 + payload.size());
  wire::WriteIpv4(frame.data() + 14, f);
  frame.insert(frame.end(), payload.begin(), payload.end());
  return frame;
}

/// A UDP datagram with checksum 0 (none).
inline std::vector<uint8_t> UdpBytes(uint16_t sourcePort, uint16_t destinationPort, const std::vector<uint8_t>& data) {
  std::vector<uint8_t> udp(8);
  wire::Put16(&udp[0], sourcePort);
  wire::Put16(&udp[2], destinationPort);
  wire::Put16(&udp[4], static_cast<uint32_t>(8 + data.size()));
  udp.insert(udp.end(), data.begin(), data.end());
  return udp;
}

}  // namespace overlaysim::test
