#include "sim/scenario/enums.h"

namespace overlaysim::scenario {

template <>
const EnumWords& WordsOf<UnderlayType>() {
  static const EnumWords words{"underlay type", {"router", "leaf-spine", "fat-tree", "flat", "explicit"}};
  return words;
}
template <>
const EnumWords& WordsOf<CniType>() {
  static const EnumWords words{"CNI type", {"flannel", "calico", "cilium", "antrea", "canal", "vxlan"}};
  return words;
}
template <>
const EnumWords& WordsOf<FlannelBackend>() {
  static const EnumWords words{"flannel backend", {"vxlan", "host-gw", "ipip", "udp", "wireguard", "ipsec"}};
  return words;
}
template <>
const EnumWords& WordsOf<EncapMode>() {
  static const EnumWords words{"encapsulation mode", {"Always", "CrossSubnet", "Never"}};
  return words;
}
template <>
const EnumWords& WordsOf<VxlanFlavour>() {
  static const EnumWords words{"mode", {"routed", "bridged"}};
  return words;
}
template <>
const EnumWords& WordsOf<NextHop>() {
  static const EnumWords words{"next hop", {"vtep", "node"}};
  return words;
}
template <>
const EnumWords& WordsOf<TunnelProtocol>() {
  static const EnumWords words{"tunnel protocol", {"vxlan", "geneve"}};
  return words;
}
template <>
const EnumWords& WordsOf<RoutingMode>() {
  static const EnumWords words{"routing mode", {"tunnel", "native"}};
  return words;
}
template <>
const EnumWords& WordsOf<Encryption>() {
  static const EnumWords words{"encryption", {"none", "wireguard", "ipsec"}};
  return words;
}
template <>
const EnumWords& WordsOf<DfMode>() {
  static const EnumWords words{"DF mode", {"unset", "set", "inherit"}};
  return words;
}
template <>
const EnumWords& WordsOf<PodsPer>() {
  static const EnumWords words{"unit", {"node", "total"}};
  return words;
}
template <>
const EnumWords& WordsOf<IpFamily>() {
  static const EnumWords words{"address family", {"ipv4", "ipv6"}};
  return words;
}
template <>
const EnumWords& WordsOf<TrafficType>() {
  static const EnumWords words{"traffic type", {"ping", "udp", "tcp", "rpc", "bulk", "echo", "inject", "command"}};
  return words;
}
template <>
const EnumWords& WordsOf<Per>() {
  static const EnumWords words{"unit", {"source", "pair", "total"}};
  return words;
}
template <>
const EnumWords& WordsOf<Df>() {
  static const EnumWords words{"path MTU discovery mode", {"do", "want", "dont"}};
  return words;
}
template <>
const EnumWords& WordsOf<LinkKind>() {
  static const EnumWords words{"kind of link", {"hostLink", "fabricLink"}};
  return words;
}
template <>
const EnumWords& WordsOf<PairKind>() {
  static const EnumWords words{"way to pair", {"all", "random", "in-order"}};
  return words;
}
template <>
const EnumWords& WordsOf<FaultKind>() {
  static const EnumWords words{"fault",
                               {"stale-fdb", "missing-fdb", "missing-neighbour", "missing-route", "wrong-vtep-mac",
                                "wrong-vni", "device-down", "device-recreated"}};
  return words;
}
template <>
const EnumWords& WordsOf<ApiServerState>() {
  static const EnumWords words{"state of the API server", {"away"}};
  return words;
}

}  // namespace overlaysim::scenario
