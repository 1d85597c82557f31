#include "sim/import/export.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "sim/import/cilium_resources.h"
#include "sim/import/net_conf.h"
#include "sim/scenario/load.h"

namespace overlaysim::import {

namespace {

constexpr uint8_t kAssumedPrefixLength = 24;

std::string Count(size_t n, std::string_view one) { return fmt::format("{} {}{}", n, one, n == 1 ? "" : "s"); }
scenario::Text TextOf(std::string_view text) { return scenario::Text(std::string(text)); }

/// The longest prefix that holds all of them.
Ipv4Prefix Common(const std::vector<Ipv4Prefix>& prefixes) {
  Ipv4Prefix common = prefixes.front();
  for (const Ipv4Prefix& prefix : prefixes) {
    while (!common.Contains(prefix))
      common = Ipv4Prefix{common.address, static_cast<uint8_t>(common.length - 1)}.Canonical();
  }
  return common;
}

class Exporter {
 public:
  Exporter(const ImportedCluster& cluster, ImportReport& report, Diagnostics& diagnostics)
      : m_cluster(cluster), m_report(report), m_diagnostics(diagnostics) {}

  std::optional<scenario::Scenario> Run() {
    const size_t errorsBefore = m_diagnostics.ErrorCount();
    m_nodes = m_cluster.nodes;
    if (m_nodes.empty()) AddNodesOfPods();
    ExportUnderlay();
    ExportNodes();
    KeepUnderlayOffPods();
    ExportPods();
    ExportCni();
    ReportSkipped();
    m_scenario.description = TextOf(
        fmt::format("Imported: {}, {}", Count(m_nodes.size(), "node"), Count(m_scenario.cluster.pods.size(), "pod")));
    if (m_diagnostics.ErrorCount() > errorsBefore) return std::nullopt;
    return std::move(m_scenario);
  }

 private:
  /// Pods alone name the nodes that they run on, and those with hostNetwork (or hostIP) tell their addresses.
  void AddNodesOfPods() {
    std::map<std::string_view, size_t> byName;
    for (const Pod& pod : m_cluster.pods) {
      if (!pod.IsPlaced()) continue;
      auto [known, isNew] = byName.try_emplace(pod.nodeName, m_nodes.size());
      if (isNew) {
        m_nodes.push_back({});
        m_nodes.back().name = pod.nodeName;
        m_nodes.back().origin = pod.origin;
      }
      Node& node = m_nodes[known->second];
      if (pod.hostIp && node.internalIps.empty()) node.internalIps.push_back(*pod.hostIp);
      if (!pod.hostNetwork && pod.ip) {
        const IpPrefix around{Ipv4Prefix{*pod.ip, kAssumedPrefixLength}.Canonical(), {}};
        if (std::find(node.podCidrs.begin(), node.podCidrs.end(), around) == node.podCidrs.end())
          node.podCidrs.push_back(around);
      }
    }
    if (m_nodes.empty()) return;
    size_t scattered = 0;
    for (Node& node : m_nodes) {
      if (node.podCidrs.size() <= 1) continue;
      node.podCidrs.clear();
      ++scattered;
    }
    m_report.assumed.push_back(
        fmt::format("{}: no file lists nodes, so they are those that pods run on, with a /24 around their "
                    "pods' addresses as pod CIDR",
                    Count(m_nodes.size(), "node")));
    if (scattered > 0) {
      m_report.assumed.push_back(
          fmt::format("{} with pods in several /24s: pod CIDRs are given out anew", Count(scattered, "node")));
    }
  }

  /// The segment that a node's address is on: Calico knows the length, else it is assumed.
  Ipv4Prefix SegmentOf(const Node& node) const {
    const Ipv4Address address = *node.UnderlayAddress();
    const auto& calico = node.calico.ipv4Address;
    const bool isKnown = calico && calico->length > 0 && calico->length < 31 && calico->Contains(address);
    return Ipv4Prefix{address, isKnown ? calico->length : kAssumedPrefixLength}.Canonical();
  }

  void ExportUnderlay() {
    size_t unaddressed = 0;
    for (const Node& node : m_nodes) {
      if (node.UnderlayAddress()) {
        m_segments[SegmentOf(node)].push_back(&node);
      } else {
        ++unaddressed;
      }
    }
    auto& underlay = m_scenario.underlay;
    if (m_segments.size() == 1) {
      underlay.type = scenario::UnderlayType::Flat;
      m_report.assumed.push_back(fmt::format("all nodes are on one segment, {}", m_segments.begin()->first.ToString()));
    } else if (m_segments.size() > 1) {
      m_report.assumed.push_back(
          fmt::format("{}, each behind one common router: nodes share a segment where their addresses share "
                      "a /{}",
                      Count(m_segments.size(), "segment"), kAssumedPrefixLength));
    }
    if (unaddressed > 0)
      m_report.assumed.push_back(fmt::format("addresses of {} that have none", Count(unaddressed, "node")));
    m_report.assumed.push_back(fmt::format(
        "every cable {}, {}, MTU {}: no file of a cluster says what its network is made of (underlay.hostLink, "
        "underlay.fabricLink)",
        underlay.hostLink.rate->ToString(), underlay.hostLink.delay->ToString(), *underlay.hostLink.mtu));
    NameRacks();
  }

  /// Addresses that no file gives are drawn from underlay.network; real pods may be where its default is.
  void KeepUnderlayOffPods() {
    auto& network = m_scenario.underlay.network;
    const Ipv4Prefix pods = *m_scenario.cluster.podCIDR;
    constexpr Ipv4Prefix kPrivate[] = {{{0xc0a80000}, 16}, {{0x0a000000}, 8}};  // RFC 1918's others
    for (const Ipv4Prefix& other : kPrivate) {
      if (network->Overlaps(pods)) network = other;
    }
    if (*network != *scenario::Underlay{}.network) {
      m_report.assumed.push_back(
          fmt::format("addresses of the underlay that no file gives are in {}, because pods are in {}",
                      network->ToString(), pods.ToString()));
    }
  }

  /// A segment is a rack, named as its nodes' rack or zone label has it if that names no other segment.
  void NameRacks() {
    if (m_segments.size() < 2) return;
    std::set<std::string> used;
    size_t number = 0;
    for (const auto& [segment, nodes] : m_segments) {
      ++number;
      std::string name;
      for (auto label : {&Node::rack, &Node::zone}) {
        const std::string_view first = nodes.front()->*label;
        const bool isCommon =
            std::all_of(nodes.begin(), nodes.end(), [&](const Node* n) { return n->*label == first; });
        if (name.empty() && isCommon && !used.contains(std::string(first))) name = first;
      }
      if (name.empty()) name = fmt::format("rack{}", number);
      used.insert(name);
      for (const Node* node : nodes) m_racks[node->name] = name;
    }
  }

  scenario::Labels ExportLabels(const Labels& labels) const {
    scenario::Labels out;
    for (const Label& label : labels) out.emplace(std::string(label.key), TextOf(label.value));
    return out;
  }

  void ExportNodes() {
    size_t cidrs = 0, macs = 0, zones = 0, v6 = 0, external = 0;
    std::map<uint8_t, size_t> lengths;
    std::vector<Ipv4Prefix> podCidrs;
    for (const Node& node : m_nodes) {
      scenario::Node out;
      out.name = TextOf(node.name);
      if (auto address = node.UnderlayAddress()) out.address = Ipv4Prefix{*address, SegmentOf(node).length};
      if (auto rack = m_racks.find(node.name); rack != m_racks.end()) out.rack = TextOf(rack->second);
      if (!node.zone.empty()) out.zone = TextOf(node.zone);
      zones += !node.zone.empty();
      out.labels = ExportLabels(node.labels);
      if (auto cidr = node.PodCidr()) {
        out.podCIDR = *cidr;
        ++lengths[cidr->length];
        podCidrs.push_back(*cidr);
        ++cidrs;
      }
      if (const auto mac = node.flannel.vtepMac ? node.flannel.vtepMac : node.calico.vxlanTunnelMac) {
        out.vtepMac = *mac;
        ++macs;
      }
      v6 += !node.internalIpsV6.empty();
      external += !node.externalIps.empty();
      m_scenario.cluster.nodes.push_back(std::move(out));
    }
    auto& cluster = m_scenario.cluster;
    if (!lengths.empty()) {
      cluster.nodeCIDRMaskSize =
          std::max_element(lengths.begin(), lengths.end(), [](auto& a, auto& b) { return a.second < b.second; })->first;
    }
    if (m_cluster.flannel && m_cluster.flannel->network.value) {
      cluster.podCIDR = *m_cluster.flannel->network.value;
    } else if (!podCidrs.empty()) {
      cluster.podCIDR = Common(podCidrs);
      m_report.assumed.push_back(
          fmt::format("all pods are in {}: the shortest prefix with all pod CIDRs", cluster.podCIDR->ToString()));
    }
    if (m_nodes.empty()) return;
    if (!m_cluster.nodes.empty()) {
      m_report.taken.push_back(fmt::format("{}: {}, {}, {}", Count(m_nodes.size(), "node"), Count(cidrs, "pod CIDR"),
                                           Count(macs, "VTEP MAC"), Count(zones, "zone label")));
    }
    if (cidrs < m_nodes.size()) {
      m_report.assumed.push_back(fmt::format("pod CIDRs of {} that have none", Count(m_nodes.size() - cidrs, "node")));
    }
    if (macs < m_nodes.size()) {
      m_report.assumed.push_back(fmt::format("VTEP MACs of {} that have none", Count(m_nodes.size() - macs, "node")));
    }
    if (v6 > 0)
      m_report.ignored.push_back(fmt::format("IPv6 addresses of {}: the simulator speaks IPv4", Count(v6, "node")));
    if (external > 0) m_report.ignored.push_back(fmt::format("external addresses of {}", Count(external, "node")));
  }

  void ExportPods() {
    std::set<std::string_view> withoutCidr;  // their pods' addresses belong to no CIDR that we know
    for (const Node& node : m_nodes) {
      if (!node.PodCidr()) withoutCidr.insert(node.name);
    }
    size_t ended = 0, unplaced = 0, host = 0, moved = 0, inferred = 0;
    for (const Pod& pod : m_cluster.pods) {
      if (!pod.IsPlaced()) {
        ++(pod.nodeName.empty() ? unplaced : ended);
        continue;
      }
      scenario::Pod out;
      out.name = TextOf(pod.name);
      out.ns = TextOf(pod.nameSpace);
      out.node = TextOf(pod.nodeName);
      out.hostNetwork = pod.hostNetwork;
      out.labels = ExportLabels(*pod.labels);
      if (pod.ip && !pod.hostNetwork && !withoutCidr.contains(pod.nodeName)) {
        out.address = *pod.ip;
      } else if (!pod.hostNetwork) {
        ++moved;
      }
      host += pod.hostNetwork;
      inferred += pod.hostNetwork && pod.uid.empty();
      m_scenario.cluster.pods.push_back(std::move(out));
    }
    const size_t taken = m_scenario.cluster.pods.size();
    if (taken > 0)
      m_report.taken.push_back(fmt::format("{}, {} of them in their node's network", Count(taken, "pod"), host));
    if (inferred > 0) {
      m_report.assumed.push_back(
          fmt::format("hostNetwork of {}: they have their node's address", Count(inferred, "pod")));
    }
    if (moved > 0) {
      m_report.assumed.push_back(
          fmt::format("addresses of {}: none is known, or its node's pod CIDR is not", Count(moved, "pod")));
    }
    if (ended > 0) m_report.ignored.push_back(fmt::format("{} that have ended", Count(ended, "pod")));
    if (unplaced > 0) m_report.ignored.push_back(fmt::format("{} that no node runs", Count(unplaced, "pod")));
  }

  void ExportCni() {
    const bool hasCalico = std::any_of(m_nodes.begin(), m_nodes.end(), [](const Node& n) {
      return n.calico.ipv4Address || n.calico.ipv4VxlanTunnelAddr || n.calico.ipv4IpipTunnelAddr;
    });
    const auto flannelNode =
        std::find_if(m_nodes.begin(), m_nodes.end(), [](const Node& n) { return !n.flannel.backendType.empty(); });
    const bool isCanal = hasCalico && (m_cluster.flannel || flannelNode != m_nodes.end());
    auto& cni = m_scenario.cluster.cni;
    if (m_cluster.flannel || flannelNode != m_nodes.end()) {
      cni.type = isCanal ? scenario::CniType::Canal : scenario::CniType::Flannel;
      if (m_cluster.flannel) {
        ExportFlannel(*m_cluster.flannel);
      } else {
        SetBackend(flannelNode->flannel.backendType, flannelNode->origin);
        if (auto vni = flannelNode->flannel.vni) cni.vni = *vni;
        m_report.taken.push_back(
            fmt::format("flannel's backend {} from the nodes' annotations", flannelNode->flannel.backendType));
        m_report.assumed.emplace_back("flannel's further settings are its defaults: no file has a net-conf.json");
      }
    } else if (m_cluster.cilium) {
      ExportCilium(*m_cluster.cilium);
    } else if (hasCalico) {
      cni.type = scenario::CniType::Calico;
      auto has = [&](auto member) {
        return std::any_of(m_nodes.begin(), m_nodes.end(),
                           [&](const Node& n) { return (n.calico.*member).has_value(); });
      };
      const bool isVxlan = has(&CalicoAnnotations::ipv4VxlanTunnelAddr);
      const bool isIpip = has(&CalicoAnnotations::ipv4IpipTunnelAddr);
      cni.vxlanMode = isVxlan ? scenario::EncapMode::Always : scenario::EncapMode::Never;
      cni.ipipMode = isIpip && !isVxlan ? scenario::EncapMode::Always : scenario::EncapMode::Never;
      m_report.assumed.push_back(fmt::format(
          "Calico with {}: the nodes have such tunnel addresses, but no IPPool was given", isVxlan ? "vxlanMode Always"
                                                                                           : isIpip
                                                                                               ? "ipipMode Always"
                                                                                               : "no encapsulation"));
    } else {
      m_report.assumed.emplace_back(
          "flannel with the shipped manifest's settings: no file says what connects the pods");
    }
    scenario::FillDefaults(m_scenario);
  }

  void ExportCilium(const CiliumConfig& cilium) {
    auto& cni = m_scenario.cluster.cni;
    cni.type = scenario::CniType::Cilium;
    if (cilium.encryption.value == "wireguard")
      cni.encryption = scenario::Encryption::Wireguard;
    else if (cilium.encryption.value != "none")
      m_diagnostics.Error(m_cluster.PlaceOf(cilium.encryption.origin),
                          fmt::format("Cilium's encryption with {} is not supported yet (supported: wireguard)",
                                      cilium.encryption.value));
    const bool isNative = cilium.routingMode.value == "native";
    cni.routingMode = isNative ? scenario::RoutingMode::Native : scenario::RoutingMode::Tunnel;
    if (isNative)
      cni.autoDirectNodeRoutes = cilium.autoDirectNodeRoutes.value;
    else
      cni.tunnelProtocol =
          cilium.tunnelProtocol.value == "geneve" ? scenario::TunnelProtocol::Geneve : scenario::TunnelProtocol::Vxlan;
    if (!isNative && cilium.tunnelPort.value != 0) cni.port = static_cast<uint16_t>(cilium.tunnelPort.value);
    if (cilium.mtu.value != 0) cni.mtu = cilium.mtu.value;
    m_report.taken.push_back("Cilium: " + Summary(cilium));
  }

  void SetBackend(std::string_view name, const Origin& origin) {
    using Backend = scenario::FlannelBackend;
    const std::map<std::string_view, Backend> kBackends = {
        {"vxlan", Backend::Vxlan}, {"host-gw", Backend::HostGw},      {"ipip", Backend::Ipip},
        {"udp", Backend::Udp},     {"wireguard", Backend::Wireguard}, {"ipsec", Backend::Ipsec}};
    auto known = kBackends.find(name);
    if (known == kBackends.end()) {
      m_diagnostics.Error(m_cluster.PlaceOf(origin),
                          fmt::format("flannel's backend \"{}\" is not supported yet", name));
    } else {
      m_scenario.cluster.cni.backend = known->second;
    }
  }

  void ExportFlannel(const FlannelConfig& flannel) {
    auto& cni = m_scenario.cluster.cni;
    SetBackend(flannel.backendType.value, flannel.backendType.origin);
    const SourcePlace place = m_cluster.PlaceOf(flannel.origin);
    m_report.taken.push_back(fmt::format("flannel from {}:{}: {}", place.file, place.line, Summary(flannel)));
    if (!flannel.backendType.IsGiven()) {
      m_report.assumed.emplace_back("the backend udp: the net-conf.json names none, and that is flannel's own default");
    }
    if (!flannel.network.value && flannel.enableIpv4.value) {
      m_report.assumed.push_back(fmt::format("flannel's Network is {}", m_scenario.cluster.podCIDR->ToString()));
    }
    if (flannel.network.value) cni.network = *flannel.network.value;
    if (flannel.subnetLen.IsGiven()) cni.subnetLen = static_cast<uint8_t>(flannel.subnetLen.value);
    const bool isVxlan = flannel.backendType.value == "vxlan";
    if (isVxlan) {
      if (flannel.vni.IsGiven()) cni.vni = flannel.vni.value;
      if (flannel.port.IsGiven() && flannel.port.value > 0) cni.port = static_cast<uint16_t>(flannel.port.value);
      if (flannel.learning.IsGiven()) cni.learning = flannel.learning.value;
    }
    if (flannel.mtu.value > 0) cni.mtu = flannel.mtu.value;
    if (flannel.directRouting.IsGiven()) cni.directRouting = flannel.directRouting.value;
    if (flannel.udpEncap.IsGiven()) cni.udpEncap = flannel.udpEncap.value;
    std::vector<std::string> left;
    auto leave = [&](const auto& setting, std::string_view key) {
      if (setting.IsGiven()) left.emplace_back(key);
    };
    leave(flannel.ipv6Network, "IPv6Network");
    leave(flannel.enableNfTables, "EnableNFTables");
    leave(flannel.subnetMin, "SubnetMin");
    leave(flannel.subnetMax, "SubnetMax");
    leave(flannel.gbp, "GBP");
    leave(flannel.macPrefix, "MacPrefix");
    leave(flannel.psk, "PSK");
    leave(flannel.mode, "Mode");
    leave(flannel.listenPort, "ListenPort");
    leave(flannel.listenPortV6, "ListenPortV6");
    leave(flannel.persistentKeepaliveInterval, "PersistentKeepaliveInterval");
    leave(flannel.espProposal, "ESPProposal");
    if (!isVxlan) leave(flannel.port, "Port");
    if (!left.empty()) m_report.ignored.push_back(fmt::format("of net-conf.json: {}", JoinNames(left)));
  }

  void ReportSkipped() {
    std::map<std::string, size_t> kinds;
    for (const FileReport& file : m_cluster.files) {
      for (const auto& [kind, count] : file.skippedKinds) kinds[kind] += count;
    }
    if (kinds.empty()) return;
    std::vector<std::string> names;
    for (const auto& [kind, count] : kinds) names.push_back(fmt::format("{} {}", count, kind));
    m_report.ignored.push_back(fmt::format("other objects: {}", JoinNames(names)));
  }

  const ImportedCluster& m_cluster;
  ImportReport& m_report;
  Diagnostics& m_diagnostics;
  scenario::Scenario m_scenario;
  std::vector<Node> m_nodes;
  std::map<Ipv4Prefix, std::vector<const Node*>> m_segments;
  std::map<std::string_view, std::string> m_racks;
};

}  // namespace

std::string ImportReport::Format() const {
  std::string out;
  auto add = [&](std::string_view head, const std::vector<std::string>& lines) {
    for (const std::string& line : lines) {
      out += fmt::format("{:<8} {}\n", head, line);
      head = "";
    }
  };
  add("taken", taken);
  add("assumed", assumed);
  add("ignored", ignored);
  return out;
}

std::optional<scenario::Scenario> ToScenario(const ImportedCluster& cluster, ImportReport& report,
                                             Diagnostics& diagnostics) {
  return Exporter(cluster, report, diagnostics).Run();
}

std::optional<std::string> ToScenarioJson(const ImportedCluster& cluster, ImportReport& report,
                                          Diagnostics& diagnostics) {
  auto scenario = ToScenario(cluster, report, diagnostics);
  if (!scenario) return std::nullopt;
  return scenario::ToJson(*scenario);
}

}  // namespace overlaysim::import
