#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/linux/namespace.h"
#include "sim/iproute2/command.h"
#include "sim/iproute2/show.h"

namespace overlaysim::iproute2 {

/// Thrown to end a command: what it says on standard error, and its exit code.
struct Failure {
  int exit = 1;
  std::string err;
};

/// A command while it is carried out.
struct Session {
  NamespaceSet& all;
  kernel::Namespace* current = nullptr;  ///< nullptr: outside of all namespaces
  Nanoseconds now;
  ShowOptions show;
  int rtnetlinkExit = 2;  ///< exit code when the kernel refuses; `bridge` has another than `ip`
  CommandResult result;

  kernel::Namespace& Ns() const;  ///< fails outside of all namespaces
};

/// The words of a command line, eaten from the left.
class Words {
 public:
  explicit Words(std::vector<std::string> words) : m_words(std::move(words)) {}

  bool Done() const { return m_at == m_words.size(); }
  const std::string& Peek() const { return m_words[m_at]; }
  std::string Next();                ///< fails as iproute2's NEXT_ARG() when there is none
  bool Take(std::string_view word);  ///< eats it if it is next
  /// Eats one of several words, abbreviated or not, if it is next (matches() of lib/utils.c).
  bool TakeAbbreviated(std::initializer_list<std::string_view> words);
  std::vector<std::string> Rest();
  std::vector<std::string> Left() const;  ///< those that Rest() would eat

 private:
  std::vector<std::string> m_words;
  size_t m_at = 0;
};

/// Whether `word` is `full` or an abbreviation of it.
bool Abbreviates(std::string_view word, std::string_view full);

// How iproute2 words its refusals.
[[noreturn]] void InvalidArgument(std::string_view word, std::string_view message);  ///< exit 255
[[noreturn]] void Garbage(std::string_view after, std::string_view word);            ///< exit 255
[[noreturn]] void Duplicate(std::string_view key, std::string_view word);            ///< exit 255
[[noreturn]] void NoDevice(std::string_view name, int exit = 1);
[[noreturn]] void NotSupported(std::string_view what);
/// The kernel's answer: its extended message, or strerror(). Returns when `error` is 0.
void CheckRtnetlink(const Session& session, int error, const std::string& why = {});

/// An IPv4 prefix as iproute2 reads it: "default", "any", "all", "10/8", "10.1.2.3", "10.0.0.0/255.0.0.0"; or an IPv6
/// prefix. Host bits stay. A family that is given is a must, and words the refusal ("inet prefix is expected ...");
/// without one "default" is IPv4's.
AnyPrefix ParsePrefix(const std::string& word, Family family = Family::Any);
IpAddress ParseAddress(const std::string& word, Family family = Family::Any);
template <typename A>
constexpr Family kFamilyOf = std::is_same_v<A, Ipv4Address> ? Family::Inet : Family::Inet6;
/// The same for a command that is about one family.
template <typename A>
PrefixOf<A> ParsePrefixOf(const std::string& word) {
  return std::get<PrefixOf<A>>(ParsePrefix(word, kFamilyOf<A>));
}
template <typename A>
A ParseAddressOf(const std::string& word) {
  const IpAddress address = ParseAddress(word, kFamilyOf<A>);
  if constexpr (std::is_same_v<A, Ipv4Address>)
    return address.V4();
  else
    return address.V6();
}
/// A namespace's tables of one family.
template <typename A>
auto& TablesOf(kernel::Namespace& ns) {
  if constexpr (std::is_same_v<A, Ipv4Address>)
    return ns;
  else
    return ns.Ipv6();
}
/// The family that a command is about: what `-4` or `-6` said, else that of its first word that is an address.
Family FamilyOf(const Session& session, const Words& words);
uint64_t ParseNumberOr(const std::string& word, uint64_t max, std::string_view message);
/// Six hex pairs; other lengths are refused as by ll_addr_a2n().
MacAddress ParseLinkAddress(const std::string& word);
bool ParseOnOff(std::string_view key, const std::string& word);
const kernel::Link& RequireDevice(const kernel::Namespace& ns, const std::string& name, int exit = 1);
/// check_ifname(): 1 to 15 characters, no blank and no '/'.
bool IsValidLinkName(std::string_view name);

/// The options of `bridge` before its object.
void TakeBridgeOptions(Session& session, Words& words);

// The programs and the objects of `ip`.
void RunIp(Session& session, Words& words);
void RunBridge(Session& session, Words& words);
void RunSysctl(Session& session, Words& words);
void RunEthtool(Session& session, Words& words);
void RunIptables(Session& session, Words& words);
void RunIptablesSave(Session& session, Words& words);
void RunIp6tables(Session& session, Words& words);
void RunIp6tablesSave(Session& session, Words& words);
void RunNft(Session& session, Words& words);
void RunConntrack(Session& session, Words& words);
void RunWg(Session& session, Words& words);
void RunNstat(Session& session, Words& words);
void IpLink(Session& session, Words& words);
void IpAddressCommand(Session& session, Words& words);
void IpRoute(Session& session, Words& words);
void IpRule(Session& session, Words& words);
void IpNeighbour(Session& session, Words& words);
void IpXfrm(Session& session, Words& words);
void RunCat(Session& session, Words& words);
void IpNetns(Session& session, Words& words);

/// The selectors that `ip link show` and `ip addr show` share; false: `word` is none of them.
bool TakeLinkSelector(Session& session, const std::string& word, Words& words, LinkFilter& filter);
/// `dev NAME`, or just the name.
void TakeShownDevice(Session& session, const std::string& word, Words& words, LinkFilter& filter);

/// Sets one option of a bridge port by its word ("hairpin") and value ("on"); false: there is no such option.
bool SetBridgePortOption(kernel::BridgePortOptions& port, const std::string& word, Words& words);

}  // namespace overlaysim::iproute2
