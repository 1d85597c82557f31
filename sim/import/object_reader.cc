#include "sim/import/object_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "sim/import/calico_resources.h"
#include "sim/import/cilium_resources.h"
#include "sim/import/net_conf.h"
#include "sim/import/parsers.h"

namespace overlaysim::import {

namespace {

constexpr std::string_view kFlannelPrefix = "flannel.alpha.coreos.com/";
constexpr std::string_view kCalicoPrefix = "projectcalico.org/";

/// The kind as written, else as the List or the path says, else as the fields tell; "" when nothing does.
std::string KindOf(const Value& object, std::string_view listKind) {
  if (std::string_view kind = object.TextOf("kind"); !kind.empty()) {
    const std::string_view api = object.TextOf("apiVersion");
    const bool isCore = api.empty() || api == "v1";
    return isCore ? std::string(kind) : fmt::format("{} ({})", kind, api);
  }
  if (listKind.ends_with("List") && listKind.size() > 4) return std::string(listKind.substr(0, listKind.size() - 4));
  if (const Value* link = object.Find({"metadata", "selfLink"}); link && link->text.starts_with("/api/v1/")) {
    if (link->text.find("/nodes/") != std::string::npos) return "Node";
    if (link->text.find("/pods/") != std::string::npos) return "Pod";
    return "object without a kind";
  }
  if (!object.Find({"metadata", "name"})) return "";
  if (object.Find({"spec", "containers"})) return "Pod";
  if (object.Find({"status", "nodeInfo"}) || object.Find({"spec", "podCIDR"}) || object.Find({"spec", "providerID"})) {
    return "Node";
  }
  return "object without a kind";
}

PodPhase PhaseOf(std::string_view text) {
  for (PodPhase phase : {PodPhase::Pending, PodPhase::Running, PodPhase::Succeeded, PodPhase::Failed}) {
    if (ToString(phase) == text) return phase;
  }
  return PodPhase::Unknown;
}

/// Moves the places of a value that was parsed out of a text to where they are in the file.
void Relocate(Value& value, const Value& text) {
  if (text.isBlock) {
    value.place = {text.place.line + value.place.line, text.blockIndent + value.place.column};
  } else {
    value.place = text.place;
  }
  for (auto& [key, member] : value.members) Relocate(member, text);
  for (Value& item : value.items) Relocate(item, text);
}

/// The installer's __WORDS__ outside of strings become null, which says nothing.
std::string WithoutPlaceholders(std::string_view text) {
  std::string out;
  bool inString = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"' && (i == 0 || text[i - 1] != '\\')) inString = !inString;
    if (inString || text.substr(i, 2) != "__") {
      out += text[i];
      continue;
    }
    size_t end = i;
    while (end < text.size() && (text[end] == '_' || (text[end] >= 'A' && text[end] <= 'Z'))) ++end;
    out += "null";
    i = end - 1;
  }
  return out;
}

template <typename T>
std::string_view FirstLabel(const Labels& labels, const T& keys) {
  for (std::string_view key : keys) {
    if (std::string_view value = FindLabel(labels, key); !value.empty()) return value;
  }
  return {};
}

bool IsSamePlacing(const Pod& a, const Pod& b) { return a.nodeName == b.nodeName && a.ip == b.ip; }
bool IsSameNetwork(const Node& a, const Node& b) {
  return a.podCidrs == b.podCidrs && a.internalIps == b.internalIps && a.flannel.vtepMac == b.flannel.vtepMac;
}

}  // namespace

template <typename T>
std::optional<T> ObjectReader::Parse(const Value& text, std::optional<T> (*parse)(std::string_view),
                                     std::string_view what) {
  std::optional<T> value = text.IsScalar() ? parse(text.text) : std::nullopt;
  if (value) return value;
  if (IsPlaceholder(text.text)) {
    m_diagnostics.Warning(PlaceOf(text),
                          fmt::format("this {}, \"{}\", is masked or a placeholder; it is not used", what, text.text));
  } else if (text.kind != Value::Kind::Null && !(text.IsScalar() && text.text.empty())) {
    m_diagnostics.Error(PlaceOf(text), text.IsScalar()
                                           ? fmt::format("\"{}\" is no {}", text.text, what)
                                           : fmt::format("this is {}, not a {}", Describe(text.kind), what));
  }
  return std::nullopt;
}

std::shared_ptr<const Labels> ObjectReader::InternLabels(Labels&& labels) {
  if (auto known = m_labelSets.find(labels); known != m_labelSets.end()) return *known;
  return *m_labelSets.insert(std::make_shared<const Labels>(std::move(labels))).first;
}

void ObjectReader::ReadObject(const Value& object, std::string_view listKind) {
  const std::string kind = KindOf(object, listKind);
  if (kind == "Node") {
    ReadNode(object);
  } else if (kind == "Pod") {
    ReadPod(object);
  } else if (kind == "ConfigMap" && object.Find("data")) {
    ReadConfigMap(object);
  } else if (IsCalicoResource(object.TextOf("kind"), object.TextOf("apiVersion"))) {
    if (!m_cluster.calico) m_cluster.calico.emplace();
    ++File().calicoResources;
    ReadCalicoResource(object, m_file, m_cluster, *m_cluster.calico, m_diagnostics);
  } else if (IsCiliumNode(object.TextOf("kind"), object.TextOf("apiVersion"))) {
    ++File().ciliumResources;
    ReadCiliumNode(object, m_file, m_cluster, m_diagnostics);
  } else if (kind.empty() && LooksLikeCiliumValues(object)) {
    ReadCiliumValues(object, m_file, m_cluster, TakeCilium(), m_diagnostics);
  } else {
    ++File().skippedKinds[kind.empty() ? kNoKubernetesObject : kind];
  }
}

CiliumConfig& ObjectReader::TakeCilium() {
  ++File().ciliumResources;
  if (!m_cluster.cilium) m_cluster.cilium.emplace();
  return *m_cluster.cilium;
}

Labels ObjectReader::ReadLabels(const Value& object) {
  Labels labels;
  const Value* members = object.Find({"metadata", "labels"});
  if (!members) return labels;
  for (const auto& [key, value] : members->members) labels.push_back({Intern(key), Intern(value.text)});
  std::sort(labels.begin(), labels.end());
  return labels;
}

void ObjectReader::ReadNode(const Value& object) {
  const Value* metadata = object.Find("metadata");
  const std::string_view name = metadata ? metadata->TextOf("name") : std::string_view();
  if (name.empty()) {
    m_diagnostics.Error(PlaceOf(object), "this Node has no metadata.name");
    return;
  }
  Node node;
  node.origin = OriginOf(object);
  node.name = Intern(name);
  node.uid = Intern(metadata->TextOf("uid"));
  node.labels = ReadLabels(object);
  if (const Value* addresses = object.Find({"status", "addresses"})) ReadAddresses(*addresses, node);
  if (const Value* spec = object.Find("spec")) ReadPodCidrs(*spec, node);
  if (const Value* annotations = metadata->Find("annotations")) {
    ReadFlannelAnnotations(*annotations, node);
    ReadCalicoAnnotations(*annotations, node);
  }
  constexpr std::string_view kZones[] = {"topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"};
  constexpr std::string_view kRegions[] = {"topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region"};
  constexpr std::string_view kRolePrefix = "node-role.kubernetes.io/";
  node.zone = FirstLabel(node.labels, kZones);
  node.region = FirstLabel(node.labels, kRegions);
  for (const Label& label : node.labels) {
    if (label.key == "rack" || label.key.ends_with("/rack")) node.rack = label.value;
    if (label.key.starts_with(kRolePrefix)) node.roles.push_back(label.key.substr(kRolePrefix.size()));
    if (label.key == "kubernetes.io/role") node.roles.push_back(label.value);
  }
  AddNode(std::move(node));
}

void ObjectReader::ReadAddresses(const Value& addresses, Node& node) {
  for (const Value& item : addresses.items) {
    const Value* text = item.Find("address");
    const std::string_view type = item.TextOf("type");
    if (!text || !text->IsScalar()) continue;
    if (type == "Hostname") {
      node.hostname = Intern(text->text);
    } else if (type == "InternalIP" || type == "ExternalIP") {
      const bool isInternal = type == "InternalIP";
      if (auto v6 = Ipv6Address::Parse(text->text)) {
        (isInternal ? node.internalIpsV6 : node.externalIpsV6).push_back(*v6);
      } else if (auto v4 = Parse<Ipv4Address>(*text, &Ipv4Address::Parse, "IP address")) {
        (isInternal ? node.internalIps : node.externalIps).push_back(*v4);
      }
    }
  }
}

void ObjectReader::ReadPodCidrs(const Value& spec, Node& node) {
  const Value* list = spec.Find("podCIDRs");
  if (list && list->IsArray() && !list->items.empty()) {
    for (const Value& item : list->items) {
      if (auto cidr = Parse<IpPrefix>(item, &IpPrefix::Parse, "pod CIDR")) node.podCidrs.push_back(*cidr);
    }
  } else if (const Value* single = spec.Find("podCIDR")) {
    if (auto cidr = Parse<IpPrefix>(*single, &IpPrefix::Parse, "pod CIDR")) node.podCidrs.push_back(*cidr);
  }
}

void ObjectReader::ReadFlannelAnnotations(const Value& annotations, Node& node) {
  FlannelAnnotations& flannel = node.flannel;
  for (const auto& [fullKey, value] : annotations.members) {
    if (!fullKey.starts_with(kFlannelPrefix)) continue;
    const std::string_view key = std::string_view(fullKey).substr(kFlannelPrefix.size());
    if (key == "backend-type") {
      flannel.backendType = Intern(value.text);
    } else if (key == "public-ip") {
      flannel.publicIp = Parse<Ipv4Address>(value, &Ipv4Address::Parse, "IPv4 address");
    } else if (key == "public-ipv6") {
      flannel.publicIpV6 = Parse<Ipv6Address>(value, &Ipv6Address::Parse, "IPv6 address");
    } else if (key == "public-ip-overwrite") {
      flannel.publicIpOverwrite = Parse<Ipv4Address>(value, &Ipv4Address::Parse, "IPv4 address");
    } else if (key == "kube-subnet-manager") {
      flannel.kubeSubnetManager = value.text == "true";
    } else if (key == "backend-data" || key == "backend-v6-data") {
      if (value.text.empty() || value.text == "null") continue;  // host-gw has none
      auto data = ParseInner(value, fullKey);
      if (!data) continue;
      const bool isV6 = key == "backend-v6-data";
      if (const Value* mac = data->Find("VtepMAC")) {
        (isV6 ? flannel.vtepMacV6 : flannel.vtepMac) = Parse<MacAddress>(*mac, &MacAddress::Parse, "MAC address");
      }
      const std::string_view vni = data->TextOf("VNI");
      uint32_t number = 0;
      if (!isV6 && std::from_chars(vni.data(), vni.data() + vni.size(), number).ec == std::errc()) flannel.vni = number;
    }
  }
}

void ObjectReader::ReadCalicoAnnotations(const Value& annotations, Node& node) {
  CalicoAnnotations& calico = node.calico;
  for (const auto& [fullKey, value] : annotations.members) {
    if (!fullKey.starts_with(kCalicoPrefix)) continue;
    const std::string_view key = std::string_view(fullKey).substr(kCalicoPrefix.size());
    if (key == "IPv4Address") {
      calico.ipv4Address = Parse<Ipv4Prefix>(value, &Ipv4Prefix::Parse, "IPv4 address");
    } else if (key == "IPv4VXLANTunnelAddr") {
      calico.ipv4VxlanTunnelAddr = Parse<Ipv4Address>(value, &Ipv4Address::Parse, "IPv4 address");
    } else if (key == "IPv4IPIPTunnelAddr") {
      calico.ipv4IpipTunnelAddr = Parse<Ipv4Address>(value, &Ipv4Address::Parse, "IPv4 address");
    } else if (key == "VXLANTunnelMACAddr") {
      calico.vxlanTunnelMac = Parse<MacAddress>(value, &MacAddress::Parse, "MAC address");
    }
  }
}

void ObjectReader::ReadPod(const Value& object) {
  const Value* metadata = object.Find("metadata");
  const std::string_view name = metadata ? metadata->TextOf("name") : std::string_view();
  if (name.empty()) {
    m_diagnostics.Error(PlaceOf(object), "this Pod has no metadata.name");
    return;
  }
  Pod pod;
  pod.origin = OriginOf(object);
  const std::string_view nameSpace = metadata->TextOf("namespace");
  pod.nameSpace = Intern(nameSpace.empty() ? "default" : nameSpace);
  pod.name = Intern(name);
  pod.uid = Intern(metadata->TextOf("uid"));
  pod.labels = InternLabels(ReadLabels(object));
  if (const Value* spec = object.Find("spec")) {
    pod.nodeName = Intern(spec->TextOf("nodeName"));
    pod.hostNetwork = spec->TextOf("hostNetwork") == "true";
  }
  auto addIp = [&](const Value& text) {
    if (!text.IsScalar()) return;
    if (auto v6 = Ipv6Address::Parse(text.text)) {
      pod.ipV6 = *v6;
    } else if (auto v4 = Parse<Ipv4Address>(text, &Ipv4Address::Parse, "IP address")) {
      pod.ip = *v4;
    }
  };
  if (const Value* status = object.Find("status")) {
    pod.phase = PhaseOf(status->TextOf("phase"));
    pod.hostIp = Ipv4Address::Parse(status->TextOf("hostIP"));
    const Value* ips = status->Find("podIPs");
    if (ips && !ips->items.empty()) {
      for (const Value& item : ips->items) {
        if (const Value* ip = item.Find("ip")) addIp(*ip);
      }
    } else if (const Value* ip = status->Find("podIP")) {
      addIp(*ip);
    }
  }
  AddPod(std::move(pod));
}

void ObjectReader::AddNode(Node&& node) {
  auto [known, isNew] = m_nodes.try_emplace(node.name, m_cluster.nodes.size());
  if (isNew) {
    ++File().nodes;
    m_cluster.nodes.push_back(std::move(node));
    return;
  }
  const Node& first = m_cluster.nodes[known->second];
  const bool isSame = first.uid == node.uid && IsSameNetwork(first, node);
  const SourcePlace other = m_cluster.PlaceOf(first.origin);
  if (isSame) {
    m_diagnostics.Note(
        m_cluster.PlaceOf(node.origin),
        fmt::format("node \"{}\" stands at {}:{} already; it is taken once", node.name, other.file, other.line));
  } else {
    m_diagnostics.Error(
        m_cluster.PlaceOf(node.origin),
        fmt::format("node \"{}\" stands at {}:{} already, with {}: are these files from two clusters, or from "
                    "two times?",
                    node.name, other.file, other.line, first.uid != node.uid ? "another uid" : "other addresses"));
  }
}

void ObjectReader::AddPod(Pod&& pod) {
  auto [known, isNew] = m_pods.try_emplace(PodKey{pod.nameSpace, pod.name}, m_cluster.pods.size());
  if (isNew) {
    ++File().pods;
    m_cluster.pods.push_back(std::move(pod));
    return;
  }
  Pod& first = m_cluster.pods[known->second];
  const bool mayBeSame = first.uid.empty() || pod.uid.empty() || first.uid == pod.uid;  // text has no uid
  if (mayBeSame && IsSamePlacing(first, pod)) {
    if (first.uid.empty()) first = std::move(pod);  // the object says more than the line of text
    return;
  }
  const SourcePlace other = m_cluster.PlaceOf(first.origin);
  m_diagnostics.Error(
      m_cluster.PlaceOf(pod.origin),
      fmt::format("pod \"{}/{}\" stands at {}:{} already, with {}: are these files from two clusters, or from "
                  "two times?",
                  pod.nameSpace, pod.name, other.file, other.line,
                  mayBeSame ? "another node or address" : "another uid"));
}

std::optional<Value> ObjectReader::ParseInner(const Value& text, std::string_view what) {
  ValueBuilder builder;
  auto error = ParseJson(text.text, builder);
  if (!error && builder.root.kind == Value::Kind::Object) {
    Relocate(builder.root, text);
    return std::move(builder.root);
  }
  Value where;
  where.place = error ? error->place : TextPlace{1, 1};
  Relocate(where, text);
  m_diagnostics.Error(PlaceOf(where), error
                                          ? fmt::format("{}: {}", what, error->message)
                                          : fmt::format("{} is {}, not an object", what, Describe(builder.root.kind)));
  return std::nullopt;
}

void ObjectReader::ReadConfigMap(const Value& object) {
  const Value* data = object.Find("data");
  const Value* netConf = data->Find("net-conf.json");
  const Value* cniConf = data->Find("cni-conf.json");
  if (!cniConf) cniConf = data->Find("cni_network_config");
  const Value* name = object.Find({"metadata", "name"});
  if (name && name->text == "cilium-config")
    ReadCiliumConfigMap(*data, m_file, m_cluster, TakeCilium(), m_diagnostics);
  else if (!netConf && !cniConf)
    ++File().skippedKinds["ConfigMap"];
  if (netConf) {
    if (auto parsed = ParseInner(*netConf, "net-conf.json")) ReadFlannel(*parsed);
  }
  if (cniConf) ReadCni(*cniConf);
}

void ObjectReader::ReadFlannel(const Value& object) {
  FlannelConfig config = ReadNetConf(object, m_file, m_cluster, m_diagnostics);
  if (!m_cluster.flannel) {
    File().hasFlannelConfig = true;
    m_cluster.flannel = std::move(config);
  } else if (const std::string ours = Summary(*m_cluster.flannel), other = Summary(config); ours != other) {
    const SourcePlace first = m_cluster.PlaceOf(m_cluster.flannel->origin);
    m_diagnostics.Error(
        m_cluster.PlaceOf(config.origin),
        fmt::format("a second net-conf.json, which says other things than the one at {}:{} ({} there, {} here)",
                    first.file, first.line, ours, other));
  }
}

void ObjectReader::ReadCni(const Value& text) {
  Value plain = text;
  plain.text = WithoutPlaceholders(text.text);
  auto parsed = ParseInner(plain, "the CNI configuration");
  if (!parsed || m_cluster.cni) return;
  File().hasCniConfig = true;
  m_cluster.cni = ReadCniConf(*parsed, m_file);
}

}  // namespace overlaysim::import
