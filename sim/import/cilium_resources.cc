#include "sim/import/cilium_resources.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <unordered_map>

namespace overlaysim::import {
namespace {

/// Reads settings that are texts in the ConfigMap and typed in Helm's values; both are told by their text.
class SettingReader {
 public:
  SettingReader(uint32_t file, const ImportedCluster& cluster, Diagnostics& diagnostics)
      : m_file(file), m_cluster(cluster), m_diagnostics(diagnostics) {}

  Origin OriginOf(const Value& value) const { return {m_file, value.place.line, value.place.column}; }
  void Error(const Value& value, std::string message) {
    m_diagnostics.Error(m_cluster.PlaceOf(OriginOf(value)), std::move(message));
  }
  void Note(const Value& value, std::string message) {
    m_diagnostics.Note(m_cluster.PlaceOf(OriginOf(value)), std::move(message));
  }

  void Word(const Value* value, std::string_view key, std::initializer_list<std::string_view> words,
            Setting<std::string>& setting) {
    if (!IsGiven(value)) return;
    if (std::find(words.begin(), words.end(), value->text) == words.end() || !value->IsScalar())
      return Error(*value, fmt::format("{} is {}", key, fmt::join(words, " or ")));
    setting = {value->text, OriginOf(*value)};
  }
  void Bool(const Value* value, std::string_view key, Setting<bool>& setting) {
    if (!IsGiven(value)) return;
    if (!value->IsScalar() || (value->text != "true" && value->text != "false"))
      return Error(*value, fmt::format("{} is true or false", key));
    setting = {value->text == "true", OriginOf(*value)};
  }
  void Number(const Value* value, std::string_view key, uint32_t most, Setting<uint32_t>& setting) {
    if (!IsGiven(value)) return;
    uint32_t number = 0;
    const char* end = value->text.data() + value->text.size();
    const auto parsed = std::from_chars(value->text.data(), end, number);
    if (!value->IsScalar() || parsed.ec != std::errc() || parsed.ptr != end || number > most)
      return Error(*value, fmt::format("{} is a whole number up to {}", key, most));
    setting = {number, OriginOf(*value)};
  }
  /// One prefix, or the first of several: texts with blanks or commas between, or an array.
  void Prefix(const Value* value, std::string_view key, Setting<std::optional<Ipv4Prefix>>& setting) {
    if (!IsGiven(value)) return;
    const Value* first = value->IsArray() && !value->items.empty() ? &value->items.front() : value;
    const std::string text = first->text.substr(0, first->text.find_first_of(" ,"));
    const auto prefix = first->IsScalar() ? Ipv4Prefix::Parse(text) : std::nullopt;
    if (!prefix) return Error(*first, fmt::format("{} is an IPv4 prefix", key));
    if (text != first->text || value->items.size() > 1)
      Note(*value, fmt::format("of {} the first, {}, is taken: several are not simulated yet", key, text));
    setting = {prefix->Canonical(), OriginOf(*first)};
  }

 private:
  static bool IsGiven(const Value* value) {
    return value && value->kind != Value::Kind::Null && !(value->IsScalar() && value->text.empty());
  }

  uint32_t m_file;
  const ImportedCluster& m_cluster;
  Diagnostics& m_diagnostics;
};

constexpr uint32_t kMostMtu = 65535, kMostPort = 65535, kLongestPodCidr = 30;

/// What both kinds of file say under names of their own; nullptr: the file does not say it.
struct Given {
  const Value *routingMode, *tunnelProtocol, *tunnelPort, *mtu, *autoDirectNodeRoutes, *masquerade, *nativeRoutingCidr,
      *ipam, *clusterPool, *clusterPoolMaskSize, *ipv6, *kubeProxyReplacement, *endpointRoutes, *nodeEncryption;
};

void Take(const Given& given, SettingReader& reader, CiliumConfig& config) {
  reader.Word(given.routingMode, "routingMode", {"tunnel", "native"}, config.routingMode);
  reader.Word(given.tunnelProtocol, "tunnelProtocol", {"vxlan", "geneve"}, config.tunnelProtocol);
  reader.Number(given.tunnelPort, "tunnelPort", kMostPort, config.tunnelPort);
  reader.Number(given.mtu, "MTU", kMostMtu, config.mtu);
  reader.Bool(given.autoDirectNodeRoutes, "autoDirectNodeRoutes", config.autoDirectNodeRoutes);
  reader.Bool(given.masquerade, "enableIPv4Masquerade", config.masquerade);
  reader.Prefix(given.nativeRoutingCidr, "ipv4NativeRoutingCIDR", config.nativeRoutingCidr);
  reader.Prefix(given.clusterPool, "clusterPoolIPv4PodCIDRList", config.clusterPool);
  reader.Number(given.clusterPoolMaskSize, "clusterPoolIPv4MaskSize", kLongestPodCidr, config.clusterPoolMaskSize);
  if (given.ipam && given.ipam->IsScalar() && !given.ipam->text.empty())
    config.ipamMode = {given.ipam->text, reader.OriginOf(*given.ipam)};
  if (given.ipv6 && given.ipv6->text == "true") reader.Note(*given.ipv6, "Cilium's IPv6 is not simulated yet");
  if (given.kubeProxyReplacement &&
      (given.kubeProxyReplacement->text == "true" || given.kubeProxyReplacement->text == "strict"))
    reader.Note(*given.kubeProxyReplacement,
                "Cilium's kube-proxy replacement is not simulated yet, nor the eBPF host routing that comes with it: "
                "packets go through the host's stack");
  if (given.endpointRoutes && given.endpointRoutes->text == "true")
    reader.Note(*given.endpointRoutes, "Cilium's endpoint routes are not simulated yet");
  if (given.nodeEncryption && given.nodeEncryption->text == "true")
    reader.Note(*given.nodeEncryption, "Cilium's node encryption is not simulated yet");
}

}  // namespace

bool IsCiliumNode(std::string_view kind, std::string_view apiVersion) {
  return kind == "CiliumNode" && apiVersion.substr(0, apiVersion.find('/')) == "cilium.io";
}

void ReadCiliumNode(const Value& object, uint32_t fileIndex, ImportedCluster& cluster, Diagnostics& diagnostics) {
  SettingReader reader(fileIndex, cluster, diagnostics);
  const Value* metadata = object.Find("metadata");
  CiliumNode node{.origin = reader.OriginOf(object), .name = std::string(metadata ? metadata->TextOf("name") : "")};
  if (node.name.empty()) return reader.Error(object, "this CiliumNode has no metadata.name");
  if (const Value* cidrs = object.Find({"spec", "ipam", "podCIDRs"}); cidrs && cidrs->IsArray())
    for (const Value& text : cidrs->items) {
      const auto cidr = text.IsScalar() ? IpPrefix::Parse(text.text) : std::nullopt;
      if (!cidr) {
        reader.Error(text, fmt::format("\"{}\" is no pod CIDR", text.text));
        continue;
      }
      node.podCidrs.push_back(*cidr);
    }
  if (const Value* addresses = object.Find({"spec", "addresses"}); addresses && addresses->IsArray())
    for (const Value& address : addresses->items) {
      const Value* ip = address.Find("ip");
      const std::string_view type = address.TextOf("type");
      if (!ip || (type != "InternalIP" && type != "CiliumInternalIP")) continue;
      if (const auto v4 = Ipv4Address::Parse(ip->text)) {
        if (type == "InternalIP")
          node.internalIps.push_back(*v4);
        else if (!node.ciliumInternalIp)
          node.ciliumInternalIp = *v4;
      } else if (!Ipv6Address::Parse(ip->text)) {
        reader.Error(*ip, fmt::format("\"{}\" is no address", ip->text));
      }
    }
  if (!cluster.cilium) cluster.cilium.emplace();
  auto& nodes = cluster.cilium->nodes;
  const auto same = std::find_if(nodes.begin(), nodes.end(), [&](const CiliumNode& n) { return n.name == node.name; });
  if (same == nodes.end())
    nodes.push_back(std::move(node));
  else
    *same = std::move(node);  // as `kubectl apply` of the two
}

void ReadCiliumConfigMap(const Value& data, uint32_t fileIndex, const ImportedCluster& cluster, CiliumConfig& config,
                         Diagnostics& diagnostics) {
  SettingReader reader(fileIndex, cluster, diagnostics);
  if (const Value* tunnel = data.Find("tunnel")) {  // before 1.14: vxlan, geneve or disabled
    Setting<std::string> word;
    reader.Word(tunnel, "tunnel", {"vxlan", "geneve", "disabled"}, word);
    if (word.value == "disabled")
      config.routingMode = {"native", word.origin};
    else if (word.IsGiven())
      config.tunnelProtocol = word;
  }
  Take({.routingMode = data.Find("routing-mode"),
        .tunnelProtocol = data.Find("tunnel-protocol"),
        .tunnelPort = data.Find("tunnel-port"),
        .mtu = data.Find("mtu"),
        .autoDirectNodeRoutes = data.Find("auto-direct-node-routes"),
        .masquerade = data.Find("enable-ipv4-masquerade"),
        .nativeRoutingCidr = data.Find("ipv4-native-routing-cidr"),
        .ipam = data.Find("ipam"),
        .clusterPool = data.Find("cluster-pool-ipv4-cidr"),
        .clusterPoolMaskSize = data.Find("cluster-pool-ipv4-mask-size"),
        .ipv6 = data.Find("enable-ipv6"),
        .kubeProxyReplacement = data.Find("kube-proxy-replacement"),
        .endpointRoutes = data.Find("enable-endpoint-routes"),
        .nodeEncryption = data.Find("encrypt-node")},
       reader, config);
  for (const auto& [key, type] : {std::pair{"enable-wireguard", "wireguard"}, {"enable-ipsec", "ipsec"}})
    if (const Value* value = data.Find(key)) {
      Setting<bool> isOn;
      reader.Bool(value, key, isOn);
      if (isOn.value) config.encryption = {type, isOn.origin};
    }
}

bool LooksLikeCiliumValues(const Value& object) {
  return object.IsObject() && (object.Find("routingMode") || object.Find("tunnelProtocol") ||
                               object.Find("autoDirectNodeRoutes") || object.Find({"ipam", "operator"}));
}

void ReadCiliumValues(const Value& object, uint32_t fileIndex, const ImportedCluster& cluster, CiliumConfig& config,
                      Diagnostics& diagnostics) {
  SettingReader reader(fileIndex, cluster, diagnostics);
  Take({.routingMode = object.Find("routingMode"),
        .tunnelProtocol = object.Find("tunnelProtocol"),
        .tunnelPort = object.Find("tunnelPort"),
        .mtu = object.Find("MTU"),
        .autoDirectNodeRoutes = object.Find("autoDirectNodeRoutes"),
        .masquerade = object.Find("enableIPv4Masquerade"),
        .nativeRoutingCidr = object.Find("ipv4NativeRoutingCIDR"),
        .ipam = object.Find({"ipam", "mode"}),
        .clusterPool = object.Find({"ipam", "operator", "clusterPoolIPv4PodCIDRList"}),
        .clusterPoolMaskSize = object.Find({"ipam", "operator", "clusterPoolIPv4MaskSize"}),
        .ipv6 = object.Find({"ipv6", "enabled"}),
        .kubeProxyReplacement = object.Find("kubeProxyReplacement"),
        .endpointRoutes = object.Find({"endpointRoutes", "enabled"}),
        .nodeEncryption = object.Find({"encryption", "nodeEncryption"})},
       reader, config);
  Setting<bool> isEncrypted;
  reader.Bool(object.Find({"encryption", "enabled"}), "encryption.enabled", isEncrypted);
  if (!isEncrypted.value) return;
  config.encryption = {"ipsec", isEncrypted.origin};  // the chart's encryption.type
  reader.Word(object.Find({"encryption", "type"}), "encryption.type", {"ipsec", "wireguard", "ztunnel"},
              config.encryption);
}

void ApplyCiliumNodes(ImportedCluster& cluster) {
  if (!cluster.cilium) return;
  std::unordered_map<std::string_view, size_t> byName;
  for (size_t n = 0; n < cluster.nodes.size(); ++n) byName.emplace(cluster.nodes[n].name, n);
  for (const CiliumNode& said : cluster.cilium->nodes) {
    auto known = byName.find(said.name);
    if (known == byName.end()) {
      Node made;
      made.origin = said.origin;
      made.name = cluster.strings->Intern(said.name);
      made.internalIps = said.internalIps;
      known = byName.emplace(made.name, cluster.nodes.size()).first;
      cluster.nodes.push_back(std::move(made));
      ++cluster.files[said.origin.file].nodes;
    }
    Node& node = cluster.nodes[known->second];
    if (!said.podCidrs.empty()) node.podCidrs = said.podCidrs;
    node.ciliumInternalIp = said.ciliumInternalIp;
  }
}

std::string Summary(const CiliumConfig& config) {
  std::vector<std::string> parts;
  for (const auto& [key, setting] : {std::pair{"routingMode", &config.routingMode},
                                     {"tunnelProtocol", &config.tunnelProtocol},
                                     {"encryption", &config.encryption},
                                     {"ipam", &config.ipamMode}})
    if (setting->IsGiven()) parts.push_back(fmt::format("{} {}", key, setting->value));
  for (const auto& [key, setting] : {std::pair{"tunnelPort", &config.tunnelPort},
                                     {"MTU", &config.mtu},
                                     {"clusterPoolIPv4MaskSize", &config.clusterPoolMaskSize}})
    if (setting->IsGiven()) parts.push_back(fmt::format("{} {}", key, setting->value));
  for (const auto& [key, setting] :
       {std::pair{"autoDirectNodeRoutes", &config.autoDirectNodeRoutes}, {"enableIPv4Masquerade", &config.masquerade}})
    if (setting->IsGiven()) parts.push_back(fmt::format("{} {}", key, setting->value));
  for (const auto& [key, setting] : {std::pair{"clusterPoolIPv4PodCIDRList", &config.clusterPool},
                                     {"ipv4NativeRoutingCIDR", &config.nativeRoutingCidr}})
    if (setting->IsGiven()) parts.push_back(fmt::format("{} {}", key, setting->value->ToString()));
  if (!config.nodes.empty()) parts.push_back(fmt::format("{} CiliumNode", config.nodes.size()));
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace overlaysim::import
