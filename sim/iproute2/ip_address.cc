#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "sim/iproute2/names.h"
#include "sim/iproute2/words.h"

namespace overlaysim::iproute2 {

using kernel::Address;
using kernel::Address6;
using kernel::Namespace;

namespace {

struct AddressRequest {
  Address address;
  Address6 address6;  ///< the one that is meant when isIpv6
  bool isIpv6 = false;
  std::string device;
  std::string text;  ///< the address as written
  bool hasLength = false;
};

/// ipaddr_modify()
AddressRequest ParseRequest(Session& session, Words& words) {
  AddressRequest request;
  Address& a = request.address;
  bool hasScope = false, hasMetric = false, plusBroadcast = false, minusBroadcast = false;
  while (!words.Done()) {
    std::string word = words.Next();
    if (word == "broadcast" || word == "brd") {
      const std::string broadcast = words.Next();
      plusBroadcast = broadcast == "+";
      minusBroadcast = broadcast == "-";
      if (!plusBroadcast && !minusBroadcast) a.broadcast = ParseAddressOf<Ipv4Address>(broadcast);
    } else if (word == "dev") {
      request.device = words.Next();
    } else if (word == "scope") {
      const std::string scope = words.Next();
      const auto number = ParseScope(scope);
      if (!number) InvalidArgument(scope, "invalid scope value.");
      a.scope = *number;
      hasScope = true;
    } else if (word == "noprefixroute") {
      a.noPrefixRoute = request.address6.noPrefixRoute = true;
    } else if (word == "nodad") {
      request.address6.noDad = true;
    } else if (word == "home") {
      request.address6.homeAddress = true;
    } else if (word == "metric" || word == "priority" || word == "preference") {
      request.address6.metric =
          static_cast<uint32_t>(ParseNumberOr(words.Next(), 0xffffffff, "\"metric\" value is invalid\n"));
      hasMetric = true;
    } else if (word == "valid_lft" || word == "preferred_lft") {
      if (words.Next() != "forever") NotSupported("an address that expires");
    } else if (word == "label") {
      if (words.Next() != request.device && !request.device.empty())
        NotSupported("a label other than the device's name");
    } else if (word == "peer" || word == "remote" || word == "anycast" || word == "mngtmpaddr" || word == "autojoin" ||
               word == "optimistic") {
      NotSupported(fmt::format("\"ip addr\" with \"{}\"", word));
    } else {
      if (word == "local") word = words.Next();
      if (!request.text.empty()) Garbage("local", word);
      const AnyPrefix prefix = ParsePrefix(word, session.show.family);
      if (const auto* v6 = std::get_if<Ipv6Prefix>(&prefix)) {
        request.isIpv6 = true;
        request.address6.local = v6->address;
        request.address6.prefixLength = v6->length;
      } else {
        a.local = std::get<Ipv4Prefix>(prefix).address;
        a.prefixLength = std::get<Ipv4Prefix>(prefix).length;
      }
      request.text = word;
      request.hasLength = word.find('/') != std::string::npos;
    }
  }
  if (request.device.empty()) throw Failure{1, "Not enough information: \"dev\" argument is required.\n"};
  const Ipv4Prefix prefix{a.local, a.prefixLength};
  if (plusBroadcast && a.prefixLength < 31) a.broadcast = prefix.Broadcast();
  if (minusBroadcast && a.prefixLength < 31) a.broadcast = prefix.Canonical().address;
  if (!hasScope) a.scope = a.local.IsLoopback() ? kernel::kScopeHost : kernel::kScopeGlobal;
  a.ifindex = request.address6.ifindex = RequireDevice(session.Ns(), request.device).ifindex;
  if (hasMetric && !request.isIpv6) NotSupported("\"ip addr\" with \"metric\"");
  return request;
}

void Add(Session& session, Words& words, bool mayExist, bool mustExist) {
  const AddressRequest request = ParseRequest(session, words);
  Namespace& ns = session.Ns();
  if (request.isIpv6) {  // what is to be changed is made when it is not there
    std::string why;
    const int error = mustExist || mayExist ? ns.Ipv6().ReplaceAddress(request.address6, &why)
                                            : ns.Ipv6().AddAddress(request.address6, &why);
    return CheckRtnetlink(session, error, why);
  }
  if (mustExist || mayExist) {
    for (const Address& a : ns.Addresses())
      if (a.ifindex == request.address.ifindex && a.local == request.address.local &&
          a.prefixLength == request.address.prefixLength)
        return;  // what could be replaced (lifetimes, metric) is not kept
    if (mustExist) CheckRtnetlink(session, ENOENT);
  }
  // __inet_insert_ifa(): the addresses of a subnet have one scope
  for (const Address& a : ns.Addresses())
    if (a.ifindex == request.address.ifindex && a.prefixLength == request.address.prefixLength &&
        a.Subnet() == request.address.Subnet() && a.local != request.address.local && a.scope != request.address.scope)
      CheckRtnetlink(session, EINVAL, "ipv4: Invalid scope value");
  if (request.address.local.IsZero()) return;  // accepted, and without effect: inet_insert_ifa()
  const int error = ns.AddAddress(request.address);
  CheckRtnetlink(session, error, error == EEXIST ? "ipv4: Address already assigned" : "");
}

void Delete(Session& session, Words& words) {
  const AddressRequest request = ParseRequest(session, words);
  Namespace& ns = session.Ns();
  if (request.isIpv6) {
    const Address6& a = request.address6;
    const int error = ns.Ipv6().DeleteAddress(a.ifindex, {a.local, a.prefixLength});
    return CheckRtnetlink(session, error, error == EADDRNOTAVAIL ? "ipv6: address not found" : "");
  }
  Ipv4Prefix which{request.address.local, request.address.prefixLength};
  if (!request.hasLength) {
    for (const Address& a : ns.Addresses())
      if (a.ifindex == request.address.ifindex && a.local == which.address) {
        if (a.prefixLength != 32)
          session.result.err += fmt::format(
              "Warning: Executing wildcard deletion to stay compatible with old scripts.\n"
              "         Explicitly specify the prefix length ({}/32) to avoid this warning.\n"
              "         This special behaviour is likely to disappear in further releases,\n"
              "         fix your scripts!\n",
              request.text);
        which.length = a.prefixLength;
        break;
      }
  }
  const int error = ns.DeleteAddress(request.address.ifindex, which);
  CheckRtnetlink(session, error, error == EADDRNOTAVAIL ? "ipv4: Address not found" : "");
}

AddrFilter ParseFilter(Session& session, Words& words) {
  AddrFilter filter;
  while (!words.Done()) {
    const std::string word = words.Next();
    if (word == "to") {
      filter.to = ParsePrefix(words.Next(), session.show.family);
    } else if (word == "scope") {
      const std::string scope = words.Next();
      if (scope != "all") {
        filter.scope = ParseScope(scope);
        if (!filter.scope) InvalidArgument(scope, "invalid \"scope\"\n");
      }
    } else if (word == "secondary" || word == "temporary" || word == "primary") {
      filter.secondary = word != "primary";
    } else if (word == "permanent") {
      continue;  // all are
    } else if (word == "tentative" || word == "-tentative") {
      filter.tentative = word[0] != '-';
    } else if (word == "deprecated" || word == "-deprecated") {
      filter.deprecated = word[0] != '-';
    } else if (word == "label" || word == "dynamic") {
      NotSupported(fmt::format("\"ip addr show\" with \"{}\"", word));
    } else if (!TakeLinkSelector(session, word, words, filter.link)) {
      TakeShownDevice(session, word, words, filter.link);
    }
  }
  return filter;
}

void Flush(Session& session, Words& words) {
  if (words.Done()) throw Failure{1, "Flush requires arguments.\n"};
  const AddrFilter filter = ParseFilter(session, words);
  Namespace& ns = session.Ns();
  auto isMeant = [&](const auto& a) {
    const kernel::Link& link = *ns.GetLink(a.ifindex);
    if ((filter.link.ifindex != 0 && a.ifindex != filter.link.ifindex) || !filter.Accepts(a)) return false;
    if (filter.link.onlyUp && !link.adminUp) return false;
    if (filter.link.master != 0 && link.master != filter.link.master) return false;
    return filter.link.kind.empty() || filter.link.kind == kernel::LinkKindName(link.kind);
  };
  auto flush = [&](auto& tables) {  // a primary address takes its secondary ones along: one at a time
    for (;;) {
      const auto& all = tables.Addresses();
      const auto next = std::find_if(all.begin(), all.end(), isMeant);
      if (next == all.end()) return;
      tables.DeleteAddress(next->ifindex, {next->local, next->prefixLength});
    }
  };
  if (session.show.family != Family::Inet6) flush(ns);
  if (session.show.family != Family::Inet) flush(ns.Ipv6());
}

}  // namespace

void IpAddressCommand(Session& session, Words& words) {
  if (words.TakeAbbreviated({"add"})) return Add(session, words, false, false);
  if (words.TakeAbbreviated({"change", "chg"})) return Add(session, words, false, true);
  if (words.TakeAbbreviated({"replace"})) return Add(session, words, true, false);
  if (words.TakeAbbreviated({"delete"})) return Delete(session, words);
  if (words.TakeAbbreviated({"flush"})) return Flush(session, words);
  if (!words.Done() && !words.TakeAbbreviated({"show", "lst", "list"}))
    throw Failure{255, fmt::format("Command \"{}\" is unknown, try \"ip address help\".\n", words.Peek())};
  const AddrFilter filter = ParseFilter(session, words);
  session.result.out += AddrShow(session.Ns(), filter, session.show);
}

}  // namespace overlaysim::iproute2
