#include <fmt/format.h>

#include <cerrno>

#include "sim/iproute2/names.h"
#include "sim/iproute2/words.h"

namespace overlaysim::iproute2 {

using kernel::Address;
using kernel::Namespace;

namespace {

struct AddressRequest {
  Address address;
  std::string device;
  std::string text;  ///< the address as written
  bool hasLength = false;
};

/// ipaddr_modify()
AddressRequest ParseRequest(Session& session, Words& words) {
  AddressRequest request;
  Address& a = request.address;
  bool hasScope = false, plusBroadcast = false, minusBroadcast = false;
  while (!words.Done()) {
    std::string word = words.Next();
    if (word == "broadcast" || word == "brd") {
      const std::string broadcast = words.Next();
      plusBroadcast = broadcast == "+";
      minusBroadcast = broadcast == "-";
      if (!plusBroadcast && !minusBroadcast) a.broadcast = ParseAddress(broadcast);
    } else if (word == "dev") {
      request.device = words.Next();
    } else if (word == "scope") {
      const std::string scope = words.Next();
      const auto number = ParseScope(scope);
      if (!number) InvalidArgument(scope, "invalid scope value.");
      a.scope = *number;
      hasScope = true;
    } else if (word == "noprefixroute") {
      a.noPrefixRoute = true;
    } else if (word == "nodad" || word == "home" || word == "mngtmpaddr") {
      continue;  // of IPv6 addresses only
    } else if (word == "valid_lft" || word == "preferred_lft") {
      if (words.Next() != "forever") NotSupported("an address that expires");
    } else if (word == "label") {
      if (words.Next() != request.device && !request.device.empty())
        NotSupported("a label other than the device's name");
    } else if (word == "peer" || word == "remote" || word == "anycast" || word == "metric" || word == "priority") {
      NotSupported(fmt::format("\"ip addr\" with \"{}\"", word));
    } else {
      if (word == "local") word = words.Next();
      if (!request.text.empty()) Garbage("local", word);
      const Ipv4Prefix prefix = ParsePrefix(word);
      a.local = prefix.address;
      a.prefixLength = prefix.length;
      request.text = word;
      request.hasLength = word.find('/') != std::string::npos;
    }
  }
  if (request.device.empty()) throw Failure{1, "Not enough information: \"dev\" argument is required.\n"};
  const Ipv4Prefix prefix{a.local, a.prefixLength};
  if (plusBroadcast && a.prefixLength < 31) a.broadcast = prefix.Broadcast();
  if (minusBroadcast && a.prefixLength < 31) a.broadcast = prefix.Canonical().address;
  if (!hasScope) a.scope = a.local.IsLoopback() ? kernel::kScopeHost : kernel::kScopeGlobal;
  a.ifindex = RequireDevice(session.Ns(), request.device).ifindex;
  return request;
}

void Add(Session& session, Words& words, bool mayExist, bool mustExist) {
  const AddressRequest request = ParseRequest(session, words);
  Namespace& ns = session.Ns();
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
      filter.to = ParsePrefix(words.Next()).Canonical();
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
    } else if (word == "label" || word == "dynamic" || word == "tentative" || word == "deprecated") {
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
  for (bool again = true; again;) {  // a primary address takes its secondary ones along
    again = false;
    for (const Address& a : ns.Addresses()) {
      const kernel::Link& link = *ns.GetLink(a.ifindex);
      if ((filter.link.ifindex != 0 && a.ifindex != filter.link.ifindex) || !filter.Accepts(a)) continue;
      if (filter.link.onlyUp && !link.adminUp) continue;
      if (filter.link.master != 0 && link.master != filter.link.master) continue;
      if (!filter.link.kind.empty() && filter.link.kind != kernel::LinkKindName(link.kind)) continue;
      ns.DeleteAddress(a.ifindex, {a.local, a.prefixLength});
      again = true;
      break;
    }
  }
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
