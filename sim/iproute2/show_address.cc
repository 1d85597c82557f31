#include <fmt/format.h>

#include <algorithm>

#include "sim/iproute2/names.h"
#include "sim/iproute2/show_internal.h"

namespace overlaysim::iproute2 {

using kernel::Address;
using kernel::Address6;
using kernel::Link;
using kernel::Namespace;

namespace {

template <typename AnyAddress>
void PrintLocal(Output& out, const AnyAddress& a) {
  if (out.IsJson()) {
    out.String("local", nullptr, a.local.ToString());
    out.Number("prefixlen", nullptr, a.prefixLength);
  } else {
    out.Text(fmt::format("{}/{} ", a.local.ToString(), a.prefixLength));
  }
}

void PrintLifetime(Output& out, const char* lineBreak) {
  constexpr int64_t kForever = 0xffffffff;
  out.Text(fmt::format("{}       valid_lft forever preferred_lft forever", lineBreak));
  if (out.IsJson()) {
    out.Number("valid_life_time", nullptr, kForever);
    out.Number("preferred_life_time", nullptr, kForever);
  }
}

/// print_addrinfo(), without the line break at its end.
void PrintAddress(Output& out, const Namespace& ns, const Address& a, const char* lineBreak) {
  out.String("family", "    {} ", "inet");
  PrintLocal(out, a);
  if (!a.broadcast.IsZero()) out.String("broadcast", "brd {} ", a.broadcast.ToString());
  out.String("scope", "scope {} ", ScopeName(a.scope));
  if (a.secondary) {
    out.Bool("secondary", true);
    out.Text("secondary ");
  }
  if (a.noPrefixRoute) {
    out.Bool("noprefixroute", true);
    out.Text("noprefixroute ");
  }
  out.String("label", "{}", DeviceName(ns, a.ifindex));
  PrintLifetime(out, lineBreak);
}

void PrintAddress(Output& out, const Namespace&, const Address6& a, const char* lineBreak) {
  out.String("family", "    {} ", "inet6");
  PrintLocal(out, a);
  if (a.metric != 0) out.Number("metric", "metric {} ", a.metric);
  out.String("scope", "scope {} ", ScopeName(a.Scope()));
  const std::pair<const char*, bool> flags[] = {{"nodad", a.noDad},         {"dadfailed", a.dadFailed},
                                                {"home", a.homeAddress},    {"deprecated", a.deprecated},
                                                {"tentative", a.tentative}, {"noprefixroute", a.noPrefixRoute}};
  for (const auto& [name, isSet] : flags) {
    if (!isSet) continue;
    out.Bool(name, true);
    out.Text(fmt::format("{} ", name));
  }
  PrintLifetime(out, lineBreak);
}

std::vector<Address> AddressesOf(const Namespace& ns, const Link& link, const AddrFilter& filter) {
  std::vector<Address> out;
  for (const Address& a : ns.Addresses())
    if (a.ifindex == link.ifindex && filter.Accepts(a)) out.push_back(a);
  // The kernel keeps a device's primary addresses by scope, the wider last, and before its secondary ones.
  std::stable_sort(out.begin(), out.end(), [](const Address& a, const Address& b) {
    return a.secondary != b.secondary ? !a.secondary : !a.secondary && a.scope > b.scope;
  });
  return out;
}

std::vector<Address6> Addresses6Of(const Namespace& ns, const Link& link, const AddrFilter& filter) {
  std::vector<Address6> out;
  for (const Address6& a : ns.Ipv6().Addresses())
    if (a.ifindex == link.ifindex && filter.Accepts(a)) out.push_back(a);
  return out;
}

}  // namespace

bool AddrFilter::Accepts(const Address& a) const {
  if (to && !Covers(*to, a.local)) return false;
  if (scope && a.scope != *scope) return false;
  if (tentative.value_or(false) || deprecated.value_or(false)) return false;
  return !secondary || a.secondary == *secondary;
}

bool AddrFilter::Accepts(const Address6& a) const {
  if (to && !Covers(*to, a.local)) return false;
  if (scope && a.Scope() != *scope) return false;
  if ((tentative && a.tentative != *tentative) || (deprecated && a.deprecated != *deprecated)) return false;
  return !secondary.value_or(false);  // temporary addresses are not made
}

std::string AddrShow(const Namespace& ns, const AddrFilter& filter, const ShowOptions& given) {
  ShowOptions options = given;
  const bool isIpv6Dump = given.family == Family::Inet6 && filter.link.ifindex == 0 && !given.details;
  const LinkHead head = isIpv6Dump ? LinkHead::Ipv6Dump : LinkHead::Address;
  if (filter.to)  // a prefix has a family
    options.family = std::holds_alternative<Ipv4Prefix>(*filter.to) ? Family::Inet : Family::Inet6;
  Output out(options.format);
  out.OpenArray();
  for (const Link* link : ns.Links()) {
    if (!Accepts(filter.link, *link)) continue;
    std::vector<Address> addresses;
    std::vector<Address6> addresses6;
    if (options.family != Family::Inet6) addresses = AddressesOf(ns, *link, filter);
    if (options.family != Family::Inet) addresses6 = Addresses6Of(ns, *link, filter);
    const bool hasNone = addresses.empty() && addresses6.empty();
    if (hasNone && (options.family != Family::Any || filter.SelectsAddresses())) continue;
    auto forEach = [&](auto&& print) {
      for (const Address& a : addresses) print(a);
      for (const Address6& a : addresses6) print(a);
    };
    if (options.oneLine && !out.IsJson()) {
      forEach([&](const auto& a) {
        out.Text(fmt::format("{}: {}", link->ifindex, link->name));
        PrintAddress(out, ns, a, "\\");
        out.Text("\n");
      });
      continue;
    }
    out.OpenObject();
    if (options.brief)
      PrintBriefLink(out, ns, *link, head);
    else
      PrintLink(out, ns, *link, head, options);
    out.OpenArray("addr_info");
    forEach([&](const auto& a) {
      out.OpenObject();
      if (options.brief) {
        PrintLocal(out, a);
      } else {
        out.Text("\n");
        PrintAddress(out, ns, a, "\n");
      }
      out.CloseObject();
    });
    out.CloseArray();
    out.Text("\n");
    out.CloseObject();
  }
  out.CloseArray();
  return out.Take();
}

namespace {

template <typename AnyAddress>
std::string LineOf(const Namespace& ns, const AnyAddress& address) {
  Output out(Format::Text);
  PrintAddress(out, ns, address, "\n");
  const std::string text = out.Take();
  return OneLine(text.substr(4, text.find('\n') - 4));
}

}  // namespace

std::string AddressLine(const Namespace& ns, const Address& address) { return LineOf(ns, address); }
std::string AddressLine(const Namespace& ns, const Address6& address) { return LineOf(ns, address); }

}  // namespace overlaysim::iproute2
