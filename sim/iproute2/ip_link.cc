#include <fmt/format.h>

#include <cerrno>

#include "sim/iproute2/link_options.h"
#include "sim/iproute2/names.h"
#include "sim/iproute2/words.h"

namespace overlaysim::iproute2 {

using kernel::Link;
using kernel::LinkKind;
using kernel::Namespace;

namespace {

/// What stands before `type` in `ip link add` and `ip link set`, and after `peer`.
struct LinkRequest {
  std::string device;  ///< of `set`, or the name to give in `add`
  std::optional<std::string> newName, netns, type;
  std::optional<std::string> master;  ///< "": nomaster
  std::optional<MacAddress> address;
  std::optional<uint32_t> mtu, txQueueLen;
  std::optional<int> index;
  std::optional<bool> up, noArp, promisc;
};

/// iplink_parse(). Stops behind `type KIND`.
LinkRequest ParseRequest(Session& session, Words& words, bool isSet, bool isPeer) {
  LinkRequest request;
  while (!words.Done()) {
    const std::string word = words.Next();
    if (word == "up") {
      request.up = true;
    } else if (word == "down") {
      request.up = false;
    } else if (word == "name") {
      const std::string name = words.Next();
      if (isSet && !IsValidLinkName(name)) InvalidArgument(name, "\"name\" not a valid ifname");
      (isSet ? request.newName.emplace() : request.device) = name;
    } else if (word == "index") {
      request.index = static_cast<int>(ParseNumberOr(words.Next(), 0x7fffffff, "Invalid \"index\" value"));
    } else if (word == "address") {
      if (isSet && !request.device.empty()) RequireDevice(session.Ns(), request.device);
      request.address = ParseLinkAddress(words.Next());
    } else if (word == "mtu") {
      const std::string mtu = words.Next();
      // strtol() takes a sign; the kernel then refuses the value
      request.mtu = mtu[0] == '-' && ParseNumber(mtu.substr(1), 0x7fffffff)
                        ? 0
                        : static_cast<uint32_t>(ParseNumberOr(mtu, 0xffffffff, "Invalid \"mtu\" value\n"));
    } else if (word == "txqueuelen" || word == "qlen" || word == "txqlen") {
      request.txQueueLen =
          static_cast<uint32_t>(ParseNumberOr(words.Next(), 0xffffffff, "Invalid \"txqueuelen\" value\n"));
    } else if (word == "netns") {
      const std::string netns = words.Next();
      if (!session.all.Find(netns)) InvalidArgument(netns, "Invalid \"netns\" value\n");
      request.netns = netns;
    } else if (word == "arp") {
      request.noArp = !ParseOnOff("arp", words.Next());
    } else if (word == "promisc") {
      request.promisc = ParseOnOff("promisc", words.Next());
    } else if (word == "master") {
      const std::string master = words.Next();
      if (!session.Ns().FindLink(master)) InvalidArgument(master, "Device does not exist\n");
      request.master = master;
    } else if (word == "nomaster") {
      request.master = "";
    } else if (word == "numtxqueues" || word == "numrxqueues" || word == "gso_max_size" || word == "gso_max_segs" ||
               word == "gro_max_size") {
      ParseNumberOr(words.Next(), 0xffffffff,
                    fmt::format("Invalid \"{}\" value\n", word));  // of no effect on packets here
    } else if (word == "addrgenmode" || word == "alias") {
      words.Next();  // of no effect on packets
    } else if (Abbreviates(word, "type") && word.size() > 1 && !isPeer) {
      request.type = words.Next();
      return request;
    } else if (word == "type") {
      Duplicate("type", words.Next());
    } else if (word == "link" || word == "multicast" || word == "allmulticast" || word == "carrier" || word == "vrf" ||
               word == "xdp" || word == "vf" || word == "group" || word == "broadcast" || word == "protodown") {
      NotSupported(fmt::format("\"ip link\" with \"{}\"", word));
    } else {
      const std::string name = word == "dev" ? words.Next() : word;
      if (!request.device.empty()) Garbage("dev", name);
      request.device = name;
    }
  }
  return request;
}

/// The first of KIND0, KIND1, ... that is free (dev_alloc_name()).
std::string FreeName(const Namespace& ns, std::string_view kind) {
  for (int i = 0;; ++i) {
    std::string name = fmt::format("{}{}", kind, i);
    if (!ns.FindLink(name)) return name;
  }
}

Link LinkOf(const Session& session, const Namespace& ns, const LinkRequest& request, LinkKind kind) {
  Link link;
  link.kind = kind;
  link.txChecksum = true;
  link.name = request.device.empty() ? FreeName(ns, kernel::LinkKindName(kind)) : request.device;
  if (!IsValidLinkName(link.name)) CheckRtnetlink(session, ERANGE, "Attribute failed policy validation");
  if (request.index) {
    if (ns.GetLink(*request.index)) CheckRtnetlink(session, EEXIST);
    link.ifindex = *request.index;
  }
  if (request.address) {
    if (request.address->IsMulticast() || request.address->IsZero()) CheckRtnetlink(session, EADDRNOTAVAIL);
    link.address = *request.address;
    link.addressSet = true;
  }
  if (request.mtu) {
    if (kind != LinkKind::Dummy && (*request.mtu < link.minMtu || *request.mtu > link.maxMtu))
      CheckRtnetlink(session, EINVAL,
                     kind == LinkKind::Vxlan      ? "MTU must be between 68 and 65535"
                     : *request.mtu < link.minMtu ? "mtu less than device minimum"
                                                  : "mtu greater than device maximum");
    link.mtu = *request.mtu;
    link.mtuSet = kind == LinkKind::Vxlan;  // a bridge made with an MTU still follows its ports, see br_change_mtu()
  }
  if (request.txQueueLen) link.txQueueLen = *request.txQueueLen;
  if (kind == LinkKind::Dummy) link.minMtu = link.maxMtu = 0;  // any
  link.noArp = request.noArp.value_or(kind == LinkKind::Dummy);
  link.promisc = request.promisc.value_or(false);
  return link;
}

void AddVethPair(Session& session, Words& words, Namespace& ns, const LinkRequest& request) {
  LinkRequest peer;
  if (words.Take("peer"))
    peer = ParseRequest(session, words, false, true);
  else if (!words.Done())
    throw Failure{1, "Usage: ip link <options> type veth [peer <options>]\nTo get <options> type 'ip link add help'\n"};
  Namespace& peerNs = peer.netns ? *session.all.Find(*peer.netns) : ns;
  if (request.up.value_or(false) || peer.up.value_or(false))
    CheckRtnetlink(session, ENOTCONN);  // veth_open() before the ends know each other
  Link link = LinkOf(session, ns, request, LinkKind::Veth);
  Link other = LinkOf(session, peerNs, peer, LinkKind::Veth);
  if (peer.device.empty() && &ns == &peerNs && other.name == link.name) other.name = FreeName(ns, "veth");
  CheckRtnetlink(session, AddVeth(ns, std::move(link), peerNs, std::move(other)));
}

std::optional<LinkKind> KindOf(std::string_view type) {
  for (LinkKind kind : {LinkKind::Veth, LinkKind::Bridge, LinkKind::Vxlan, LinkKind::Dummy, LinkKind::Ipip,
                        LinkKind::Wireguard, LinkKind::Geneve})
    if (type == kernel::LinkKindName(kind)) return kind;
  return std::nullopt;
}

void RefuseKind(const Session& session, const std::string& type) {
  static constexpr const char* kOthers[] = {
      "bareudp", "bond",    "erspan", "gre",   "gretap", "gtp",  "hsr",  "ifb",  "ipvlan", "ipvtap", "lowpan", "macsec",
      "macvlan", "macvtap", "netkit", "nlmon", "sit",    "team", "vcan", "vlan", "vrf",    "vti",    "xfrm"};
  for (const char* other : kOthers)
    if (type == other) NotSupported(fmt::format("the link type \"{}\"", type));
  CheckRtnetlink(session, EOPNOTSUPP, "Unknown device type");
}

void Add(Session& session, Words& words) {
  const LinkRequest request = ParseRequest(session, words, false, false);
  if (!request.type) throw Failure{1, "Not enough information: \"type\" argument is required\n"};
  const auto kind = KindOf(*request.type);
  if (!kind) RefuseKind(session, *request.type);
  Namespace& ns = request.netns ? *session.all.Find(*request.netns) : session.Ns();
  if (*kind == LinkKind::Veth) {
    AddVethPair(session, words, ns, request);
  } else {
    kernel::VxlanOptions vxlan = *kind == LinkKind::Geneve ? kernel::VxlanOptions::Geneve() : kernel::VxlanOptions{};
    kernel::BridgeOptions bridge;
    if (*kind == LinkKind::Geneve && words.Done())  // geneve_validate()
      CheckRtnetlink(session, EINVAL, "Not enough attributes provided to perform the operation");
    if (*kind == LinkKind::Vxlan) ParseVxlanOptions(session, words, vxlan, false);
    if (*kind == LinkKind::Geneve) ParseGeneveOptions(session, words, vxlan, false);
    if (*kind == LinkKind::Bridge) ParseBridgeOptions(words, bridge);
    kernel::IpipOptions ipip;
    if (*kind == LinkKind::Ipip) ParseIpipOptions(session, words, ipip);
    if (!words.Done()) Garbage("dev", words.Peek());
    if (request.netns && vxlan.lowerIfindex != 0 && &ns != &session.Ns())
      NotSupported("a vxlan device whose lower device is in another namespace");
    Link link = LinkOf(session, ns, request, *kind);
    link.vxlan = vxlan;
    link.bridge = bridge;
    link.ipip = ipip;
    const std::string name = link.name;
    std::string why;
    const int error = AddLink(ns, std::move(link), &why);
    CheckRtnetlink(session, error, why);
    const int ifindex = ns.FindLink(name)->ifindex;
    if (request.master && !request.master->empty())
      CheckRtnetlink(session, ns.SetLinkMaster(ifindex, ns.FindLink(*request.master)->ifindex));
    if (request.up.value_or(false)) CheckRtnetlink(session, SetLinkUp(session.all, ns, ifindex, true, session.now));
  }
}

void ChangeType(Session& session, Words& words, Namespace& ns, Link& link, const std::string& type) {
  if (type == "bridge_slave") {
    kernel::BridgePortOptions port = link.port;
    ParseBridgePortOptions(words, port);
    if (link.master == 0) CheckRtnetlink(session, EOPNOTSUPP);
    link.port = port;
  } else if (type == "bridge" && link.kind == LinkKind::Bridge) {
    ParseBridgeOptions(words, link.bridge);
  } else if (type == "vxlan" && link.kind == LinkKind::Vxlan) {
    kernel::VxlanOptions vxlan = link.vxlan;
    ParseVxlanOptions(session, words, vxlan, true);
    if (vxlan.remote != link.vxlan.remote) {
      const kernel::VxlanRemote old{.ip = link.vxlan.remote, .ifindex = link.vxlan.lowerIfindex};
      if (!vxlan.remote.IsZero())
        ns.AddVxlanFdb(link.ifindex, {}, {.ip = vxlan.remote, .ifindex = vxlan.lowerIfindex}, true,
                       Namespace::kCreate | Namespace::kAppend, session.now);
      if (!old.ip.IsZero()) ns.DeleteVxlanFdb(link.ifindex, {}, &old);
    }
    link.vxlan = vxlan;
  } else if (type == "geneve" && link.kind == LinkKind::Geneve) {
    kernel::VxlanOptions geneve = link.vxlan;
    ParseGeneveOptions(session, words, geneve, true);
    link.vxlan = geneve;
  } else if (!words.Done()) {
    CheckRtnetlink(session, EOPNOTSUPP);
  }
  ns.LinkChanged(link.ifindex);
}

/// do_setlink() of net/core/rtnetlink.c: in its order.
void Set(Session& session, Words& words) {
  const LinkRequest request = ParseRequest(session, words, true, false);
  if (request.device.empty()) throw Failure{255, "Not enough information: \"dev\" argument is required.\n"};
  Namespace* ns = &session.Ns();
  int ifindex = RequireDevice(*ns, request.device).ifindex;
  if (request.netns) {
    Namespace& to = *session.all.Find(*request.netns);
    std::string why;
    const int error = MoveLink(session.all, *ns, ifindex, to, session.now, &why);
    CheckRtnetlink(session, error, why);
    ns = &to;
    ifindex = ns->FindLink(request.device)->ifindex;
  }
  Link& link = *ns->GetLink(ifindex);
  if (request.address) CheckRtnetlink(session, ns->SetLinkAddress(ifindex, *request.address));
  if (request.mtu) {
    const int error = ns->SetLinkMtu(ifindex, *request.mtu);
    const bool tooMuch = link.maxMtu > 0 && *request.mtu > link.maxMtu;
    CheckRtnetlink(session, error,
                   *request.mtu < link.minMtu ? "mtu less than device minimum"
                   : tooMuch                  ? "mtu greater than device maximum"
                                              : "");
  }
  if (request.newName) {
    if (*request.newName != link.name && ns->FindLink(*request.newName)) CheckRtnetlink(session, EEXIST);
    link.name = *request.newName;
    ns->LinkChanged(ifindex);
  }
  if (request.master) {
    const Link* master = request.master->empty() ? nullptr : ns->FindLink(*request.master);
    CheckRtnetlink(session, ns->SetLinkMaster(ifindex, master ? master->ifindex : 0));
  }
  if (request.noArp) link.noArp = *request.noArp;
  if (request.promisc) link.promisc = *request.promisc;
  if (request.txQueueLen) link.txQueueLen = *request.txQueueLen;
  if (request.noArp || request.promisc || request.txQueueLen) ns->LinkChanged(ifindex);
  if (request.up) CheckRtnetlink(session, SetLinkUp(session.all, *ns, ifindex, *request.up, session.now));
  if (request.type) ChangeType(session, words, *ns, link, *request.type);
}

void Delete(Session& session, Words& words) {
  const LinkRequest request = ParseRequest(session, words, true, false);
  if (request.device.empty()) throw Failure{255, "Not enough information: \"dev\" argument is required.\n"};
  Namespace& ns = session.Ns();
  CheckRtnetlink(session, DeleteLink(session.all, ns, RequireDevice(ns, request.device).ifindex));
}

}  // namespace

bool TakeLinkSelector(Session& session, const std::string& word, Words& words, LinkFilter& filter) {
  if (word == "up") {
    filter.onlyUp = true;
  } else if (word == "type") {
    filter.kind = words.Next();
  } else if (word == "master") {
    const std::string name = words.Next();
    const Link* master = session.Ns().FindLink(name);
    if (!master) InvalidArgument(name, "Device does not exist\n");
    filter.master = master->ifindex;
  } else if (word == "group") {
    words.Next();  // all devices are in the default group
  } else {
    return false;
  }
  return true;
}

void TakeShownDevice(Session& session, const std::string& word, Words& words, LinkFilter& filter) {
  const std::string name = word == "dev" ? words.Next() : word;
  if (filter.ifindex != 0) Garbage("dev", name);
  const Link* link = session.Ns().FindLink(name);
  if (!link) throw Failure{1, fmt::format("Device \"{}\" does not exist.\n", name)};
  filter.ifindex = link->ifindex;
}

void IpLink(Session& session, Words& words) {
  if (words.TakeAbbreviated({"add"})) return Add(session, words);
  if (words.TakeAbbreviated({"set", "change"})) return Set(session, words);
  if (words.TakeAbbreviated({"delete"})) return Delete(session, words);
  if (!words.Done() && !words.TakeAbbreviated({"show", "lst", "list"}))
    throw Failure{255, fmt::format("Command \"{}\" is unknown, try \"ip link help\".\n", words.Peek())};
  LinkFilter filter;
  while (!words.Done()) {
    const std::string word = words.Next();
    if (!TakeLinkSelector(session, word, words, filter)) TakeShownDevice(session, word, words, filter);
  }
  ShowOptions show = session.show;
  show.family = Family::Any;
  session.result.out += LinkShow(session.Ns(), filter, show);
}

}  // namespace overlaysim::iproute2
