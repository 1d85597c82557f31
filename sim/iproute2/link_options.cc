#include "sim/iproute2/link_options.h"

#include <fmt/format.h>

#include <span>
#include <utility>

#include "sim/iproute2/names.h"

namespace overlaysim::iproute2 {

using kernel::BridgePortOptions;
using kernel::VxlanOptions;

void ParseBridgeOptions(Words& words, kernel::BridgeOptions& bridge) {
  auto number = [&](uint64_t max, const char* message) { return ParseNumberOr(words.Next(), max, message); };
  constexpr uint64_t kMax32 = 0xffffffff;
  while (!words.Done()) {
    const std::string word = words.Next();
    if (word == "forward_delay") {
      bridge.forwardDelay = static_cast<uint32_t>(number(kMax32, "invalid forward_delay"));
    } else if (word == "hello_time") {
      bridge.helloTime = static_cast<uint32_t>(number(kMax32, "invalid hello_time"));
    } else if (word == "max_age") {
      bridge.maxAge = static_cast<uint32_t>(number(kMax32, "invalid max_age"));
    } else if (word == "ageing_time") {
      bridge.ageingTime = static_cast<uint32_t>(number(kMax32, "invalid ageing_time"));
    } else if (word == "stp_state") {
      bridge.stp = number(kMax32, "invalid stp_state") != 0;
    } else if (word == "priority") {
      bridge.priority = static_cast<uint16_t>(number(0xffff, "invalid priority"));
    } else if (word == "vlan_filtering") {
      bridge.vlanFiltering = number(255, "invalid vlan_filtering") != 0;
    } else if (word == "mcast_snooping") {
      bridge.mcastSnooping = number(255, "invalid mcast_snooping") != 0;
    } else if (word == "group_fwd_mask") {
      bridge.groupFwdMask = static_cast<uint16_t>(number(0xffff, "invalid group_fwd_mask"));
    } else if (word.rfind("mcast_", 0) == 0 || word.rfind("vlan_", 0) == 0 || word.rfind("nf_call_", 0) == 0 ||
               word == "group_address" || word == "no_linklocal_learn" || word == "fdb_flush") {
      NotSupported(fmt::format("the bridge option \"{}\"", word));
    } else {
      throw Failure{1, fmt::format("bridge: unknown command \"{}\"?\n", word)};
    }
  }
}

namespace {

constexpr uint32_t kMaxVni = (1u << 24) - 1;

struct Switch {
  const char* word;
  bool VxlanOptions::*field;
  const char* fixed;  ///< what the kernel says to a change of it; none: it may be changed
};
/// Words that stand for themselves, and with "no" before them for their opposite.
constexpr Switch kVxlanSwitches[] = {
    {"learning", &VxlanOptions::learning, nullptr},
    {"proxy", &VxlanOptions::proxy, "vxlan: cannot change PROXY flag"},
    {"rsc", &VxlanOptions::rsc, "vxlan: cannot change RSC flag"},
    {"l2miss", &VxlanOptions::l2miss, "vxlan: cannot change L2MISS flag"},
    {"l3miss", &VxlanOptions::l3miss, "vxlan: cannot change L3MISS flag"},
    {"udpcsum", &VxlanOptions::udpCsum, "Cannot change UDP_CSUM flag"},
    {"udp6zerocsumtx", &VxlanOptions::udp6ZeroCsumTx, "vxlan: cannot change UDP_ZERO_CSUM6_TX flag"},
    {"udp6zerocsumrx", &VxlanOptions::udp6ZeroCsumRx, "vxlan: cannot change UDP_ZERO_CSUM6_RX flag"},
    {"external", &VxlanOptions::external, "vxlan: cannot change COLLECT_METADATA flag"},
};

/// geneve_nl2info(): what only a new device may be told.
constexpr const char* kGeneveFixed =
    "Changing VNI, Port, endpoint IP address family, external, inner_proto_inherit, and UDP checksum attributes are "
    "not supported";
constexpr Switch kGeneveSwitches[] = {
    {"udpcsum", &VxlanOptions::udpCsum, kGeneveFixed},
    {"udp6zerocsumtx", &VxlanOptions::udp6ZeroCsumTx, kGeneveFixed},
    {"udp6zerocsumrx", &VxlanOptions::udp6ZeroCsumRx, kGeneveFixed},
    {"external", &VxlanOptions::external, kGeneveFixed},
};

const Switch* TakeSwitch(std::span<const Switch> switches, const std::string& word, VxlanOptions& vxlan) {
  for (const Switch& s : switches) {
    if (word == s.word) return vxlan.*s.field = true, &s;
    if (word == std::string("no") + s.word) return vxlan.*s.field = false, &s;
  }
  return nullptr;
}

void ParseTtl(const std::string& word, VxlanOptions& vxlan) {
  vxlan.ttl = 0;
  if (word == "inherit") vxlan.ttlInherit = true;  // to stay: the kernel has no way back
  if (word == "inherit" || word == "auto") return;
  const uint64_t ttl = ParseNumberOr(word, 0xffffffff, "invalid TTL");
  if (ttl > 255) InvalidArgument(word, "TTL must be <= 255");
  vxlan.ttl = static_cast<uint8_t>(ttl);
}

kernel::VxlanDf ParseDf(const std::string& word) {
  if (word == "unset") return kernel::VxlanDf::Unset;
  if (word == "set") return kernel::VxlanDf::Set;
  if (word == "inherit") return kernel::VxlanDf::Inherit;
  InvalidArgument(word, "DF must be 'unset', 'set' or 'inherit'");
}

}  // namespace

void ParseVxlanOptions(Session& session, Words& words, VxlanOptions& vxlan, bool isChange) {
  bool hasVni = false, hasPort = false, hasDevice = false, groupGiven = false, learningGiven = false;
  const char* refusal = nullptr;  // of the first word that only a new device may have
  auto fix = [&](const char* why) {
    if (isChange && !refusal) refusal = why;
  };
  auto familyOf = [](const IpAddress& other) {  // both ends are of one family
    return other.IsNone() ? Family::Any : other.IsV6() ? Family::Inet6 : Family::Inet;
  };
  while (!words.Done()) {
    const std::string word = words.Next();
    if (word == "id" || word == "vni") {
      const uint32_t vni = static_cast<uint32_t>(ParseNumberOr(words.Next(), kMaxVni, "invalid id"));
      if (vni != vxlan.vni) fix("Cannot change VNI");
      vxlan.vni = vni;
      hasVni = true;
    } else if (word == "group" || word == "remote") {
      const std::string address = words.Next();
      vxlan.remote = ParseAddress(address, familyOf(vxlan.local));
      groupGiven |= word == "group";
      if (vxlan.remote.IsMulticast() != (word == "group"))
        InvalidArgument(address, fmt::format("invalid {} address", word));
    } else if (word == "local") {
      const std::string address = words.Next();
      vxlan.local = ParseAddress(address, familyOf(vxlan.remote));
      if (vxlan.local.IsMulticast()) InvalidArgument(address, "invalid local address");
    } else if (word == "dev") {
      vxlan.lowerIfindex = RequireDevice(session.Ns(), words.Next(), 255).ifindex;
      hasDevice = true;
    } else if (word == "ttl" || word == "hoplimit") {
      if (words.Peek() == "inherit") fix("vxlan: cannot change TTL_INHERIT flag");
      ParseTtl(words.Next(), vxlan);
    } else if (word == "tos" || word == "dsfield") {
      const std::string tos = words.Next();
      vxlan.tos = tos == "inherit" ? 1 : static_cast<uint8_t>(ParseNumberOr(tos, 255, "bad TOS value"));
    } else if (word == "df") {
      vxlan.df = ParseDf(words.Next());
    } else if (word == "ageing") {
      const std::string age = words.Next();
      vxlan.ageing = age == "none" ? 0 : static_cast<uint32_t>(ParseNumberOr(age, 0xffffffff, "ageing timer"));
    } else if (word == "maxaddress") {
      const std::string limit = words.Next();
      vxlan.maxAddress =
          limit == "unlimited" ? 0 : static_cast<uint32_t>(ParseNumberOr(limit, 0xffffffff, "max addresses"));
      fix("Cannot change limit");
    } else if (word == "srcport" || word == "port") {
      vxlan.srcPortLow = static_cast<uint16_t>(ParseNumberOr(words.Next(), 0xffff, "min port"));
      vxlan.srcPortHigh = static_cast<uint16_t>(ParseNumberOr(words.Next(), 0xffff, "max port"));
      fix("Cannot change port range");
    } else if (word == "dstport") {
      vxlan.dstPort = static_cast<uint16_t>(ParseNumberOr(words.Next(), 0xffff, "dst port"));
      hasPort = true;
      fix("Cannot change port");
    } else if (word == "gbp") {
      vxlan.gbp = true;
      fix("vxlan: cannot change GBP flag");
    } else if (const Switch* taken = TakeSwitch(kVxlanSwitches, word, vxlan)) {
      learningGiven |= taken->field == &VxlanOptions::learning;
      if (taken->fixed) fix(taken->fixed);
    } else if (word == "flowlabel") {
      vxlan.flowLabel = static_cast<uint32_t>(ParseNumberOr(words.Next(), 0xfffff, "invalid flowlabel"));
    } else if (word == "gpe" || word == "vnifilter" || word == "remcsumtx" || word == "remcsumrx") {
      NotSupported(fmt::format("the vxlan option \"{}\"", word));
    } else {
      throw Failure{1, fmt::format("vxlan: unknown command \"{}\"?\n", word)};
    }
  }
  if (groupGiven && !hasDevice) throw Failure{1, "vxlan: 'group' requires 'dev' to be specified\n"};
  if (!isChange && vxlan.external && hasVni) throw Failure{1, "vxlan: both 'external' and vni cannot be specified\n"};
  if (!isChange && !vxlan.external && !hasVni) throw Failure{1, "vxlan: missing virtual network identifier\n"};
  if (refusal) CheckRtnetlink(session, EOPNOTSUPP, refusal);
  if (vxlan.flowLabel != 0 && !vxlan.IsIpv6())
    CheckRtnetlink(session, EINVAL, "Label attribute only applies to IPv6 VXLAN devices");
  if (vxlan.srcPortLow > vxlan.srcPortHigh) CheckRtnetlink(session, EINVAL, "Invalid source port range");
  if (isChange) return;
  if (vxlan.external && !learningGiven) vxlan.learning = false;
  if (!hasPort)
    session.result.err +=
        "vxlan: destination port not specified\n"
        "Will use Linux kernel default (non-standard value)\n"
        "Use 'dstport 4789' to get the IANA assigned value\n"
        "Use 'dstport 0' to get default and quiet this message\n";
  if (vxlan.dstPort == 0) vxlan.dstPort = VxlanOptions{}.dstPort;
}

/// geneve_parse_opt() of ip/iplink_geneve.c. Whether one that is there already may change so is geneve_changelink()'s.
void ParseGeneveOptions(Session& session, Words& words, VxlanOptions& geneve, bool isChange) {
  bool hasVni = isChange;
  bool isFixed = false;
  const VxlanOptions before = geneve;
  while (!words.Done()) {
    const std::string word = words.Next();
    if (word == "id" || word == "vni") {
      geneve.vni = static_cast<uint32_t>(ParseNumberOr(words.Next(), kMaxVni, "invalid id"));
      hasVni = true;
    } else if (word == "remote") {
      const std::string address = words.Next();
      geneve.remote = ParseAddress(address, Family::Any);
      if (geneve.remote.IsMulticast()) InvalidArgument(address, "invalid remote address");
    } else if (word == "ttl" || word == "hoplimit") {
      ParseTtl(words.Next(), geneve);
    } else if (word == "tos" || word == "dsfield") {
      const std::string tos = words.Next();
      geneve.tos = tos == "inherit" ? 1 : static_cast<uint8_t>(ParseNumberOr(tos, 255, "bad TOS value"));
    } else if (word == "df") {
      geneve.df = ParseDf(words.Next());
    } else if (word == "flowlabel") {
      geneve.flowLabel = static_cast<uint32_t>(ParseNumberOr(words.Next(), 0xfffff, "invalid flowlabel"));
    } else if (word == "dstport") {
      geneve.dstPort = static_cast<uint16_t>(ParseNumberOr(words.Next(), 0xffff, "dstport"));
      isFixed = true;
    } else if (word == "innerprotoinherit") {
      NotSupported("the geneve option \"innerprotoinherit\"");
    } else if (TakeSwitch(kGeneveSwitches, word, geneve)) {
      isFixed = true;
    } else {
      throw Failure{1, fmt::format("geneve: unknown command \"{}\"?\n", word)};
    }
  }
  if (isChange) {
    if (isFixed || geneve.vni != before.vni || geneve.remote.IsV6() != before.remote.IsV6())
      CheckRtnetlink(session, EOPNOTSUPP, kGeneveFixed);
    return;
  }
  if (geneve.external && hasVni) throw Failure{1, "geneve: both 'external' and vni cannot be specified\n"};
  if (geneve.external) return;
  if (!hasVni) throw Failure{1, "geneve: missing virtual network identifier\n"};
  if (geneve.remote.IsZero()) throw Failure{1, "geneve: remote link partner not specified\n"};
}

void ParseIpipOptions(Session& session, Words& words, kernel::IpipOptions& ipip) {
  while (!words.Done()) {
    const std::string word = words.Next();
    if (word == "remote") {
      const std::string address = words.Next();
      ipip.remote = address == "any" ? Ipv4Address{} : ParseAddressOf<Ipv4Address>(address);
    } else if (word == "local") {
      const std::string address = words.Next();
      ipip.local = address == "any" ? Ipv4Address{} : ParseAddressOf<Ipv4Address>(address);
    } else if (word == "dev") {
      ipip.lowerIfindex = RequireDevice(session.Ns(), words.Next(), 255).ifindex;
    } else if (word == "ttl" || word == "hoplimit" || word == "hlim") {
      const std::string ttl = words.Next();
      ipip.ttl = ttl == "inherit" ? 0 : static_cast<uint8_t>(ParseNumberOr(ttl, 255, "invalid TTL"));
    } else if (word == "tos" || word == "tclass" || word == "tc" || word == "dsfield") {
      const std::string tos = words.Next();
      ipip.tos = tos == "inherit" ? 1 : static_cast<uint8_t>(ParseNumberOr(tos, 255, "bad TOS value"));
    } else if (word == "pmtudisc" || word == "nopmtudisc") {
      ipip.pmtuDiscovery = word == "pmtudisc";
    } else {
      NotSupported(fmt::format("\"{}\" of an ipip device", word));
    }
  }
}

bool SetBridgePortOption(BridgePortOptions& port, const std::string& word, Words& words) {
  struct Option {
    const char* word;
    bool BridgePortOptions::*field;
  };
  static constexpr Option kOptions[] = {
      {"hairpin", &BridgePortOptions::hairpin},
      {"guard", &BridgePortOptions::guard},
      {"root_block", &BridgePortOptions::rootBlock},
      {"fastleave", &BridgePortOptions::fastLeave},
      {"mcast_fast_leave", &BridgePortOptions::fastLeave},
      {"learning", &BridgePortOptions::learning},
      {"flood", &BridgePortOptions::flood},
      {"proxy_arp", &BridgePortOptions::proxyArp},
      {"proxy_arp_wifi", &BridgePortOptions::proxyArpWifi},
      {"mcast_flood", &BridgePortOptions::mcastFlood},
      {"bcast_flood", &BridgePortOptions::bcastFlood},
      {"mcast_to_unicast", &BridgePortOptions::mcastToUnicast},
      {"neigh_suppress", &BridgePortOptions::neighSuppress},
      {"vlan_tunnel", &BridgePortOptions::vlanTunnel},
      {"isolated", &BridgePortOptions::isolated},
      {"locked", &BridgePortOptions::locked},
  };
  for (const Option& option : kOptions) {
    if (word != option.word) continue;
    const std::string value = words.Next();
    if (value != "on" && value != "off")
      throw Failure{1,
                    fmt::format("Error: argument of \"{}\" must be one of \"off\", \"on\", not \"{}\"\n", word, value)};
    port.*option.field = value == "on";
    return true;
  }
  if (word == "cost") {
    port.cost = static_cast<uint32_t>(ParseNumberOr(words.Next(), 0xffffffff, "cost"));
  } else if (word == "priority") {
    port.priority = static_cast<uint16_t>(ParseNumberOr(words.Next(), 63, "priority"));
  } else if (word == "state") {
    const std::string state = words.Next();
    constexpr const char* kStates[] = {"disabled", "listening", "learning", "forwarding", "blocking"};
    auto number = ParseNumber(state, 4);
    for (uint64_t i = 0; i < std::size(kStates); ++i)
      if (state == kStates[i]) number = i;
    if (!number) InvalidArgument(state, "invalid STP port state");
    if (*number != 0 && *number != 3) NotSupported(fmt::format("the port state \"{}\"", state));
    port.disabled = *number == 0;
  } else {
    return false;
  }
  return true;
}

void ParseBridgePortOptions(Words& words, BridgePortOptions& port) {
  while (!words.Done()) {
    const std::string word = words.Next();
    if (SetBridgePortOption(port, word, words)) continue;
    if (word == "mcast_router" || word == "group_fwd_mask" || word == "backup_port" || word == "fdb_flush")
      NotSupported(fmt::format("the port option \"{}\"", word));
    throw Failure{1, fmt::format("bridge_slave: unknown option \"{}\"?\n", word)};
  }
}

}  // namespace overlaysim::iproute2
