#include <fmt/format.h>

#include <algorithm>

#include "sim/iproute2/names.h"
#include "sim/iproute2/show.h"
#include "sim/iproute2/show_internal.h"

namespace overlaysim::iproute2 {

using kernel::BasicNextHop;
using kernel::BasicRoute;
using kernel::BasicRule;
using kernel::Namespace;
using kernel::RouteType;

namespace {

template <typename A>
constexpr bool kIsIpv6 = std::is_same_v<A, Ipv6Address>;

/// RTNH_F_LINKDOWN: the device is up and has no carrier. This host's own addresses do not care (fib_sync_down_dev()).
template <typename A>
bool IsLinkDown(const Namespace& ns, const BasicRoute<A>& route, const BasicNextHop<A>& hop) {
  const kernel::Link* link = ns.GetLink(hop.ifindex);
  return route.type != RouteType::Local && route.type != RouteType::Anycast && link && link->adminUp &&
         !ns.IsRunning(*link);
}

void PrintFlags(Output& out, bool onlink, bool linkDown) {
  out.OpenArray("flags");
  if (onlink) out.String(nullptr, "{} ", "onlink");
  if (linkDown) out.String(nullptr, "{} ", "linkdown");
  out.CloseArray();
}

void PrintMtu(Output& out, uint32_t mtu, bool locked) {
  out.Text(locked ? "mtu lock " : "mtu ");
  out.Number("mtu", "{} ", mtu);
}

template <typename A>
void PrintHops(Output& out, const Namespace& ns, const BasicRoute<A>& route) {
  out.OpenArray("nexthops");
  for (const BasicNextHop<A>& hop : route.nextHops) {
    out.OpenObject();
    out.Text("\n\tnexthop ");
    if (!hop.gateway.IsZero()) out.String("gateway", "via {} ", hop.gateway.ToString());
    out.String("dev", "dev {} ", DeviceName(ns, hop.ifindex));
    out.Number("weight", "weight {} ", hop.weight);
    PrintFlags(out, hop.onlink, IsLinkDown(ns, route, hop));
    out.CloseObject();
  }
  out.CloseArray();
}

/// print_route(): the columns that `filter` names by a single value are left out.
template <typename A>
void PrintRoute(Output& out, const Namespace& ns, const BasicRoute<A>& r, const RouteFilter& filter, bool details) {
  const BasicNextHop<A>* single = r.nextHops.size() == 1 ? &r.nextHops.front() : nullptr;
  out.OpenObject();
  if (r.type != RouteType::Unicast || details) out.String("type", "{} ", RouteTypeName(r.type));
  out.String("dst", "{} ", PrefixText(r.dst));
  if (r.tos != 0) out.String("tos", "tos {} ", fmt::format("{:#04x}", r.tos));
  if (single && !single->gateway.IsZero() && !(filter.via && IsHost(*filter.via)))
    out.String("gateway", "via {} ", single->gateway.ToString());
  if (single && single->ifindex != 0 && filter.ifindex == 0)
    out.String("dev", "dev {} ", DeviceName(ns, single->ifindex));
  if (r.table != kernel::kTableMain && filter.table == 0) out.String("table", "table {} ", TableName(r.table));
  if ((r.protocol != kernel::kProtoBoot || details) && !filter.protocol)
    out.String("protocol", "proto {} ", ProtocolName(r.protocol));
  if ((r.scope != kernel::kScopeGlobal || details) && !filter.scope)
    out.String("scope", "scope {} ", ScopeName(r.scope));
  if (!r.prefSrc.IsZero() && !(filter.src && IsHost(*filter.src)))
    out.String("prefsrc", "src {} ", r.prefSrc.ToString());
  if ((r.metric != 0 || kIsIpv6<A>)&&!filter.metric) out.Number("metric", "metric {} ", r.metric);
  const bool allDown = !r.nextHops.empty() && std::all_of(r.nextHops.begin(), r.nextHops.end(),
                                                          [&](const auto& h) { return IsLinkDown(ns, r, h); });
  PrintFlags(out, single && single->onlink, allDown);
  if (r.mtu != 0) {
    out.OpenArray("metrics");
    out.OpenObject();
    PrintMtu(out, r.mtu, r.mtuLocked);
    out.CloseObject();
    out.CloseArray();
  }
  if (kIsIpv6<A>) out.String("pref", "pref {}", "medium");
  if (r.nextHops.size() > 1) PrintHops(out, ns, r);
  out.Text("\n");
  out.CloseObject();
}

template <typename Prefix>
void PrintPrefixMember(Output& out, const char* key, const char* lengthKey, const char* text, const Prefix& prefix) {
  if (!out.IsJson()) return out.Text(fmt::format(fmt::runtime(text), PrefixText(prefix)));
  out.String(key, nullptr, prefix.address.ToString());
  if (prefix.length < prefix.address.kBits) out.Number(lengthKey, nullptr, prefix.length);
}

void PrintDevice(Output& out, const Namespace& ns, const char* key, const std::string& name) {
  if (name.empty()) return;
  out.String(key, key == std::string_view("iif") ? "iif {} " : "oif {} ", name);
  if (!ns.FindLink(name)) out.Null(fmt::format("{}_detached", key).c_str(), "[detached] ");
}

/// print_rule()
template <typename A>
void PrintRule(Output& out, const Namespace& ns, const BasicRule<A>& rule) {
  out.OpenObject();
  out.Number("priority", "{}:\t", rule.preference);
  if (rule.inverted) out.Null("not", "not ");
  if (rule.from.length > 0)
    PrintPrefixMember(out, "src", "srclen", "from {} ", rule.from);
  else
    out.String("src", "from {} ", "all");
  if (rule.to.length > 0) PrintPrefixMember(out, "dst", "dstlen", "to {} ", rule.to);
  if (rule.tos != 0) out.String("tos", "tos {} ", fmt::format("{:#04x}", rule.tos));
  if (rule.fwmark != 0 || rule.fwmask != 0) {
    const bool masked = rule.fwmask != 0xffffffff;
    out.String("fwmark", masked ? "fwmark {}" : "fwmark {} ", fmt::format("{:#x}", rule.fwmark));
    if (masked) out.String("fwmask", "/{} ", fmt::format("{:#x}", rule.fwmask));
  }
  PrintDevice(out, ns, "iif", rule.iif);
  PrintDevice(out, ns, "oif", rule.oif);
  if (rule.action == RouteType::Unicast)
    out.String("table", "lookup {}", TableName(rule.table));
  else
    out.String("action", "{}", RouteTypeName(rule.action));
  out.CloseObject();
}

}  // namespace

std::string DeviceName(const Namespace& ns, int ifindex) {
  const kernel::Link* link = ns.GetLink(ifindex);
  return link ? link->name : fmt::format("if{}", ifindex);
}

std::string OneLine(std::string text) {
  std::string out;
  bool isIndent = false;
  for (char c : text) {
    if (c == '\n' || c == '\t') {
      if (!out.empty() && out.back() != ' ') out += ' ';
      isIndent = true;
    } else if (c != ' ' || !isIndent) {
      out += c;
      isIndent = false;
    }
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

std::string WithBackslashes(std::string row) {
  while (!row.empty() && row.back() == '\n') row.pop_back();
  std::replace(row.begin(), row.end(), '\n', '\\');
  return row + "\n";
}

template <typename A>
bool RouteFilter::Accepts(const BasicRoute<A>& r) const {
  auto through = [&](auto&& claim) { return r.nextHops.size() == 1 && claim(r.nextHops.front()); };
  if (table != 0 && r.table != table) return false;
  if (ifindex != 0 && !through([&](const auto& h) { return h.ifindex == ifindex; })) return false;
  if (protocol && r.protocol != *protocol) return false;
  if (scope && r.scope != *scope) return false;
  if (type && r.type != *type) return false;
  if (tos && r.tos != *tos) return false;
  if (metric && r.metric != *metric) return false;
  if (root) {
    const auto* of = std::get_if<PrefixOf<A>>(&*root);
    if (!of || !of->Contains(r.dst)) return false;
  }
  if (match) {
    const auto* of = std::get_if<PrefixOf<A>>(&*match);
    if (!of || !r.dst.Contains(*of)) return false;
  }
  if (via && !through([&](const auto& h) { return !h.gateway.IsZero() && Covers(*via, h.gateway); })) return false;
  return !src || (!r.prefSrc.IsZero() && Covers(*src, r.prefSrc));
}
template bool RouteFilter::Accepts(const kernel::Route& route) const;
template bool RouteFilter::Accepts(const kernel::Route6& route) const;

std::string RouteShow(const Namespace& ns, const RouteFilter& filter, const ShowOptions& options) {
  Output out(options.format);
  out.OpenArray();
  auto print = [&](const auto& routes) {
    for (const auto& route : routes) {
      if (!filter.Accepts(route)) continue;
      if (options.oneLine && !out.IsJson()) {
        Output row(Format::Text);
        PrintRoute(row, ns, route, filter, options.details);
        out.Text(WithBackslashes(row.Take()));
      } else {
        PrintRoute(out, ns, route, filter, options.details);
      }
    }
  };
  if (filter.family != Family::Inet6) print(ns.Routes(filter.table));
  if (filter.family == Family::Inet6 || (filter.family == Family::Any && filter.table == 0))
    print(ns.Ipv6().Routes(filter.table));
  out.CloseArray();
  return out.Take();
}

std::string RouteGetShow(const Namespace& ns, const RouteGet<Ipv4Address>& get, const ShowOptions& options) {
  const kernel::Route& route = get.answer.route;
  const kernel::NextHop& hop = get.answer.nextHop;
  const bool isLocal = route.type == RouteType::Local;
  const kernel::Link* device = ns.GetLink(hop.ifindex);
  const bool isLoopback = device && device->kind == kernel::LinkKind::Loopback;
  Output out(options.format);
  out.OpenArray();
  out.OpenObject();
  if (route.type != RouteType::Unicast || options.details) out.String("type", "{} ", RouteTypeName(route.type));
  out.String("dst", "{} ", get.query.dst.ToString());
  if (!get.query.src.IsZero()) out.String("from", "from {} ", get.query.src.ToString());
  if (!hop.gateway.IsZero()) out.String("gateway", "via {} ", hop.gateway.ToString());
  out.String("dev", "dev {} ", isLocal ? "lo" : DeviceName(ns, hop.ifindex));
  // Until the first rule of one's own is added, local and main are one table to the kernel (fib_unmerge()).
  const bool merged = ns.Rules().size() == 3 && route.table == kernel::kTableLocal;
  if (route.table != kernel::kTableMain && route.table != 0 && !merged)
    out.String("table", "table {} ", TableName(route.table));
  if (get.query.src.IsZero()) out.String("prefsrc", "src {} ", get.source.ToString());
  if (get.query.mark != 0) out.Number("mark", get.query.mark < 16 ? "mark {} " : "mark {:#x} ", get.query.mark);
  PrintFlags(out, hop.onlink, IsLinkDown(ns, route, hop));
  if (get.query.iif == 0) out.Number("uid", "uid {} ", 0);
  out.Text("\n    cache ");
  out.OpenArray("cache");
  std::vector<const char*> flags;
  if (isLocal || isLoopback || route.type == RouteType::Broadcast || route.type == RouteType::Multicast)
    flags.push_back("local");
  if (route.type == RouteType::Broadcast) flags.push_back("brd");
  if (route.type == RouteType::Multicast) flags.push_back("mc");
  for (size_t i = 0; i < flags.size(); ++i) {
    out.Text(i == 0 ? "<" : ",");
    out.String(nullptr, "{}", flags[i]);
  }
  if (!flags.empty()) out.Text("> ");
  out.CloseArray();
  if (get.learntMtu != 0) out.Number("expires", "expires {}sec ", get.mtuExpires.count / 1000000000);
  if (get.learntMtu != 0 || route.mtu != 0) {
    out.OpenArray("metrics");
    out.OpenObject();
    if (get.learntMtu != 0)
      PrintMtu(out, get.learntMtu, get.learntMtuLocked);
    else
      PrintMtu(out, route.mtu, route.mtuLocked);
    out.CloseObject();
    out.CloseArray();
  }
  if (get.query.iif != 0) out.String("iif", "iif {} ", DeviceName(ns, get.query.iif));
  out.Text("\n");
  out.CloseObject();
  out.CloseArray();
  return out.Take();
}

std::string RouteGetShow(const Namespace& ns, const RouteGet<Ipv6Address>& get, const ShowOptions& options) {
  const kernel::Route6& route = get.answer.route;
  const kernel::NextHop6& hop = get.answer.nextHop;
  const bool isLocal = route.type == RouteType::Local || route.type == RouteType::Anycast;
  Output out(options.format);
  out.OpenArray();
  out.OpenObject();
  if (route.type != RouteType::Unicast || options.details) out.String("type", "{} ", RouteTypeName(route.type));
  out.String("dst", "{} ", get.query.dst.ToString());
  out.String("from", "from {} ", get.query.src.ToString());
  if (!hop.gateway.IsZero()) out.String("gateway", "via {} ", hop.gateway.ToString());
  out.String("dev", "dev {} ", isLocal ? "lo" : DeviceName(ns, hop.ifindex));
  if (route.table != kernel::kTableMain) out.String("table", "table {} ", TableName(route.table));
  if (route.protocol != kernel::kProtoBoot || options.details)
    out.String("protocol", "proto {} ", ProtocolName(route.protocol));
  if (options.details) out.String("scope", "scope {} ", ScopeName(route.scope));
  if (!get.source.IsZero()) out.String("prefsrc", "src {} ", get.source.ToString());
  out.Number("metric", "metric {} ", route.metric);
  PrintFlags(out, hop.onlink, IsLinkDown(ns, route, hop));
  if (get.learntMtu != 0) out.Number("expires", "expires {}sec ", get.mtuExpires.count / 1000000000);
  if (get.learntMtu != 0 || route.mtu != 0) {
    out.OpenArray("metrics");
    out.OpenObject();
    PrintMtu(out, get.learntMtu != 0 ? get.learntMtu : route.mtu, get.learntMtu == 0 && route.mtuLocked);
    out.CloseObject();
    out.CloseArray();
  }
  if (get.query.iif != 0) out.String("iif", "iif {} ", DeviceName(ns, get.query.iif));
  out.String("pref", "pref {}", "medium");
  out.Text("\n");
  out.CloseObject();
  out.CloseArray();
  return out.Take();
}

std::string RuleShow(const Namespace& ns, const RuleFilter& filter, const ShowOptions& options) {
  Output out(options.format);
  out.OpenArray();
  auto print = [&](const auto& rules) {
    for (const auto& rule : rules) {
      if (filter.preference && rule.preference != *filter.preference) continue;
      if (filter.table && rule.table != *filter.table) continue;
      if (filter.from && AnyPrefix(rule.from) != *filter.from) continue;
      if (filter.to && AnyPrefix(rule.to) != *filter.to) continue;
      if (!filter.iif.empty() && rule.iif != filter.iif) continue;
      if (!filter.oif.empty() && rule.oif != filter.oif) continue;
      PrintRule(out, ns, rule);
      out.Text("\n");
    }
  };
  if (filter.family == Family::Inet6)
    print(ns.Ipv6().Rules());
  else
    print(ns.Rules());
  out.CloseArray();
  return out.Take();
}

namespace {

template <typename A>
std::string LineOf(const Namespace& ns, const BasicRoute<A>& route) {
  Output out(Format::Text);
  PrintRoute(out, ns, route, {.table = 0}, false);
  return OneLine(out.Take());
}

template <typename A>
std::string LineOf(const Namespace& ns, const BasicRule<A>& rule) {
  Output out(Format::Text);
  PrintRule(out, ns, rule);
  return OneLine(out.Take());
}

}  // namespace

std::string RouteLine(const Namespace& ns, const kernel::Route& route) { return LineOf(ns, route); }
std::string RouteLine(const Namespace& ns, const kernel::Route6& route) { return LineOf(ns, route); }
std::string RuleLine(const Namespace& ns, const kernel::Rule& rule) { return LineOf(ns, rule); }
std::string RuleLine(const Namespace& ns, const kernel::Rule6& rule) { return LineOf(ns, rule); }

}  // namespace overlaysim::iproute2
