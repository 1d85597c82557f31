#include "sim/import/calico_resources.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace overlaysim::import {
namespace {

constexpr std::array<std::string_view, 7> kKinds = {
    "IPPool", "FelixConfiguration", "BGPConfiguration", "BGPPeer", "BlockAffinity", "IPAMBlock", "Node"};

constexpr uint32_t kShortestBlock = 20;  // api/pkg/apis/projectcalico/v3/ippool.go

class Reader {
 public:
  Reader(const Value& object, uint32_t file, const ImportedCluster& cluster, Diagnostics& diagnostics)
      : m_object(object), m_file(file), m_cluster(cluster), m_diagnostics(diagnostics) {
    if (const Value* metadata = object.Find("metadata")) m_name = metadata->TextOf("name");
    m_spec = object.Find("spec");
  }

  void Into(CalicoConfig& config) {
    if (!m_spec || !m_spec->IsObject()) return;
    const std::string_view kind = m_object.TextOf("kind");
    if (kind == "IPPool") {
      ReadPool(config);
    } else if (kind == "BGPPeer") {
      ReadPeer(config);
    } else if (kind == "BlockAffinity" || kind == "IPAMBlock") {
      ReadBlock(kind, config);
    } else if (kind == "BGPConfiguration") {
      if (m_name == "default") Bool("nodeToNodeMeshEnabled", config.nodeToNodeMeshEnabled);  // node.NAME: not the mesh
    } else if (kind == "FelixConfiguration") {
      if (m_name == "default") ReadFelix(config);
    } else if (const Value* id = m_spec->Find({"bgp", "routeReflectorClusterID"})) {
      config.routeReflectors[m_name] = {id->text, OriginOf(*id)};
    }
  }

 private:
  Origin OriginOf(const Value& value) const { return {m_file, value.place.line, value.place.column}; }
  void Error(const Value& value, std::string message) {
    m_diagnostics.Error(m_cluster.PlaceOf(OriginOf(value)), std::move(message));
  }

  void ReadPool(CalicoConfig& config) {
    CalicoPool pool{.origin = OriginOf(m_object), .name = m_name};
    const Value* cidr = m_spec->Find("cidr");
    const auto prefix = cidr ? IpPrefix::Parse(cidr->text) : std::nullopt;
    if (!prefix) return Error(cidr ? *cidr : m_object, fmt::format("IPPool \"{}\" has no cidr", m_name));
    if (!prefix->v4) return ReadIpv6Pool({prefix->v6->address, prefix->v6->length}, config);
    pool.cidr = *prefix->v4;
    Number("blockSize", pool.blockSize);
    if (pool.blockSize.value < kShortestBlock || pool.blockSize.value > 32)
      return Error(*m_spec->Find("blockSize"), fmt::format("blockSize is from {} to 32", kShortestBlock));
    Mode("vxlanMode", pool.vxlanMode);
    Mode("ipipMode", pool.ipipMode);
    Bool("natOutgoing", pool.natOutgoing);
    Bool("disabled", pool.disabled);
    Text("nodeSelector", pool.nodeSelector);
    const auto isSame = [&](const CalicoPool& other) { return other.name == pool.name; };
    const auto known = std::find_if(config.pools.begin(), config.pools.end(), isSame);
    if (known == config.pools.end())
      config.pools.push_back(std::move(pool));
    else
      *known = std::move(pool);  // as `kubectl apply` of the two
  }

  /// The first that is in use; several are not simulated yet.
  void ReadIpv6Pool(const Ipv6Prefix& cidr, CalicoConfig& config) {
    constexpr uint32_t kShortestIpv6Block = 116;
    CalicoIpv6Pool pool{.origin = OriginOf(m_object), .name = m_name, .cidr = cidr};
    Number("blockSize", pool.blockSize);
    if (pool.blockSize.value < kShortestIpv6Block || pool.blockSize.value > Ipv6Address::kBits)
      return Error(*m_spec->Find("blockSize"),
                   fmt::format("blockSize of IPv6 is from {} to {}", kShortestIpv6Block, Ipv6Address::kBits));
    Mode("vxlanMode", pool.vxlanMode);
    Bool("natOutgoing", pool.natOutgoing);
    Setting<bool> isDisabled;
    Bool("disabled", isDisabled);
    const auto leftOut = [&](const char* why) {
      m_diagnostics.Note(m_cluster.PlaceOf(pool.origin), fmt::format("IPPool \"{}\" is left out: {}", m_name, why));
    };
    if (isDisabled.value) return leftOut("it is an IPv6 pool, and disabled");
    if (config.pool6 && config.pool6->name != m_name) return leftOut("several IPv6 pools are not simulated yet");
    if (const std::string_view selector = m_spec->TextOf("nodeSelector"); !selector.empty() && selector != "all()")
      m_diagnostics.Note(m_cluster.PlaceOf(pool.origin),
                         fmt::format("IPPool \"{}\" is for all nodes here: the nodeSelector of an IPv6 pool is not "
                                     "simulated yet",
                                     m_name));
    config.pool6 = std::move(pool);
  }

  /// BlockAffinity: node, state and `deleted`, which is a text; IPAMBlock: affinity "host:NODE", none when it is
  /// nobody's. Both say the same of a block.
  void ReadBlock(std::string_view kind, CalicoConfig& config) {
    const Value* cidr = m_spec->Find("cidr");
    const auto prefix = cidr && cidr->IsScalar() ? IpPrefix::Parse(cidr->text) : std::nullopt;
    if (!prefix) return Error(cidr ? *cidr : m_object, fmt::format("{} \"{}\" has no cidr", kind, m_name));
    constexpr std::string_view kHost = "host:";
    const std::string_view affinity = m_spec->TextOf("affinity"), state = m_spec->TextOf("state");
    std::string node(m_spec->TextOf("node"));
    if (kind == "IPAMBlock") node = affinity.starts_with(kHost) ? affinity.substr(kHost.size()) : std::string_view();
    const bool isConfirmed = kind == "IPAMBlock" || state.empty() || state == "confirmed";
    if (!prefix->v4 || node.empty() || !isConfirmed || m_spec->TextOf("deleted") == "true") return;
    for (const CalicoBlock& known : config.blocks) {
      if (known.cidr != *prefix->v4) continue;
      if (known.node != node)
        Error(*cidr, fmt::format("block {} is {}'s already, by line {} of {}", known.cidr.ToString(), known.node,
                                 known.origin.line, m_cluster.PlaceOf(known.origin).file));
      return;
    }
    config.blocks.push_back({.origin = OriginOf(*cidr), .cidr = *prefix->v4, .node = std::move(node)});
  }

  void ReadPeer(CalicoConfig& config) {
    CalicoBgpPeer peer{.origin = OriginOf(m_object), .name = m_name};
    Text("node", peer.node);
    Text("nodeSelector", peer.nodeSelector);
    Text("peerSelector", peer.peerSelector);
    if (const Value* ip = m_spec->Find("peerIP"); ip && ip->IsScalar()) {
      peer.peerIp = {Ipv4Address::Parse(ip->text.substr(0, ip->text.find(':'))), OriginOf(*ip)};
      if (!peer.peerIp.value) return;  // IPv6
    }
    config.bgpPeers.push_back(std::move(peer));
  }

  void ReadFelix(CalicoConfig& config) {
    Number("vxlanPort", config.vxlanPort);
    Number("vxlanVNI", config.vxlanVni);
    Number("vxlanMTU", config.vxlanMtu);
    Number("ipipMTU", config.ipipMtu);
    Bool("wireguardEnabled", config.wireguardEnabled);
  }

  void Bool(std::string_view key, Setting<bool>& setting) {
    const Value* value = m_spec->Find(key);
    if (!value || value->kind == Value::Kind::Null) return;
    if (value->kind != Value::Kind::Bool) return Error(*value, fmt::format("{} is true or false", key));
    setting = {value->text == "true", OriginOf(*value)};
  }
  void Number(std::string_view key, Setting<uint32_t>& setting) {
    const Value* value = m_spec->Find(key);
    if (!value || value->kind == Value::Kind::Null) return;
    uint32_t number = 0;
    const char* end = value->text.data() + value->text.size();
    const auto parsed = std::from_chars(value->text.data(), end, number);
    if (!value->IsScalar() || parsed.ec != std::errc() || parsed.ptr != end)
      return Error(*value, fmt::format("{} is a whole number", key));
    setting = {number, OriginOf(*value)};
  }
  void Text(std::string_view key, Setting<std::string>& setting) {
    const Value* value = m_spec->Find(key);
    if (value && value->IsScalar() && value->kind != Value::Kind::Null) setting = {value->text, OriginOf(*value)};
  }
  void Mode(std::string_view key, Setting<std::string>& setting) {
    Text(key, setting);
    if (!setting.IsGiven() || setting.value.empty()) return;
    for (std::string_view known : {"Always", "CrossSubnet", "Never"})
      if (setting.value == known) return;
    Error(*m_spec->Find(key), fmt::format("{} is Always, CrossSubnet or Never", key));
  }

  const Value& m_object;
  const Value* m_spec = nullptr;
  std::string m_name;
  uint32_t m_file;
  const ImportedCluster& m_cluster;
  Diagnostics& m_diagnostics;
};

}  // namespace

bool IsCalicoResource(std::string_view kind, std::string_view apiVersion) {
  const std::string_view group = apiVersion.substr(0, apiVersion.find('/'));
  return (group == "projectcalico.org" || group == "crd.projectcalico.org") &&
         std::find(kKinds.begin(), kKinds.end(), kind) != kKinds.end();
}

void ReadCalicoResource(const Value& object, uint32_t fileIndex, const ImportedCluster& cluster, CalicoConfig& config,
                        Diagnostics& diagnostics) {
  Reader(object, fileIndex, cluster, diagnostics).Into(config);
}

std::string Summary(const CalicoConfig& config) {
  std::vector<std::string> parts;
  const auto word = [](bool value) { return value ? "true" : "false"; };
  for (const CalicoPool& pool : config.pools) {
    std::string text = "IPPool " + pool.cidr.ToString();
    if (pool.blockSize.IsGiven()) text += fmt::format(" blockSize {}", pool.blockSize.value);
    if (pool.vxlanMode.IsGiven()) text += " vxlanMode " + pool.vxlanMode.value;
    if (pool.ipipMode.IsGiven()) text += " ipipMode " + pool.ipipMode.value;
    if (pool.natOutgoing.IsGiven()) text += fmt::format(" natOutgoing {}", word(pool.natOutgoing.value));
    if (pool.disabled.IsGiven()) text += fmt::format(" disabled {}", word(pool.disabled.value));
    if (pool.nodeSelector.IsGiven()) text += " nodeSelector " + pool.nodeSelector.value;
    parts.push_back(std::move(text));
  }
  if (config.pool6) {
    std::string text = "IPPool " + config.pool6->cidr.ToString();
    if (config.pool6->blockSize.IsGiven()) text += fmt::format(" blockSize {}", config.pool6->blockSize.value);
    if (config.pool6->vxlanMode.IsGiven()) text += " vxlanMode " + config.pool6->vxlanMode.value;
    if (config.pool6->natOutgoing.IsGiven())
      text += fmt::format(" natOutgoing {}", word(config.pool6->natOutgoing.value));
    parts.push_back(std::move(text));
  }
  if (!config.blocks.empty()) parts.push_back(fmt::format("{} blocks with affinity", config.blocks.size()));
  if (config.nodeToNodeMeshEnabled.IsGiven())
    parts.push_back(fmt::format("mesh {}", word(config.nodeToNodeMeshEnabled.value)));
  if (!config.bgpPeers.empty()) parts.push_back(fmt::format("{} BGPPeer", config.bgpPeers.size()));
  for (const auto& [node, id] : config.routeReflectors)
    parts.push_back(fmt::format("route reflector {} of {}", node, id.value));
  for (const auto& [key, setting] : {std::pair{"vxlanPort", &config.vxlanPort},
                                     {"vxlanVNI", &config.vxlanVni},
                                     {"vxlanMTU", &config.vxlanMtu},
                                     {"ipipMTU", &config.ipipMtu}})
    if (setting->IsGiven()) parts.push_back(fmt::format("{} {}", key, setting->value));
  if (config.wireguardEnabled.IsGiven())
    parts.push_back(fmt::format("wireguardEnabled {}", word(config.wireguardEnabled.value)));
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace overlaysim::import
