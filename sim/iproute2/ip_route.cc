#include <fmt/format.h>

#include <cerrno>

#include "sim/iproute2/names.h"
#include "sim/iproute2/words.h"

namespace overlaysim::iproute2 {

using kernel::BasicNextHop;
using kernel::BasicRoute;
using kernel::Namespace;
using kernel::RouteType;

namespace {

/// What a route command says; what it leaves open decides the kernel's defaults, or matches all in `del`.
template <typename A>
struct RouteRequest {
  BasicRoute<A> route;
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

template <typename A>
A ParseGateway(Words& words) {
  constexpr bool kIsIpv6 = kFamilyOf<A> == Family::Inet6;
  if (!words.Done() && words.Peek() == (kIsIpv6 ? "inet" : "inet6"))
    NotSupported("a next hop of another family than the route's");
  words.Take(kIsIpv6 ? "inet6" : "inet");
  return ParseAddressOf<A>(words.Next());
}

/// parse_one_nh() for each `nexthop`
template <typename A>
std::vector<BasicNextHop<A>> ParseNextHops(const Namespace& ns, Words& words) {
  std::vector<BasicNextHop<A>> hops;
  while (!words.Done()) {
    if (!words.Take("nexthop"))
      throw Failure{255,
                    fmt::format("Error: \"nexthop\" or end of line is expected instead of \"{}\"\n", words.Peek())};
    BasicNextHop<A> hop;
    while (!words.Done() && words.Peek() != "nexthop") {
      const std::string word = words.Next();
      if (word == "via") {
        hop.gateway = ParseGateway<A>(words);
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
template <typename A>
RouteRequest<A> ParseRequest(Session& session, Words& words) {
  const Namespace& ns = session.Ns();
  RouteRequest<A> request;
  BasicRoute<A>& r = request.route;
  BasicNextHop<A> hop;
  while (!words.Done()) {
    std::string word = words.Next();
    if (word == "src") {
      r.prefSrc = ParseAddressOf<A>(words.Next());
    } else if (word == "via") {
      if (request.hasGateway) InvalidArgument(word, "use nexthop syntax to specify multiple via\n");
      request.hasGateway = true;
      hop.gateway = ParseGateway<A>(words);
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
      r.nextHops = ParseNextHops<A>(ns, hops);
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
      // What is neither family's is refused as such unless one was asked for.
      if (session.show.family == Family::Any) ParsePrefix(word);
      r.dst = ParsePrefixOf<A>(word);
      request.hasDestination = true;
    }
  }
  if (!request.device.empty()) hop.ifindex = RequireDevice(ns, request.device).ifindex;
  hop.onlink = request.onlink;
  if (r.nextHops.empty() && (request.hasGateway || hop.ifindex != 0)) r.nextHops = {hop};
  return request;
}

bool IsLocalType(RouteType type) {
  return type == RouteType::Local || type == RouteType::Broadcast || type == RouteType::Anycast;
}

template <typename A>
void Modify(Session& session, Words& words, uint8_t flags) {
  auto request = ParseRequest<A>(session, words);
  BasicRoute<A>& r = request.route;
  if (!request.hasDestination) throw Failure{255, "Command line is not complete. Try option \"help\"\n"};
  constexpr bool kIsIpv6 = kFamilyOf<A> == Family::Inet6;  // without scopes; and host bits are cut off in silence
  if (!kIsIpv6 && r.dst.Canonical() != r.dst) CheckRtnetlink(session, EINVAL, "Invalid prefix for given prefix length");
  if (!request.hasTable && IsLocalType(r.type)) r.table = kernel::kTableLocal;
  if (kIsIpv6) {
    r.scope = kernel::kScopeGlobal;
  } else if (!request.hasScope) {
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
  const int error = TablesOf<A>(session.Ns()).AddRoute(r, flags, &why);
  CheckRtnetlink(session, error, why);
}

template <typename A>
void Delete(Session& session, Words& words) {
  auto request = ParseRequest<A>(session, words);
  BasicRoute<A>& r = request.route;
  if (!request.hasDestination) throw Failure{255, "Command line is not complete. Try option \"help\"\n"};
  if (!request.hasTable && IsLocalType(r.type)) r.table = kernel::kTableLocal;
  if (!request.hasScope) r.scope = kernel::kScopeNowhere;
  if (!request.hasProtocol) r.protocol = kernel::kProtoUnspec;
  CheckRtnetlink(session, TablesOf<A>(session.Ns()).DeleteRoute(r));
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
  filter.family = session.show.family;
  auto prefix = [&](const std::string& word) { return ParsePrefix(word, filter.family); };
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
      if (!words.Take("inet")) words.Take("inet6");
      filter.via = prefix(words.Next());
    } else if (word == "src") {
      filter.src = prefix(words.Next());
    } else if (word == "metric" || word == "priority" || word == "preference") {
      filter.metric = static_cast<uint32_t>(ParseNumberOr(words.Next(), 0xffffffff, "\"metric\" value is invalid\n"));
    } else if (word == "from" || word == "realms" || word == "vrf" || word == "nhid") {
      NotSupported(fmt::format("\"ip route show\" with \"{}\"", word));
    } else {
      if (word == "to") word = words.Next();
      if (word == "root") {
        filter.root = prefix(words.Next());
      } else if (word == "match") {
        filter.match = prefix(words.Next());
      } else {
        if (word == "exact") word = words.Next();
        filter.root = filter.match = prefix(word);
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
  const bool isIpv6 = request.filter.family == Family::Inet6;
  const bool isThere = isIpv6 ? ns.Ipv6().FindTable(table) != nullptr : ns.FindTable(table) != nullptr;
  if (table != 0 && table != kernel::kTableMain && table != kernel::kTableLocal && !isThere)
    throw Failure{2, fmt::format("Error: {}: FIB table does not exist.\nDump terminated\n", isIpv6 ? "ipv6" : "ipv4")};
  session.result.out += RouteShow(ns, request.filter, session.show);
}

void Flush(Session& session, Words& words) {
  if (words.Done()) throw Failure{1, "\"ip route flush\" requires arguments.\n"};
  const ListRequest request = ParseFilter(session, words);
  Namespace& ns = session.Ns();
  const Family family = request.filter.family;
  const bool both = family == Family::Any && (request.cache || request.filter.table == 0);
  auto flush = [&](auto& tables) {
    if (request.cache)
      tables.FlushLearntPmtus();
    else
      tables.FlushRoutes([&](const auto& r) { return request.filter.Accepts(r); });
  };
  if (family != Family::Inet6) flush(ns);
  if (family == Family::Inet6 || both) flush(ns.Ipv6());
}

/// ip_route_output_key_hash() and inet_rtm_getroute()
void Answer(Session& session, RouteGet<Ipv4Address>& get) {
  Namespace& ns = session.Ns();
  const Ipv4Address dst = get.query.dst;
  if (get.query.iif != 0 && !ns.Forwarding(get.query.iif) && !ns.IsLocalAddress(dst))
    CheckRtnetlink(session, EHOSTUNREACH);
  kernel::RouteQuery query = get.query;
  if (dst.IsZero()) query.dst = Ipv4Address{0x7f000001};  // ip_route_output_key_hash(): this host
  get.answer = ns.Lookup(query);
  CheckRtnetlink(session, get.answer.error);
  kernel::Route& route = get.answer.route;
  if (dst.IsMulticast()) route.type = RouteType::Multicast;
  if (dst.IsLimitedBroadcast()) route.type = RouteType::Broadcast;
  if (dst.IsMulticast() || dst.IsLimitedBroadcast()) get.answer.nextHop.gateway = {};
  const kernel::NextHop& hop = get.answer.nextHop;
  if (!route.prefSrc.IsZero())
    get.source = route.prefSrc;
  else if (route.type == RouteType::Local)
    get.source = query.dst;
  else
    get.source = ns.SelectAddress(hop.ifindex, hop.gateway.IsZero() ? dst : hop.gateway, route.scope);
  get.learntMtu = ns.LearntPmtu(dst, session.now, &get.learntMtuLocked, &get.mtuExpires);
  get.mtuExpires = get.mtuExpires - session.now;
}

/// inet6_rtm_getroute()
void Answer(Session& session, RouteGet<Ipv6Address>& get) {
  kernel::Ipv6Tables& tables = session.Ns().Ipv6();
  const Ipv6Address& dst = get.query.dst;
  get.answer = tables.Lookup(get.query);
  CheckRtnetlink(session, get.answer.error);
  if (get.query.iif == 0) get.source = get.query.src.IsZero() ? tables.SourceFor(get.answer, dst) : get.query.src;
  get.learntMtu = tables.LearntPmtu(dst, session.now, &get.mtuExpires);
  get.mtuExpires = get.mtuExpires - session.now;
}

/// iproute_get()
template <typename A>
void Get(Session& session, Words& words) {
  Namespace& ns = session.Ns();
  RouteGet<A> get;
  bool fibMatch = false, hasDestination = false;
  while (!words.Done()) {
    std::string word = words.Next();
    if (word == "from") {
      get.query.src = ParsePrefixOf<A>(words.Next()).address;
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
      if (session.show.family == Family::Any && !hasDestination) ParsePrefix(word);  // as neither family's
      get.query.dst = ParsePrefixOf<A>(word).address;
      hasDestination = true;
    }
  }
  if (!hasDestination) throw Failure{1, "need at least a destination address\n"};
  Answer(session, get);
  session.result.out += fibMatch ? RouteLine(ns, get.answer.route) + (kFamilyOf<A> == Family::Inet6 ? "\n" : " \n")
                                 : RouteGetShow(ns, get, session.show);
}

template <typename A>
void RunOf(Session& session, Words& words) {
  if (words.TakeAbbreviated({"add"})) return Modify<A>(session, words, Namespace::kCreate | Namespace::kExclusive);
  if (words.TakeAbbreviated({"change", "chg"})) return Modify<A>(session, words, Namespace::kReplace);
  if (words.TakeAbbreviated({"replace"})) return Modify<A>(session, words, Namespace::kCreate | Namespace::kReplace);
  if (words.TakeAbbreviated({"append"})) return Modify<A>(session, words, Namespace::kCreate | Namespace::kAppend);
  if (words.TakeAbbreviated({"prepend"})) return Modify<A>(session, words, Namespace::kCreate);
  if (words.TakeAbbreviated({"delete"})) return Delete<A>(session, words);
  if (words.TakeAbbreviated({"get"})) return Get<A>(session, words);
  if (words.TakeAbbreviated({"flush"})) return Flush(session, words);
  if (!words.Done() && !words.TakeAbbreviated({"list", "show", "lst"}))
    throw Failure{255, fmt::format("Command \"{}\" is unknown, try \"ip route help\".\n", words.Peek())};
  Show(session, words);
}

}  // namespace

void IpRoute(Session& session, Words& words) {
  if (FamilyOf(session, words) == Family::Inet6) return RunOf<Ipv6Address>(session, words);
  RunOf<Ipv4Address>(session, words);
}

}  // namespace overlaysim::iproute2
