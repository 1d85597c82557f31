#include <fmt/format.h>

#include <algorithm>

#include "sim/iproute2/names.h"
#include "sim/iproute2/show_internal.h"

namespace overlaysim::iproute2 {

using kernel::Address;
using kernel::Link;
using kernel::Namespace;

namespace {

/// print_addrinfo(), without the line break at its end.
void PrintAddress(Output& out, const Namespace& ns, const Address& a, const char* lineBreak) {
  out.String("family", "    {} ", "inet");
  if (out.IsJson()) {
    out.String("local", nullptr, a.local.ToString());
    out.Number("prefixlen", nullptr, a.prefixLength);
  } else {
    out.Text(fmt::format("{}/{} ", a.local.ToString(), a.prefixLength));
  }
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
  constexpr int64_t kForever = 0xffffffff;
  out.Text(fmt::format("{}       valid_lft forever preferred_lft forever", lineBreak));
  if (out.IsJson()) {
    out.Number("valid_life_time", nullptr, kForever);
    out.Number("preferred_life_time", nullptr, kForever);
  }
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

}  // namespace

bool AddrFilter::Accepts(const Address& a) const {
  if (to && !to->Contains(a.local)) return false;
  if (scope && a.scope != *scope) return false;
  return !secondary || a.secondary == *secondary;
}

std::string AddrShow(const Namespace& ns, const AddrFilter& filter, const ShowOptions& given) {
  ShowOptions options = given;
  options.onlyIpv4 |= filter.to.has_value();  // a prefix has a family
  Output out(options.format);
  out.OpenArray();
  for (const Link* link : ns.Links()) {
    if (!Accepts(filter.link, *link)) continue;
    const std::vector<Address> addresses = AddressesOf(ns, *link, filter);
    if (addresses.empty() && (options.onlyIpv4 || filter.SelectsAddresses())) continue;
    if (options.oneLine && !out.IsJson()) {
      for (const Address& a : addresses) {
        out.Text(fmt::format("{}: {}", link->ifindex, link->name));
        PrintAddress(out, ns, a, "\\");
        out.Text("\n");
      }
      continue;
    }
    out.OpenObject();
    if (options.brief)
      PrintBriefLink(out, ns, *link, LinkHead::Address);
    else
      PrintLink(out, ns, *link, LinkHead::Address, options);
    out.OpenArray("addr_info");
    for (const Address& a : addresses) {
      out.OpenObject();
      if (!options.brief) {
        out.Text("\n");
        PrintAddress(out, ns, a, "\n");
      } else if (out.IsJson()) {
        out.String("local", nullptr, a.local.ToString());
        out.Number("prefixlen", nullptr, a.prefixLength);
      } else {
        out.Text(fmt::format("{}/{} ", a.local.ToString(), a.prefixLength));
      }
      out.CloseObject();
    }
    out.CloseArray();
    out.Text("\n");
    out.CloseObject();
  }
  out.CloseArray();
  return out.Take();
}

std::string AddressLine(const Namespace& ns, const Address& address) {
  Output out(Format::Text);
  PrintAddress(out, ns, address, "\n");
  const std::string text = out.Take();
  return OneLine(text.substr(4, text.find('\n') - 4));
}

}  // namespace overlaysim::iproute2
