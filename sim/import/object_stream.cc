#include "sim/import/object_stream.h"

#include <initializer_list>

namespace overlaysim::import {

/// A tree of the members that the importer reads. No children: the value with all that is in it.
struct ObjectStream::Wanted {
  std::string_view key;  ///< ends in '*': a prefix
  std::vector<Wanted> children;
  bool isPresenceOnly = false;  ///< that it is there is all that matters

  bool Matches(std::string_view name) const {
    return key.ends_with('*') ? name.starts_with(key.substr(0, key.size() - 1)) : name == key;
  }
  const Wanted* Child(std::string_view name) const {
    for (const Wanted& child : children) {
      if (child.Matches(name)) return &child;
    }
    return nullptr;
  }
};

namespace {

using Wanted = ObjectStream::Wanted;

const Wanted& ObjectParts() {
  static const Wanted kParts{
      "",
      {{"kind", {}},
       {"apiVersion", {}},
       {"metadata",
        {{"name", {}},
         {"namespace", {}},
         {"uid", {}},
         {"selfLink", {}},
         {"labels", {}},
         {"annotations", {{"flannel.alpha.coreos.com/*", {}}, {"projectcalico.org/*", {}}}}}},
       {"spec",
        {{"podCIDR", {}},
         {"podCIDRs", {}},
         {"nodeName", {}},
         {"hostNetwork", {}},
         {"cidr", {}},  // of Calico's resources, from here
         {"blockSize", {}},
         {"vxlanMode", {}},
         {"ipipMode", {}},
         {"natOutgoing", {}},
         {"disabled", {}},
         {"nodeSelector", {}},
         {"node", {}},
         {"peerSelector", {}},
         {"peerIP", {}},
         {"nodeToNodeMeshEnabled", {}},
         {"vxlanPort", {}},
         {"vxlanVNI", {}},
         {"vxlanMTU", {}},
         {"ipipMTU", {}},
         {"wireguardEnabled", {}},
         {"bgp", {{"routeReflectorClusterID", {}}}},
         {"affinity", {}},
         {"state", {}},
         {"deleted", {}},
         {"addresses", {}},  // of a CiliumNode, and `ipam`
         {"ipam", {{"podCIDRs", {}}}},
         {"containers", {}, true},
         {"providerID", {}, true}}},
       {"status",
        {{"addresses", {}}, {"nodeInfo", {}, true}, {"podIP", {}}, {"podIPs", {}}, {"hostIP", {}}, {"phase", {}}}},
       {"data",
        {{"net-conf.json", {}},
         {"cni-conf.json", {}},
         {"cni_network_config", {}},
         {"routing-mode", {}},  // of cilium-config, from here
         {"tunnel", {}},
         {"tunnel-protocol", {}},
         {"tunnel-port", {}},
         {"mtu", {}},
         {"auto-direct-node-routes", {}},
         {"enable-ipv4-masquerade", {}},
         {"ipv4-native-routing-cidr", {}},
         {"ipam", {}},
         {"cluster-pool-ipv4-*", {}},
         {"enable-ipv6", {}},
         {"kube-proxy-replacement", {}},
         {"enable-endpoint-routes", {}},
         {"enable-wireguard", {}},
         {"enable-ipsec", {}},
         {"encrypt-node", {}}}},
       {"routingMode", {}},  // values of Cilium's Helm chart, from here
       {"tunnelProtocol", {}},
       {"tunnelPort", {}},
       {"MTU", {}},
       {"autoDirectNodeRoutes", {}},
       {"enableIPv4Masquerade", {}},
       {"ipv4NativeRoutingCIDR", {}},
       {"kubeProxyReplacement", {}},
       {"ipv6", {{"enabled", {}}}},
       {"endpointRoutes", {{"enabled", {}}}},
       {"encryption", {{"enabled", {}}, {"type", {}}, {"nodeEncryption", {}}}},
       {"ipam", {{"mode", {}}, {"operator", {}}}}}};
  return kParts;
}

const Wanted& Everything() {
  static const Wanted kEverything{};
  return kEverything;
}

Value Make(Value::Kind kind, TextPlace place) {
  Value value;
  value.kind = kind;
  value.place = place;
  return value;
}

}  // namespace

/// Puts a wanted value into the innermost open part; null where nobody wants it.
Value* ObjectStream::Attach(Value&& value) {
  Frame& top = m_open.back();
  if (top.kind == Frame::PartArray) {
    top.value->items.push_back(std::move(value));
    return &top.value->items.back();
  }
  if (!top.member) return nullptr;
  top.value->members.back().value = std::move(value);
  return &top.value->members.back().value;
}

void ObjectStream::Begin(Value::Kind kind, TextPlace place) {
  if (IsSkipping()) {
    ++m_skipDepth;
    return;
  }
  if (AtObjectPosition()) {
    if (m_open.empty()) ++m_documents;
    if (kind == Value::Kind::Array) {
      if (!m_open.empty()) {  // a List in an array in a List: nobody writes that
        if (m_stray.line == 0) m_stray = place;
        m_skipDepth = 1;
        return;
      }
      m_itemsSeen = 0;
      m_open.push_back({Frame::List, nullptr, nullptr});
      return;
    }
    ++m_itemsSeen;
    m_objects.push_back({std::make_unique<Value>(Make(kind, place))});
    m_open.push_back({Frame::Object, &ObjectParts(), m_objects.back().value.get()});
    return;
  }
  Frame& top = m_open.back();
  if (top.kind == Frame::Object && top.isItems && kind == Value::Kind::Array) {
    m_objects.back().isList = true;
    m_itemsSeen = 0;
    m_open.push_back({Frame::List, nullptr, nullptr});
    return;
  }
  const Wanted* wanted = top.kind == Frame::PartArray ? &Everything() : top.member;
  Value* value = Attach(Make(kind, place));
  if (!value || wanted->isPresenceOnly) {
    m_skipDepth = 1;
    return;
  }
  m_open.push_back({kind == Value::Kind::Array ? Frame::PartArray : Frame::Part, wanted, value});
}

void ObjectStream::BeginObject(TextPlace place) { Begin(Value::Kind::Object, place); }
void ObjectStream::BeginArray(TextPlace place) { Begin(Value::Kind::Array, place); }

void ObjectStream::Key(std::string_view key, TextPlace) {
  if (IsSkipping()) return;
  Frame& top = m_open.back();
  top.isItems = top.kind == Frame::Object && key == "items";
  top.member = top.wanted->children.empty() ? &Everything() : top.wanted->Child(key);
  if (top.member) top.value->members.push_back({std::string(key), {}});
}

void ObjectStream::EndObject() {
  if (IsSkipping()) {
    --m_skipDepth;
    return;
  }
  const bool isObject = m_open.back().kind == Frame::Object;
  m_open.pop_back();
  if (!isObject) return;
  OpenObject done = std::move(m_objects.back());
  m_objects.pop_back();
  if (done.isList) return;
  m_consumer(*done.value, m_objects.empty() ? std::string_view() : m_objects.back().value->TextOf("kind"));
}

void ObjectStream::EndArray() {
  if (IsSkipping()) {
    --m_skipDepth;
    return;
  }
  if (m_open.back().kind == Frame::List && m_itemsSeen == 0) ++m_emptyLists;
  m_open.pop_back();
}

void ObjectStream::Scalar(Value&& scalar) {
  if (IsSkipping()) return;
  if (!AtObjectPosition()) {
    Attach(std::move(scalar));
    return;
  }
  if (scalar.kind == Value::Kind::Null) return;  // an empty YAML document
  if (m_open.empty()) ++m_documents;
  if (m_stray.line == 0) m_stray = scalar.place;
}

}  // namespace overlaysim::import
