#include <fmt/format.h>

#include <cerrno>

#include "sim/iproute2/names.h"
#include "sim/iproute2/words.h"

namespace overlaysim::iproute2 {

using kernel::Namespace;
using kernel::NextHop;
using kernel::Route;
using kernel::RouteType;

namespace {

/// What a route command says; what it leaves open decides the kernel's defaults, or matches all in `del`.
struct RouteRequest {
  Route route;
  bool hasDestination = false, hasScope = false, hasTable = false, hasGateway = false, hasProtocol = false;
  std::string device;
  bool onlink = false;
};

uint32_t ParseTableOr(const std::string& word) {
  const auto table = ParseTable(word);
  if (!table) InvalidArgument(word, "\"table\" value is invalid\n");
  return *table;
}

uint8_t ParseProtocolOr(const std::string& word, const char* message = "\"protocol\" value is invalid\n") {
  const auto protocol = ParseProtocol(word);
  if (!protocol) InvalidArgument(word, message);
  return *protocol;
}

Ipv4Address ParseGateway(Words& words) {
  if (!words.Done() && words.Peek() == "inet6") NotSupported("IPv6");
  words.Take("inet");
  return ParseAddress(words.Next(), "inet");
}

/// parse_one_nh() for each `nexthop`
std::vector<NextHop> ParseNextHops(const Namespace& ns, Words& words) {
  std::vector<NextHop> hops;
  while (!words.Done()) {
    if (!words.Take("nexthop"))
      throw Failure{255,
                    fmt::format("Error: \"nexthop\" or end of line is expected instead of \"{}\"\n", words.Peek())};
    NextHop hop;
    while (!words.Done() && words.Peek() != "nexthop") {
      const std::string word = words.Next();
      if (word == "via") {
        hop.gateway = ParseGateway(words);
      } else if (word == "dev") {
        hop.ifindex = RequireDevice(ns, words.Next()).ifindex;
      } else if (word == "weight") {
        const std::string weight = words.Next();
        const auto number = ParseNumber(weight, 256);
        if (!number || *number == 0) InvalidArgument(weight, "\"weight\" is invalid\n");
        hop.weight = static_cast<uint32_t>(*number);
      } else if (word == "onlink") {
        hop.onlink = true;
      } else {
        throw Failure{255, fmt::format("Error: \"nexthop\" or end of line is expected instead of \"{}\"\n", word)};
      }
    }
    hops.push_back(hop);
  }
  return hops;
}

/// The words of iproute_modify() that we have no use for, but that a person may type.
bool IsUnsupportedOption(const std::string& word) {
  static constexpr const char* kWords[] = {
      "advmss",   "rtt",      "rttvar",   "rto_min", "window",   "cwnd",          "initcwnd",
      "initrwnd", "features", "quickack", "congctl", "hoplimit", "ssthresh",      "reordering",
      "realms",   "nhid",     "encap",    "expires", "pref",     "ttl-propagate", "fastopen_no_cookie",
      "vrf"};
  for (const char* w : kWords)
    if (word == w) return true;
  return false;
}

/// iproute_modify()
RouteRequest ParseRequest(Session& session, Words& words) {
  const Namespace& ns = session.Ns();
  RouteRequest request;
  Route& r = request.route;
  NextHop hop;
  while (!words.Done()) {
    std::string word = words.Next();
    if (word == "src") {
      r.prefSrc = ParseAddress(words.Next(), "inet");
    } else if (word == "via") {
      if (request.hasGateway) InvalidArgument(word, "use nexthop syntax to specify multiple via\n");
      request.hasGateway = true;
      hop.gateway = ParseGateway(words);
    } else if (word == "tos" || Abbreviates(word, "dsfield")) {
      r.tos = static_cast<uint8_t>(ParseNumberOr(words.Next(), 255, "\"tos\" value is invalid\n"));
    } else if (word == "metric" || word == "priority" || word == "preference") {
      r.metric = static_cast<uint32_t>(ParseNumberOr(words.Next(), 0xffffffff, "\"metric\" value is invalid\n"));
    } else if (word == "scope") {
      const std::string scope = words.Next();
      const auto number = ParseScope(scope);
      if (!number) InvalidArgument(scope, "invalid \"scope\" value\n");
      r.scope = *number;
      request.hasScope = true;
    } else if (word == "mtu") {
      r.mtuLocked = words.Take("lock");
      r.mtu = static_cast<uint32_t>(ParseNumberOr(words.Next(), 0xffffffff, "\"mtu\" value is invalid\n"));
    } else if (Abbreviates(word, "protocol") && word.size() > 2) {
      r.protocol = ParseProtocolOr(words.Next());
      request.hasProtocol = true;
    } else if (Abbreviates(word, "table")) {
      r.table = ParseTableOr(words.Next());
      request.hasTable = true;
    } else if (word == "dev" || word == "oif") {
      request.device = words.Next();
    } else if (word == "onlink") {
      request.onlink = true;
    } else if (word == "nexthop") {
      std::vector<std::string> rest = words.Rest();
      rest.insert(rest.begin(), word);
      Words hops(std::move(rest));
      r.nextHops = ParseNextHops(ns, hops);
    } else if (IsUnsupportedOption(word)) {
      NotSupported(fmt::format("the route option \"{}\"", word));
    } else {
      if (word == "to") word = words.Next();
      const auto type = ParseRouteType(word);
      if (type && !request.hasDestination) {
        r.type = *type;
        word = words.Next();
      }
      if (request.hasDestination) Garbage("to", word);
      r.dst = ParsePrefix(word);
      request.hasDestination = true;
    }
  }
  if (!request.device.empty()) hop.ifindex = RequireDevice(ns, request.device).ifindex;
  hop.onlink = request.onlink;
  if (r.nextHops.empty() && (request.hasGateway || hop.ifindex != 0)) r.nextHops = {hop};
  return request;
}

bool IsLocalType(RouteType type) { return type == RouteType::Local || type == RouteType::Broadcast; }

void Modify(Session& session, Words& words, uint8_t flags) {
  RouteRequest request = ParseRequest(session, words);
  Route& r = request.route;
  if (!request.hasDestination) throw Failure{255, "Command line is not complete. Try option \"help\"\n"};
  if (r.dst.Canonical() != r.dst) CheckRtnetlink(session, EINVAL, "Invalid prefix for given prefix length");
  if (!request.hasTable && IsLocalType(r.type)) r.table = kernel::kTableLocal;
  if (!request.hasScope) {
    const bool onLink =
        !request.hasGateway && r.nextHops.size() <= 1 && (r.nextHops.empty() || r.nextHops.front().gateway.IsZero());
    if (r.type == RouteType::Local)
      r.scope = kernel::kScopeHost;
    else if (r.type == RouteType::Broadcast || r.type == RouteType::Multicast ||
             (r.type == RouteType::Unicast && onLink))
      r.scope = kernel::kScopeLink;
  }
  const bool needsHop = r.type == RouteType::Unicast || IsLocalType(r.type) || r.type == RouteType::Multicast;
  if (needsHop && r.nextHops.empty()) CheckRtnetlink(session, ENODEV);
  std::string why;
  const int error = session.Ns().AddRoute(r, flags, &why);
  CheckRtnetlink(session, error, why);
}

void Delete(Session& session, Words& words) {
  RouteRequest request = ParseRequest(session, words);
  Route& r = request.route;
  if (!request.hasDestination) throw Failure{255, "Command line is not complete. Try option \"help\"\n"};
  if (!request.hasTable && IsLocalType(r.type)) r.table = kernel::kTableLocal;
  if (!request.hasScope) r.scope = kernel::kScopeNowhere;
  if (!request.hasProtocol) r.protocol = kernel::kProtoUnspec;
  CheckRtnetlink(session, session.Ns().DeleteRoute(r));
}

struct ListRequest {
  RouteFilter filter;
  bool cache = false;
};

/// iproute_list_flush_or_save()
ListRequest ParseFilter(Session& session, Words& words) {
  const Namespace& ns = session.Ns();
  ListRequest request;
  RouteFilter& filter = request.filter;
  while (!words.Done()) {
    std::string word = words.Next();
    if (Abbreviates(word, "table")) {
      const std::string table = words.Next();
      if (table == "cache")
        request.cache = true;
      else if (table == "all")
        filter.table = 0;
      else if (const auto number = ParseTable(table))
        filter.table = *number;
      else
        InvalidArgument(table, "table id value is invalid\n");
    } else if (word == "cached" || word == "cloned" || word == "cache") {
      request.cache = true;
    } else if (word == "tos" || Abbreviates(word, "dsfield")) {
      filter.tos = static_cast<uint8_t>(ParseNumberOr(words.Next(), 255, "TOS value is invalid\n"));
    } else if (Abbreviates(word, "protocol")) {
      const std::string protocol = words.Next();
      if (protocol != "all") filter.protocol = ParseProtocolOr(protocol, "invalid \"protocol\"\n");
    } else if (word == "scope") {
      const std::string scope = words.Next();
      if (scope == "all") continue;
      filter.scope = ParseScope(scope);
      if (!filter.scope) InvalidArgument(scope, "invalid \"scope\"\n");
    } else if (Abbreviates(word, "type")) {
      const std::string type = words.Next();
      filter.type = ParseRouteType(type);
      if (!filter.type) InvalidArgument(type, "node type value is invalid\n");
    } else if (word == "dev" || word == "oif" || word == "iif") {
      filter.ifindex = RequireDevice(ns, words.Next()).ifindex;
    } else if (word == "via") {
      words.Take("inet");
      filter.via = ParsePrefix(words.Next());
    } else if (word == "src") {
      filter.src = ParsePrefix(words.Next());
    } else if (word == "metric" || word == "priority" || word == "preference") {
      filter.metric = static_cast<uint32_t>(ParseNumberOr(words.Next(), 0xffffffff, "\"metric\" value is invalid\n"));
    } else if (word == "from" || word == "realms" || word == "vrf" || word == "nhid") {
      NotSupported(fmt::format("\"ip route show\" with \"{}\"", word));
    } else {
      if (word == "to") word = words.Next();
      if (word == "root") {
        filter.root = ParsePrefix(words.Next());
      } else if (word == "match") {
        filter.match = ParsePrefix(words.Next());
      } else {
        if (word == "exact") word = words.Next();
        filter.root = filter.match = ParsePrefix(word);
      }
    }
  }
  return request;
}

void Show(Session& session, Words& words) {
  const ListRequest request = ParseFilter(session, words);
  const Namespace& ns = session.Ns();
  const uint32_t table = request.filter.table;
  if (request.cache) return;  // there has been no routing cache since Linux 3.6
  if (table != 0 && table != kernel::kTableMain && table != kernel::kTableLocal && !ns.FindTable(table))
    throw Failure{2, "Error: ipv4: FIB table does not exist.\nDump terminated\n"};
  session.result.out += RouteShow(ns, request.filter, session.show);
}

void Flush(Session& session, Words& words) {
  if (words.Done()) throw Failure{1, "\"ip route flush\" requires arguments.\n"};
  const ListRequest request = ParseFilter(session, words);
  Namespace& ns = session.Ns();
  if (request.cache) return ns.FlushLearntPmtus();
  ns.FlushRoutes([&](const Route& r) { return request.filter.Accepts(r); });
}

/// iproute_get()
void Get(Session& session, Words& words) {
  Namespace& ns = session.Ns();
  RouteGet get;
  bool fibMatch = false, hasDestination = false;
  while (!words.Done()) {
    std::string word = words.Next();
    if (word == "from") {
      get.query.src = ParsePrefix(words.Next()).address;
    } else if (word == "iif") {
      get.query.iif = RequireDevice(ns, words.Next()).ifindex;
    } else if (word == "oif" || word == "dev") {
      get.query.oif = RequireDevice(ns, words.Next()).ifindex;
    } else if (word == "tos" || Abbreviates(word, "dsfield")) {
      get.query.tos = static_cast<uint8_t>(ParseNumberOr(words.Next(), 255, "TOS value is invalid\n"));
    } else if (word == "mark") {
      get.query.mark = static_cast<uint32_t>(ParseNumberOr(words.Next(), 0xffffffff, "invalid mark\n"));
    } else if (word == "fibmatch") {
      fibMatch = true;
    } else if (word == "uid" || word == "ipproto" || word == "sport" || word == "dport" || word == "vrf" ||
               word == "connected" || word == "notify") {
      NotSupported(fmt::format("\"ip route get\" with \"{}\"", word));
    } else {
      if (word == "to") word = words.Next();
      get.query.dst = ParsePrefix(word, hasDestination ? "inet" : "any valid").address;
      hasDestination = true;
    }
  }
  if (!hasDestination) throw Failure{1, "need at least a destination address\n"};
  const Ipv4Address dst = get.query.dst;
  if (get.query.iif != 0 && !ns.Forwarding(get.query.iif) && !ns.IsLocalAddress(dst))
    CheckRtnetlink(session, EHOSTUNREACH);
  kernel::RouteQuery query = get.query;
  if (dst.IsZero()) query.dst = Ipv4Address{0x7f000001};  // ip_route_output_key_hash(): this host
  get.answer = ns.Lookup(query);
  CheckRtnetlink(session, get.answer.error);
  if (fibMatch) {
    session.result.out += RouteLine(ns, get.answer.route) + " \n";
    return;
  }
  Route& route = get.answer.route;
  if (dst.IsMulticast()) route.type = RouteType::Multicast;
  if (dst.IsLimitedBroadcast()) route.type = RouteType::Broadcast;
  if (dst.IsMulticast() || dst.IsLimitedBroadcast()) get.answer.nextHop.gateway = {};
  const NextHop& hop = get.answer.nextHop;
  if (!route.prefSrc.IsZero())
    get.source = route.prefSrc;
  else if (route.type == RouteType::Local)
    get.source = query.dst;
  else
    get.source = ns.SelectAddress(hop.ifindex, hop.gateway.IsZero() ? dst : hop.gateway, route.scope);
  get.learntMtu = ns.LearntPmtu(dst, session.now, &get.learntMtuLocked, &get.mtuExpires);
  get.mtuExpires = get.mtuExpires - session.now;
  session.result.out += RouteGetShow(ns, get, session.show);
}

}  // namespace

void IpRoute(Session& session, Words& words) {
  if (words.TakeAbbreviated({"add"})) return Modify(session, words, Namespace::kCreate | Namespace::kExclusive);
  if (words.TakeAbbreviated({"change", "chg"})) return Modify(session, words, Namespace::kReplace);
  if (words.TakeAbbreviated({"replace"})) return Modify(session, words, Namespace::kCreate | Namespace::kReplace);
  if (words.TakeAbbreviated({"append"})) return Modify(session, words, Namespace::kCreate | Namespace::kAppend);
  if (words.TakeAbbreviated({"prepend"})) return Modify(session, words, Namespace::kCreate);
  if (words.TakeAbbreviated({"delete"})) return Delete(session, words);
  if (words.TakeAbbreviated({"get"})) return Get(session, words);
  if (words.TakeAbbreviated({"flush"})) return Flush(session, words);
  if (!words.Done() && !words.TakeAbbreviated({"list", "show", "lst"}))
    throw Failure{255, fmt::format("Command \"{}\" is unknown, try \"ip route help\".\n", words.Peek())};
  Show(session, words);
}

}  // namespace overlaysim::iproute2
