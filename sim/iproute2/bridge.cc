// The program `bridge`: fdb and link.

#include <fmt/format.h>

#include <cerrno>

#include "sim/iproute2/names.h"
#include "sim/iproute2/words.h"

namespace overlaysim::iproute2 {

using kernel::Link;
using kernel::LinkKind;
using kernel::Namespace;

namespace {

struct FdbRequest {
  MacAddress mac;
  int ifindex = 0;
  bool self = false, master = false;
  std::optional<kernel::VxlanRemote> remote;
  bool isStatic = false, isDynamic = false, externLearn = false, isRouter = false;
};

/// fdb_modify()
FdbRequest ParseFdb(Session& session, Words& words) {
  const Namespace& ns = session.Ns();
  FdbRequest request;
  std::optional<std::string> mac, device;
  kernel::VxlanRemote remote;
  while (!words.Done()) {
    std::string word = words.Next();
    if (word == "dev") {
      device = words.Next();
    } else if (word == "dst") {
      if (request.remote) Duplicate("dst", words.Next());
      remote.ip = ParseAddress(words.Next());
      request.remote = remote;
    } else if (word == "port") {
      remote.port = static_cast<uint16_t>(ParseNumberOr(words.Next(), 0xffff, "invalid port\n"));
    } else if (word == "vni") {
      remote.vni = static_cast<uint32_t>(ParseNumberOr(words.Next(), (1u << 24) - 1, "invalid VNI\n"));
    } else if (word == "via") {
      remote.ifindex = RequireDevice(ns, words.Next(), 255).ifindex;
    } else if (word == "self") {
      request.self = true;
    } else if (Abbreviates(word, "master")) {
      request.master = true;
    } else if (word == "permanent" || word == "local") {
      continue;  // as without a word
    } else if (word == "temp" || word == "static") {
      request.isStatic = true;
    } else if (word == "dynamic") {
      request.isDynamic = true;
    } else if (word == "extern_learn") {
      request.externLearn = true;
    } else if (word == "router") {
      request.isRouter = true;
    } else if (word == "vlan" || word == "use" || word == "sticky" || word == "nhid" || word == "src_vni") {
      NotSupported(fmt::format("\"bridge fdb\" with \"{}\"", word));
    } else {
      if (word == "to") word = words.Next();
      if (mac) Garbage("to", word);
      mac = word;
    }
  }
  if (!mac || !device) throw Failure{255, "Device and address are required arguments.\n"};
  const auto address = MacAddress::Parse(*mac);
  if (!address) throw Failure{255, fmt::format("Invalid mac address {}\n", *mac)};
  request.mac = *address;
  request.ifindex = RequireDevice(ns, *device, 255).ifindex;
  if (request.remote) {
    remote.ip = request.remote->ip;
    request.remote = remote;
  }
  if (!request.master) request.self = true;
  return request;
}

void RefuseDeviceList(const Link& link) {
  NotSupported(fmt::format("\"bridge fdb ... self\" on {}, which is neither vxlan nor bridge,", link.name));
}

int AddToVxlan(Namespace& ns, const FdbRequest& request, uint8_t flags, Nanoseconds now, const char*& why) {
  if (!request.remote) return EINVAL;
  const kernel::VxlanOptions& options = ns.GetLink(request.ifindex)->vxlan;
  if (request.remote->ip.IsV6() != options.IsIpv6() && !(options.local.IsNone() && options.remote.IsNone()))
    return EAFNOSUPPORT;
  const kernel::VxlanFdbEntry entry{.mac = request.mac,
                                    .isPermanent = !request.isStatic && !request.isDynamic,
                                    .isStatic = request.isStatic,
                                    .externLearn = request.externLearn,
                                    .isRouter = request.isRouter,
                                    .remotes = {*request.remote}};
  const int error = ns.AddVxlanFdb(request.ifindex, entry, flags, now);
  if (error == EOPNOTSUPP && ns.FdbOfVxlan(request.ifindex).Find(request.mac))
    why = "Cannot replace non-unicast fdb entries";
  return error;
}

int AddToBridge(Namespace& ns, const FdbRequest& request, uint8_t flags, Nanoseconds now) {
  const bool isLocal = !request.isStatic && !request.isDynamic && !request.externLearn;
  if (int error = ns.AddBridgeFdb(request.ifindex, request.mac, isLocal, request.isStatic, flags, now)) return error;
  const Link& link = *ns.GetLink(request.ifindex);
  const int bridge = link.kind == LinkKind::Bridge ? link.ifindex : link.master;
  if (kernel::BridgeFdbEntry* entry = ns.FdbOfBridge(bridge).Find(request.mac))
    entry->externLearn = request.externLearn;
  return 0;
}

void AddFdb(Session& session, Words& words, uint8_t flags) {
  const FdbRequest request = ParseFdb(session, words);
  Namespace& ns = session.Ns();
  const Link& link = *ns.GetLink(request.ifindex);
  if (request.master) {
    if (link.master == 0) CheckRtnetlink(session, EOPNOTSUPP);
    CheckRtnetlink(session, AddToBridge(ns, request, flags, session.now));
  }
  if (!request.self) return;
  if (link.kind == LinkKind::Vxlan) {
    const char* why = "";
    const int error = AddToVxlan(ns, request, flags, session.now, why);
    CheckRtnetlink(session, error, why);
  } else if (link.kind == LinkKind::Bridge) {
    CheckRtnetlink(session, AddToBridge(ns, request, flags, session.now));
  } else {
    RefuseDeviceList(link);
  }
}

void DeleteFdb(Session& session, Words& words) {
  const FdbRequest request = ParseFdb(session, words);
  Namespace& ns = session.Ns();
  const Link& link = *ns.GetLink(request.ifindex);
  if (request.master) {
    if (link.master == 0) CheckRtnetlink(session, EOPNOTSUPP);
    CheckRtnetlink(session, ns.DeleteBridgeFdb(request.ifindex, request.mac));
  }
  if (!request.self) return;
  if (link.kind == LinkKind::Vxlan)
    CheckRtnetlink(session,
                   ns.DeleteVxlanFdb(request.ifindex, request.mac, request.remote ? &*request.remote : nullptr));
  else if (link.kind == LinkKind::Bridge)
    CheckRtnetlink(session, ns.DeleteBridgeFdb(request.ifindex, request.mac));
  else
    CheckRtnetlink(session, ENOENT);
}

/// vxlan_fdb_delete_bulk(): all entries, the default destination too.
void FlushFdb(Session& session, Words& words) {
  std::string device;
  while (!words.Done()) {
    const std::string word = words.Next();
    if (word == "dev")
      device = words.Next();
    else if (word != "self")
      NotSupported(fmt::format("\"bridge fdb flush\" with \"{}\"", word));
  }
  if (device.empty()) throw Failure{255, "Device is a required argument.\n"};
  Namespace& ns = session.Ns();
  const Link& link = RequireDevice(ns, device, 255);
  if (link.kind != LinkKind::Vxlan) NotSupported("\"bridge fdb flush\" of another device than a vxlan one");
  for (const kernel::VxlanFdbEntry& entry : ns.AllVxlanFdb(link.ifindex))
    ns.DeleteVxlanFdb(link.ifindex, entry.mac, nullptr);
}

FdbFilter ParseFdbFilter(Session& session, Words& words) {
  const Namespace& ns = session.Ns();
  FdbFilter filter;
  while (!words.Done()) {
    const std::string word = words.Next();
    if (word == "brport" || word == "dev") {
      if (filter.ifindex != 0) Duplicate(word, words.Next());
      filter.ifindex = RequireDevice(ns, words.Next(), 255).ifindex;
    } else if (word == "br") {
      const std::string name = words.Next();
      const Link* bridge = ns.FindLink(name);
      if (!bridge) throw Failure{255, fmt::format("Cannot find bridge device \"{}\"\n", name)};
      filter.bridge = bridge->ifindex;
    } else if (word == "dynamic") {
      filter.dynamic = true;
    } else if (word == "state") {
      const std::string state = words.Next();
      if (state != "all") filter.state = state == "local" ? "permanent" : state == "temp" ? "static" : state;
    } else if (word == "vlan") {
      NotSupported("\"bridge fdb show\" with \"vlan\"");
    } else if (Abbreviates(word, "help")) {
      throw Failure{255, "Usage: bridge fdb [ show [ br BRDEV ] [ brport DEV ] [ state STATE ] [ dynamic ] ]\n"};
    } else {
      filter.mac = MacAddress::Parse(word);  // `bridge fdb get`
      if (!filter.mac) throw Failure{255, fmt::format("Invalid mac address {}\n", word)};
    }
  }
  return filter;
}

void Fdb(Session& session, Words& words) {
  if (words.TakeAbbreviated({"add"})) return AddFdb(session, words, Namespace::kCreate | Namespace::kExclusive);
  if (words.TakeAbbreviated({"append"})) return AddFdb(session, words, Namespace::kCreate | Namespace::kAppend);
  if (words.TakeAbbreviated({"replace"})) return AddFdb(session, words, Namespace::kCreate | Namespace::kReplace);
  if (words.TakeAbbreviated({"delete"})) return DeleteFdb(session, words);
  if (words.TakeAbbreviated({"flush"})) return FlushFdb(session, words);
  if (!words.Done() && !words.TakeAbbreviated({"get", "show", "lst", "list"})) {
    throw Failure{255, fmt::format("Command \"{}\" is unknown, try \"bridge fdb help\".\n", words.Peek())};
  }
  const FdbFilter filter = ParseFdbFilter(session, words);
  session.result.out += FdbShow(session.Ns(), filter, session.show);
}

const Link& RequirePort(Session& session, const std::string& name) {
  const Link* link = session.Ns().FindLink(name);
  if (!link) throw Failure{255, fmt::format("Cannot find bridge device \"{}\"\n", name)};
  return *link;
}

void SetPort(Session& session, Words& words) {
  std::optional<std::string> device;
  kernel::BridgePortOptions wanted;
  Words again = words;  // `dev` may come last: the first round finds it
  while (!again.Done()) {
    const std::string word = again.Next();
    if (word == "dev")
      device = again.Next();
    else if (word != "self" && word != "master" && !SetBridgePortOption(wanted, word, again))
      throw Failure{255, fmt::format("Error: either \"dev\" is duplicate, or \"{}\" is a garbage.\n", word)};
  }
  if (!device) throw Failure{255, "Device is a required argument.\n"};
  Namespace& ns = session.Ns();
  Link& link = *ns.GetLink(RequirePort(session, *device).ifindex);
  if (link.master == 0) CheckRtnetlink(session, EOPNOTSUPP);
  while (!words.Done()) {
    const std::string word = words.Next();
    if (word == "dev")
      words.Next();
    else if (word != "self" && word != "master")
      SetBridgePortOption(link.port, word, words);
  }
  ns.LinkChanged(link.ifindex);
}

void PortLink(Session& session, Words& words) {
  if (words.TakeAbbreviated({"set", "change"})) return SetPort(session, words);
  if (!words.Done() && !words.TakeAbbreviated({"show", "lst", "list"}))
    throw Failure{255, fmt::format("Command \"{}\" is unknown, try \"bridge link help\".\n", words.Peek())};
  int ifindex = 0;
  while (!words.Done())
    if (const std::string word = words.Next(); word == "dev")
      ifindex = RequireDevice(session.Ns(), words.Next(), 255).ifindex;
  session.result.out += BridgeLinkShow(session.Ns(), ifindex, session.show);
}

}  // namespace

void RunBridge(Session& session, Words& words) {
  TakeBridgeOptions(session, words);
  if (words.Done()) throw Failure{255, "Usage: bridge [ OPTIONS ] OBJECT { COMMAND | help }\n"};
  const std::string object = words.Next();
  if (Abbreviates(object, "link")) return PortLink(session, words);
  if (Abbreviates(object, "fdb")) return Fdb(session, words);
  for (const char* other : {"mdb", "vlan", "vni", "monitor"})
    if (object == other) NotSupported(fmt::format("\"bridge {}\"", object));
  throw Failure{255, fmt::format("Object \"{}\" is unknown, try \"bridge help\".\n", object)};
}

}  // namespace overlaysim::iproute2
