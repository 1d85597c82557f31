#include "sim/import/redact.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>

namespace overlaysim::import {

namespace {

constexpr std::string_view kRoleDomain = "node-role.kubernetes.io";

using Bits = Ipv6Address;  ///< an address of either family, IPv4 in the first 4 bytes

bool BitOf(const Bits& bits, unsigned index) { return bits.bytes[index / 8] >> (7 - index % 8) & 1; }
void SetBit(Bits& bits, unsigned index, bool value) {
  const auto mask = static_cast<uint8_t>(0x80u >> index % 8);
  bits.bytes[index / 8] = static_cast<uint8_t>(value ? bits.bytes[index / 8] | mask : bits.bytes[index / 8] & ~mask);
}

Bits FromV4(Ipv4Address address) {
  Bits bits;
  for (unsigned i = 0; i < 4; ++i) bits.bytes[i] = static_cast<uint8_t>(address.value >> (24 - 8 * i));
  return bits;
}
Ipv4Address ToV4(const Bits& bits) {
  uint32_t value = 0;
  for (unsigned i = 0; i < 4; ++i) value = value << 8 | bits.bytes[i];
  return {value};
}

/// Renumbers the addresses of one family. Think of them as a binary tree: where it branches, both branches are kept;
/// where all that follow share a bit, the bit is the pattern's.
class AddressMap {
 public:
  AddressMap(unsigned width, unsigned kept, Bits pattern) : m_width(width), m_kept(kept), m_pattern(pattern) {}

  void Collect(const Bits& address) { m_addresses.push_back(address); }
  void Build() {
    std::sort(m_addresses.begin(), m_addresses.end());
    m_addresses.erase(std::unique(m_addresses.begin(), m_addresses.end()), m_addresses.end());
    m_mapped = m_addresses;
    Renumber(0, m_addresses.size(), 0);
  }
  Bits Map(const Bits& address) const {
    auto found = std::lower_bound(m_addresses.begin(), m_addresses.end(), address);
    return m_mapped[static_cast<size_t>(found - m_addresses.begin())];
  }

 private:
  void Renumber(size_t begin, size_t end, unsigned bit) {
    if (begin == end || bit == m_width - m_kept) return;
    const auto first = m_addresses.begin();
    const auto ones = static_cast<size_t>(std::partition_point(first + static_cast<std::ptrdiff_t>(begin),
                                                               first + static_cast<std::ptrdiff_t>(end),
                                                               [&](const Bits& a) { return !BitOf(a, bit); }) -
                                          first);
    if (ones == begin || ones == end) {
      for (size_t i = begin; i < end; ++i) SetBit(m_mapped[i], bit, BitOf(m_pattern, bit));
    }
    Renumber(begin, ones, bit + 1);
    Renumber(ones, end, bit + 1);
  }

  unsigned m_width, m_kept;
  Bits m_pattern;
  std::vector<Bits> m_addresses;
  std::vector<Bits> m_mapped;
};

/// Gives each text of one sort the next number.
class NameMap {
 public:
  NameMap(StringPool& pool, std::string prefix) : m_pool(pool), m_prefix(std::move(prefix)) {}

  std::string_view Map(std::string_view text) {
    if (text.empty()) return {};
    auto [known, isNew] = m_names.try_emplace(text);
    if (isNew) known->second = m_pool.Intern(fmt::format("{}{}", m_prefix, m_names.size()));
    return known->second;
  }
  bool Knows(std::string_view text) const { return m_names.contains(text); }

 private:
  StringPool& m_pool;
  std::string m_prefix;
  std::unordered_map<std::string_view, std::string_view> m_names;
};

class Redactor {
 public:
  explicit Redactor(const ImportedCluster& cluster) : m_out(cluster), m_pool(std::make_shared<StringPool>()) {}

  ImportedCluster Run() {
    ForEachAddress([this](auto& address) { Collect(address); });
    m_v4.Build();
    m_v6.Build();
    ForEachAddress([this](auto& address) { Replace(address); });
    size_t number = 0;
    for (FileReport& file : m_out.files) file.path = fmt::format("file{}", ++number);
    for (Node& node : m_out.nodes) node.name = m_nodes.Map(node.name);
    for (Node& node : m_out.nodes) RedactNode(node);
    for (Pod& pod : m_out.pods) RedactPod(pod);
    if (m_out.flannel && m_out.flannel->psk.IsGiven()) m_out.flannel->psk.value = "redacted";
    m_out.strings = m_pool;
    return std::move(m_out);
  }

 private:
  template <typename Act>
  void ForEachAddress(Act act) {
    auto each = [&](auto& many) {
      for (auto& one : many) act(one);
    };
    for (Node& node : m_out.nodes) {
      each(node.internalIps);
      each(node.internalIpsV6);
      each(node.externalIps);
      each(node.externalIpsV6);
      each(node.podCidrs);
      act(node.flannel.publicIp);
      act(node.flannel.publicIpV6);
      act(node.flannel.publicIpOverwrite);
      act(node.calico.ipv4Address);
      act(node.calico.ipv4VxlanTunnelAddr);
      act(node.calico.ipv4IpipTunnelAddr);
    }
    for (Pod& pod : m_out.pods) {
      act(pod.ip);
      act(pod.ipV6);
      act(pod.hostIp);
    }
    if (!m_out.flannel) return;
    act(m_out.flannel->network.value);
    act(m_out.flannel->ipv6Network.value);
    act(m_out.flannel->subnetMin.value);
    act(m_out.flannel->subnetMax.value);
    act(m_out.flannel->ipv6SubnetMin.value);
    act(m_out.flannel->ipv6SubnetMax.value);
  }

  void Collect(const Ipv4Address& a) { m_v4.Collect(FromV4(a)); }
  void Collect(const Ipv6Address& a) { m_v6.Collect(a); }
  void Collect(const Ipv4Prefix& p) { Collect(p.address); }
  void Collect(const IpPrefix::V6& p) { Collect(p.address); }
  void Collect(const IpPrefix& p) {
    Collect(p.v4);
    Collect(p.v6);
  }
  template <typename T>
  void Collect(const std::optional<T>& value) {
    if (value) Collect(*value);
  }

  void Replace(Ipv4Address& a) { a = ToV4(m_v4.Map(FromV4(a))); }
  void Replace(Ipv6Address& a) { a = m_v6.Map(a); }
  void Replace(Ipv4Prefix& p) {
    const bool hasHostBits = p != p.Canonical();
    Replace(p.address);
    if (!hasHostBits) p = p.Canonical();  // a prefix shorter than the pattern
  }
  void Replace(IpPrefix::V6& p) { Replace(p.address); }
  void Replace(IpPrefix& p) {
    Replace(p.v4);
    Replace(p.v6);
  }
  template <typename T>
  void Replace(std::optional<T>& value) {
    if (value) Replace(*value);
  }

  std::optional<MacAddress> MapMac(const std::optional<MacAddress>& mac) {
    if (!mac) return mac;
    auto [known, isNew] = m_macs.try_emplace(*mac);
    if (isNew) known->second = MacAddress::FromUint64(0x020000000000 + m_macs.size());
    return known->second;
  }

  std::string_view MapRole(std::string_view role) {
    for (std::string_view known : {"control-plane", "master", "worker", "etcd", "infra"}) {
      if (role == known) return known;
    }
    return m_roles.Map(role);
  }

  Labels MapLabels(const Labels& labels) {
    Labels out;
    for (const Label& label : labels) {
      const size_t slash = label.key.find('/');
      const std::string_view domain = slash == std::string_view::npos ? std::string_view() : label.key.substr(0, slash);
      const bool isKnownKey = domain == "kubernetes.io" || domain.ends_with(".kubernetes.io");
      Label mapped{isKnownKey ? m_pool->Intern(label.key) : m_labelKeys.Map(label.key), {}};
      if (domain == kRoleDomain)
        mapped.key = m_pool->Intern(fmt::format("{}/{}", kRoleDomain, MapRole(label.key.substr(slash + 1))));
      if (m_nodes.Knows(label.value)) {
        mapped.value = m_nodes.Map(label.value);
      } else if (label.key.ends_with("/zone")) {
        mapped.value = m_zones.Map(label.value);
      } else if (label.key.ends_with("/region")) {
        mapped.value = m_regions.Map(label.value);
      } else if (label.key == "rack" || label.key.ends_with("/rack")) {
        mapped.value = m_racks.Map(label.value);
      } else {
        mapped.value = m_labelValues.Map(label.value);
      }
      out.push_back(mapped);
    }
    std::sort(out.begin(), out.end());
    return out;
  }

  void RedactNode(Node& node) {
    node.uid = m_uids.Map(node.uid);
    node.hostname = node.hostname.empty() ? std::string_view() : node.name;
    node.zone = m_zones.Map(node.zone);
    node.region = m_regions.Map(node.region);
    node.rack = m_racks.Map(node.rack);
    node.labels = MapLabels(node.labels);
    for (std::string_view& role : node.roles) role = m_pool->Intern(MapRole(role));
    node.flannel.backendType = m_pool->Intern(node.flannel.backendType);
    node.flannel.vtepMac = MapMac(node.flannel.vtepMac);
    node.flannel.vtepMacV6 = MapMac(node.flannel.vtepMacV6);
    node.calico.vxlanTunnelMac = MapMac(node.calico.vxlanTunnelMac);
  }

  void RedactPod(Pod& pod) {
    pod.nameSpace = m_nameSpaces.Map(pod.nameSpace);
    pod.name = m_pods.Map(pod.name);
    pod.uid = m_uids.Map(pod.uid);
    pod.nodeName = m_nodes.Map(pod.nodeName);
    auto& labels = m_labelSets[pod.labels.get()];
    if (!labels) labels = std::make_shared<const Labels>(MapLabels(*pod.labels));
    pod.labels = labels;
  }

  ImportedCluster m_out;
  std::shared_ptr<StringPool> m_pool;             ///< of the new texts; the old pool, with the old names, is let go
  AddressMap m_v4{32, 8, FromV4({0x0a000000})};   // 10.0.0.0
  AddressMap m_v6{128, 16, Ipv6Address{{0xfd}}};  // fd00::
  NameMap m_nodes{*m_pool, "node"}, m_pods{*m_pool, "pod"}, m_nameSpaces{*m_pool, "ns"}, m_uids{*m_pool, "uid"};
  NameMap m_zones{*m_pool, "zone"}, m_regions{*m_pool, "region"}, m_racks{*m_pool, "rack"}, m_roles{*m_pool, "role"};
  NameMap m_labelKeys{*m_pool, "label"}, m_labelValues{*m_pool, "value"};
  std::map<MacAddress, MacAddress> m_macs;
  std::unordered_map<const Labels*, std::shared_ptr<const Labels>> m_labelSets;
};

}  // namespace

ImportedCluster Redact(const ImportedCluster& cluster) { return Redactor(cluster).Run(); }

}  // namespace overlaysim::import
