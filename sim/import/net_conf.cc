#include "sim/import/net_conf.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>

namespace overlaysim::import {

namespace {

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

/// Which backends read a key of Backend.
enum Backends : uint16_t { kVxlan = 1, kUdp = 2, kWireguard = 4, kIpsec = 8, kIpip = 16 };

struct BackendName {
  std::string_view name;
  uint16_t mask;  ///< 0: none of the keys that we know
  bool isModelled;
};
constexpr BackendName kBackends[] = {
    {"vxlan", kVxlan, true},  {"host-gw", 0, true},  {"udp", kUdp, true}, {"wireguard", kWireguard, true},
    {"ipsec", kIpsec, true},  {"ipip", kIpip, true}, {"alloc", 0, false}, {"extension", 0, false},
    {"tencent-vpc", 0, false}};

const BackendName* FindBackend(std::string_view name) {
  auto found = std::find_if(std::begin(kBackends), std::end(kBackends), [&](const auto& b) { return b.name == name; });
  return found == std::end(kBackends) ? nullptr : found;
}

class NetConfReader {
 public:
  NetConfReader(uint32_t fileIndex, const ImportedCluster& cluster, Diagnostics& diagnostics)
      : m_file(fileIndex), m_cluster(cluster), m_diagnostics(diagnostics) {}

  FlannelConfig Read(const Value& object) {
    m_config.origin = OriginOf(object);
    const Value* backend = nullptr;
    auto& c = m_config;
    ReadMembers(object, "net-conf.json",
                {{"Network", [&](const Value& v) { Address(v, c.network, Ipv4Network); }},
                 {"IPv6Network", [&](const Value& v) { Address(v, c.ipv6Network, Ipv6Network); }},
                 {"EnableIPv4", [&](const Value& v) { Bool(v, c.enableIpv4); }},
                 {"EnableIPv6", [&](const Value& v) { Bool(v, c.enableIpv6); }},
                 {"EnableNFTables", [&](const Value& v) { Bool(v, c.enableNfTables); }},
                 {"SubnetLen", [&](const Value& v) { Number(v, c.subnetLen, 30); }},
                 {"IPv6SubnetLen", [&](const Value& v) { Number(v, c.ipv6SubnetLen, 126); }},
                 {"SubnetMin", [&](const Value& v) { Address(v, c.subnetMin, Ipv4Address::Parse); }},
                 {"SubnetMax", [&](const Value& v) { Address(v, c.subnetMax, Ipv4Address::Parse); }},
                 {"IPv6SubnetMin", [&](const Value& v) { Address(v, c.ipv6SubnetMin, Ipv6Address::Parse); }},
                 {"IPv6SubnetMax", [&](const Value& v) { Address(v, c.ipv6SubnetMax, Ipv6Address::Parse); }},
                 {"Backend", [&](const Value& v) { backend = &v; }}});
    if (backend) {
      ReadBackend(*backend);
    } else {
      m_diagnostics.Note(
          PlaceOf(object),
          "there is no \"Backend\": flannel's own default is udp (the shipped kube-flannel.yml names vxlan)");
    }
    if (c.backendType.value == "udp" && !c.port.IsGiven()) c.port.value = kUdpBackendPort;
    CheckNetworks(object);
    return std::move(m_config);
  }

 private:
  static constexpr uint32_t kUdpBackendPort = 8285;  // flannel pkg/backend/udp

  struct Key {
    std::string_view name;
    std::function<void(const Value&)> read;
    uint16_t backends = 0;  ///< of keys of Backend
  };

  Origin OriginOf(const Value& value) const { return {m_file, value.place.line, value.place.column}; }
  SourcePlace PlaceOf(const Value& value) const { return m_cluster.PlaceOf(OriginOf(value)); }

  /// Calls each key's reader for its last value. `backends` 0: keys are not bound to a backend.
  void ReadMembers(const Value& object, std::string_view where, const std::vector<Key>& keys, uint16_t backends = 0) {
    std::vector<const Value*> values(keys.size());
    for (const auto& [name, value] : object.members) {
      const std::string lower = Lower(name);
      auto key = std::find_if(keys.begin(), keys.end(), [&](const Key& k) { return Lower(k.name) == lower; });
      if (key == keys.end()) {
        std::vector<std::string> known;
        for (const Key& k : keys) known.emplace_back(k.name);
        const std::string guess = DidYouMean(name, known);
        m_diagnostics.Warning(PlaceOf(value),
                              fmt::format("{} has no key \"{}\"; flannel ignores it{}", where, name,
                                          guess.empty() ? "" : fmt::format("; did you mean \"{}\"?", guess)));
        continue;
      }
      const Value*& slot = values[static_cast<size_t>(key - keys.begin())];
      if (slot) {
        m_diagnostics.Warning(PlaceOf(value), fmt::format("\"{}\" stands here twice; flannel takes the last", name));
      }
      slot = &value;
    }
    for (size_t i = 0; i < keys.size(); ++i) {
      if (!values[i] || values[i]->kind == Value::Kind::Null) continue;  // null leaves Go's default
      if (keys[i].backends && !(keys[i].backends & backends)) {
        m_diagnostics.Note(PlaceOf(*values[i]),
                           fmt::format("\"{}\" means nothing to the backend {}; flannel ignores it", keys[i].name,
                                       m_config.backendType.value));
        continue;
      }
      keys[i].read(*values[i]);
    }
  }

  void ReadBackend(const Value& backend) {
    auto& c = m_config;
    if (!backend.IsObject()) return WrongKind(backend, "an object such as {\"Type\": \"vxlan\"}");
    const Value* type = nullptr;
    for (const auto& [name, value] : backend.members) {
      if (Lower(name) == "type") type = &value;
    }
    if (!type) {
      m_diagnostics.Error(PlaceOf(backend), "\"Backend\" has no \"Type\"; flanneld does not start with that");
      return;
    }
    if (type->kind != Value::Kind::String) return WrongKind(*type, "a text such as \"vxlan\"");
    c.backendType = {Lower(type->text), OriginOf(*type)};  // flannel compares it in lower case
    const BackendName* known = FindBackend(c.backendType.value);
    if (!known) {
      std::vector<std::string> names;
      for (const BackendName& b : kBackends) names.emplace_back(b.name);
      const std::string guess = DidYouMean(c.backendType.value, names);
      m_diagnostics.Error(PlaceOf(*type), fmt::format("flannel has no backend \"{}\"{} (known: {})", type->text,
                                                      guess.empty() ? "" : fmt::format("; did you mean \"{}\"?", guess),
                                                      JoinNames(names)));
      return;
    }
    if (!known->isModelled) return;  // its keys are its own
    ReadMembers(backend, "Backend",
                {{"Type", [](const Value&) {}},
                 {"VNI", [&](const Value& v) { Number(v, c.vni, (1u << 24) - 1); }, kVxlan},
                 {"Port", [&](const Value& v) { Number(v, c.port, 65535); }, kVxlan | kUdp},
                 {"MTU", [&](const Value& v) { Number(v, c.mtu, 65535); }, kVxlan | kWireguard},
                 {"DirectRouting", [&](const Value& v) { Bool(v, c.directRouting); }, kVxlan | kIpip},
                 {"Learning", [&](const Value& v) { Bool(v, c.learning); }, kVxlan},
                 {"GBP", [&](const Value& v) { Bool(v, c.gbp); }, kVxlan},
                 {"MacPrefix", [&](const Value& v) { Text(v, c.macPrefix); }, kVxlan},
                 {"ListenPort", [&](const Value& v) { Number(v, c.listenPort, 65535); }, kWireguard},
                 {"ListenPortV6", [&](const Value& v) { Number(v, c.listenPortV6, 65535); }, kWireguard},
                 {"Mode", [&](const Value& v) { Text(v, c.mode); }, kWireguard},
                 {"PersistentKeepaliveInterval",
                  [&](const Value& v) { Number(v, c.persistentKeepaliveInterval, 65535); }, kWireguard},
                 {"PSK", [&](const Value& v) { Text(v, c.psk); }, kWireguard | kIpsec},
                 {"UDPEncap", [&](const Value& v) { Bool(v, c.udpEncap); }, kIpsec},
                 {"ESPProposal", [&](const Value& v) { Text(v, c.espProposal); }, kIpsec}},
                known->mask);
  }

  void CheckNetworks(const Value& object) {
    auto& c = m_config;
    if (c.enableIpv4.value && !c.network.value && !c.network.IsGiven()) {
      m_diagnostics.Error(PlaceOf(object),
                          "\"Network\" is missing: flannel needs it, for example \"10.244.0.0/16\", "
                          "unless \"EnableIPv4\" is false");
    }
    if (c.enableIpv6.value && !c.ipv6Network.value && !c.ipv6Network.IsGiven()) {
      m_diagnostics.Error(PlaceOf(object), "\"IPv6Network\" is missing: \"EnableIPv6\" is true");
    }
    if (!c.network.value) return;
    const uint8_t length = c.network.value->length;
    if (!c.subnetLen.IsGiven() && length > 22) c.subnetLen.value = length + 2u;
    for (const auto* bound : {&c.subnetMin, &c.subnetMax}) {
      if (bound->value && !c.network.value->Contains(*bound->value)) {
        m_diagnostics.Warning(m_cluster.PlaceOf(bound->origin),
                              fmt::format("{} lies outside the Network {}; flannel refuses that where it keeps its "
                                          "subnets in etcd",
                                          bound->value->ToString(), c.network.value->ToString()));
      }
    }
  }

  void WrongKind(const Value& value, std::string_view wanted) {
    m_diagnostics.Error(PlaceOf(value), fmt::format("this is {}{}, but flannel wants {}", Describe(value.kind),
                                                    value.IsScalar() ? fmt::format(" ({})", value.text) : "", wanted));
  }

  void Bool(const Value& value, Setting<bool>& setting) {
    if (value.kind != Value::Kind::Bool) return WrongKind(value, "true or false without quotes");
    setting = {value.text == "true", OriginOf(value)};
  }
  void Text(const Value& value, Setting<std::string>& setting) {
    if (value.kind != Value::Kind::String) return WrongKind(value, "a text in quotes");
    setting = {value.text, OriginOf(value)};
  }
  void Number(const Value& value, Setting<uint32_t>& setting, uint32_t max) {
    uint32_t number = 0;
    const char* end = value.text.data() + value.text.size();
    const auto parsed = std::from_chars(value.text.data(), end, number);
    if (value.kind != Value::Kind::Number) return WrongKind(value, "a number without quotes");
    if (parsed.ec != std::errc() || parsed.ptr != end || number > max) {
      m_diagnostics.Error(PlaceOf(value), fmt::format("{} is no whole number from 0 to {}", value.text, max));
      return;
    }
    setting = {number, OriginOf(value)};
  }

  static std::optional<Ipv4Prefix> Ipv4Network(std::string_view text) {
    auto prefix = Ipv4Prefix::Parse(text);
    if (!prefix || text.find('/') == std::string_view::npos) return std::nullopt;
    return prefix->Canonical();
  }
  static std::optional<IpPrefix::V6> Ipv6Network(std::string_view text) {
    auto prefix = IpPrefix::Parse(text);
    return prefix ? prefix->v6 : std::nullopt;
  }
  template <typename T, typename Parser>
  void Address(const Value& value, Setting<std::optional<T>>& setting, Parser parse) {
    if (value.kind != Value::Kind::String) return WrongKind(value, "an address in quotes");
    if (IsPlaceholder(value.text)) {
      m_diagnostics.Warning(
          PlaceOf(value), fmt::format("\"{}\" is a placeholder that nobody has filled in; it is not used", value.text));
      setting.origin = OriginOf(value);
      return;
    }
    setting = {parse(value.text), OriginOf(value)};
    if (!setting.value) {
      m_diagnostics.Error(PlaceOf(value),
                          fmt::format("\"{}\" is no {}", value.text,
                                      std::is_same_v<T, Ipv4Prefix>     ? "IPv4 network such as \"10.244.0.0/16\""
                                      : std::is_same_v<T, IpPrefix::V6> ? "IPv6 network such as \"2001:cafe:42::/56\""
                                      : std::is_same_v<T, Ipv4Address>  ? "IPv4 address such as \"10.244.16.0\""
                                                                        : "IPv6 address"));
    }
  }

  uint32_t m_file;
  const ImportedCluster& m_cluster;
  Diagnostics& m_diagnostics;
  FlannelConfig m_config;
};

}  // namespace

bool LooksLikeNetConf(const Value& object) {
  if (!object.IsObject()) return false;
  bool hasOwnKey = false;
  for (const auto& [name, value] : object.members) {
    if (name == "kind" || name == "apiVersion" || name == "metadata" || name == "items") return false;
    const std::string lower = Lower(name);
    hasOwnKey |= lower == "network" || lower == "ipv6network" || lower == "backend" || lower == "enableipv4" ||
                 lower == "enableipv6" || lower == "subnetlen" || lower == "enablenftables";
  }
  return hasOwnKey;
}

FlannelConfig ReadNetConf(const Value& object, uint32_t fileIndex, const ImportedCluster& cluster,
                          Diagnostics& diagnostics) {
  return NetConfReader(fileIndex, cluster, diagnostics).Read(object);
}

std::string Summary(const FlannelConfig& config) {
  std::vector<std::string> parts;
  auto add = [&](std::string_view key, const std::string& value) { parts.push_back(fmt::format("{} {}", key, value)); };
  auto addBool = [&](std::string_view key, const Setting<bool>& s) {
    if (s.IsGiven()) add(key, s.value ? "true" : "false");
  };
  auto addNumber = [&](std::string_view key, const Setting<uint32_t>& s) {
    if (s.IsGiven()) add(key, fmt::to_string(s.value));
  };
  auto addText = [&](std::string_view key, const Setting<std::string>& s) {
    if (s.IsGiven()) add(key, s.value);
  };
  auto addAddress = [&](std::string_view key, const auto& s) {
    if (s.value) add(key, s.value->ToString());
  };
  addAddress("Network", config.network);
  if (config.ipv6Network.value) add("IPv6Network", IpPrefix{{}, config.ipv6Network.value}.ToString());
  addBool("EnableIPv4", config.enableIpv4);
  addBool("EnableIPv6", config.enableIpv6);
  addBool("EnableNFTables", config.enableNfTables);
  addNumber("SubnetLen", config.subnetLen);
  addNumber("IPv6SubnetLen", config.ipv6SubnetLen);
  addAddress("SubnetMin", config.subnetMin);
  addAddress("SubnetMax", config.subnetMax);
  addAddress("IPv6SubnetMin", config.ipv6SubnetMin);
  addAddress("IPv6SubnetMax", config.ipv6SubnetMax);
  add("Backend", config.backendType.value + (config.backendType.IsGiven() ? "" : " (flannel's default)"));
  addNumber("VNI", config.vni);
  addNumber("Port", config.port);
  addNumber("MTU", config.mtu);
  addBool("DirectRouting", config.directRouting);
  addBool("Learning", config.learning);
  addBool("GBP", config.gbp);
  addText("MacPrefix", config.macPrefix);
  addNumber("ListenPort", config.listenPort);
  addNumber("ListenPortV6", config.listenPortV6);
  addText("Mode", config.mode);
  addNumber("PersistentKeepaliveInterval", config.persistentKeepaliveInterval);
  if (config.psk.IsGiven()) add("PSK", fmt::format("({} characters)", config.psk.value.size()));
  addBool("UDPEncap", config.udpEncap);
  addText("ESPProposal", config.espProposal);
  return JoinNames(parts);
}

CniConfig ReadCniConf(const Value& object, uint32_t fileIndex) {
  CniConfig config;
  config.origin = {fileIndex, object.place.line, object.place.column};
  config.name = object.TextOf("name");
  config.cniVersion = object.TextOf("cniVersion");
  auto readBool = [](const Value& from, std::string_view key, std::optional<bool>& to) {
    const Value* value = from.Find(key);
    if (value && value->kind == Value::Kind::Bool) to = value->text == "true";
  };
  auto readPlugin = [&](const Value& from) {
    CniConfig::Plugin plugin;
    plugin.type = from.TextOf("type");
    const Value* delegate = from.Find("delegate");
    for (const Value* part : {&from, delegate}) {
      if (!part || !part->IsObject()) continue;
      readBool(*part, "hairpinMode", plugin.hairpinMode);
      readBool(*part, "isDefaultGateway", plugin.isDefaultGateway);
      if (std::string_view bridge = part->TextOf("bridge"); !bridge.empty()) plugin.bridge = bridge;
      const std::string_view mtu = part->TextOf("mtu");
      uint32_t number = 0;
      if (std::from_chars(mtu.data(), mtu.data() + mtu.size(), number).ec == std::errc() && number > 0)
        plugin.mtu = number;
    }
    config.plugins.push_back(std::move(plugin));
  };
  if (const Value* plugins = object.Find("plugins"); plugins && plugins->IsArray()) {
    for (const Value& plugin : plugins->items) readPlugin(plugin);
  } else {
    readPlugin(object);
  }
  return config;
}

bool IsPlaceholder(std::string_view text) {
  return text.find("${") != std::string_view::npos || text.find("{{") != std::string_view::npos ||
         text.find("***") != std::string_view::npos || text.find("__") != std::string_view::npos ||
         text.find('<') != std::string_view::npos;
}

}  // namespace overlaysim::import
