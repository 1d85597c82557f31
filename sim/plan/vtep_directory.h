#pragma once

#include <bitset>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "models/linux/tunnel_peer.h"
#include "sim/base/addresses.h"
#include "sim/base/ids.h"

namespace overlaysim::plan {

/// A part of the pods' addresses that one node has: its pod CIDR, a Calico block, or one address of another's block.
struct PodRange {
  Ipv4Prefix cidr;
  uint32_t pool = 0;        ///< of Profile::pools
  bool isBorrowed = false;  ///< a /32 out of the block of another node

  bool operator==(const PodRange&) const = default;
};

/// What one node tells the others about itself (flannel: its annotations and podCIDR; Calico: its blocks).
struct Vtep {
  NodeId node;
  std::vector<PodRange> ranges;
  Ipv4Address tunnel;    ///< address of its tunnel device, or whatever peers name as next hop on that device
  Ipv4Address underlay;  ///< where the outer packets go
  MacAddress mac;        ///< of its tunnel device
  kernel::WireguardKey wireguardKey;  ///< zero: it has no wireguard device
  // The same over IPv6, in a dual-stack cluster.
  Ipv6Prefix podCidr6;  ///< its address is that of the tunnel device for IPv6; length 0: none
  Ipv6Address underlay6;
  MacAddress mac6;

  bool operator==(const Vtep&) const = default;
};

/// All nodes' VTEPs and pod CIDRs, held once for the cluster, with their history: a node's tables are this directory as
/// far as its agent has carried it out. Lookups cost O(1) or O(number of CIDR lengths); they take the newest entry that
/// holds `when`, which is a version or a function of an entry and the number of one of its ranges.
class VtepDirectory {
 public:
  struct Entry {
    Vtep vtep;
    uint32_t since = 0;                                     ///< in force from this version on
    uint32_t until = std::numeric_limits<uint32_t>::max();  ///< and before this one
    uint32_t firstRange = 0;                                ///< number of its first range; they count over all entries

    bool InForce(uint32_t version) const { return since <= version && version < until; }
  };

  uint32_t Version() const { return m_version; }
  /// What `vtep.node` says from now on, in place of what it said before. Answers the new version.
  uint32_t Publish(const Vtep& vtep);
  uint32_t Withdraw(NodeId node);

  /// Index of the entry that holds then, or kNone. By pod address the longest CIDR wins.
  static constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();
  static bool Ever(uint32_t, uint32_t) { return true; }  ///< for `when`: the newest there is
  template <typename When>
  uint32_t FindByPod(Ipv4Address pod, const When& when) const {
    uint32_t found = kNone;
    VisitByPod(pod, when, [&](uint32_t entry, uint32_t) {
      found = entry;
      return true;
    });
    return found;
  }
  /// Visits (entry, range of it) of the ranges that hold `pod`, longest first, until the visitor answers true.
  template <typename When, typename Visitor>
  bool VisitByPod(Ipv4Address pod, const When& when, Visitor&& visit) const {
    for (int length = 32; length >= 0; --length) {
      if (!(m_cidrLengths >> length & 1)) continue;
      const uint32_t number = NewestRange(Ipv4Prefix{pod, static_cast<uint8_t>(length)}.Canonical(), when);
      if (number == kNone) continue;
      const uint32_t entry = m_ranges[number].entry;
      if (visit(entry, number - m_entries[entry].firstRange)) return true;
    }
    return false;
  }
  template <typename When>
  uint32_t FindByTunnel(Ipv4Address tunnel, const When& when) const {
    return Newest<uint64_t>(m_byTunnel, tunnel.value, &Older::byTunnel, when);
  }
  template <typename When>
  uint32_t FindByMac(MacAddress mac, const When& when) const {
    return Newest(m_byMac, mac.ToUint64(), &Older::byMac, when);
  }
  template <typename When>
  uint32_t FindByNode(NodeId node, const When& when) const {
    return Newest<uint64_t>(m_byNode, node.value, &Older::byNode, when);
  }
  template <typename When>
  uint32_t FindByPod6(const Ipv6Address& pod, const When& when) const {
    for (size_t length = m_cidr6Lengths.size(); length-- > 0;) {
      if (!m_cidr6Lengths.test(length)) continue;
      const auto bits = static_cast<uint8_t>(length);
      const uint32_t entry = Newest(m_byCidr6, Ipv6Prefix{pod.Masked(bits), bits}, &Older::byCidr6, when);
      if (entry != kNone) return entry;
    }
    return kNone;
  }
  template <typename When>
  uint32_t FindByMac6(MacAddress mac, const When& when) const {
    return Newest(m_byMac6, mac.ToUint64(), &Older::byMac6, when);
  }
  template <typename When>
  uint32_t FindByKey(const kernel::WireguardKey& key, const When& when) const {
    const uint32_t entry = Newest(m_byKey, NumberOf(key), &Older::byKey, when);
    return entry != kNone && m_entries[entry].vtep.wireguardKey == key ? entry : kNone;
  }

  /// In order of publication; entries are never removed, so an index stays valid.
  const std::vector<Entry>& Entries() const { return m_entries; }

 private:
  /// The newest entry of each key; older ones of the same key are chained by m_older.
  using Index = std::unordered_map<uint64_t, uint32_t>;
  struct Older {
    uint32_t byTunnel = kNone, byMac = kNone, byNode = kNone, byKey = kNone, byCidr6 = kNone, byMac6 = kNone;
  };
  struct Range {
    uint32_t entry;
    uint32_t older;  ///< number of the range of the same CIDR before it
  };
  static uint64_t CidrKey(const Ipv4Prefix& p) { return uint64_t{p.length} << 32 | p.address.value; }
  static uint64_t NumberOf(const kernel::WireguardKey& key);
  template <typename When>
  bool Holds(const When& when, uint32_t entry, uint32_t range) const {
    if constexpr (std::is_integral_v<When>)
      return m_entries[entry].InForce(when);
    else
      return when(entry, range);
  }
  template <typename Key, typename When>
  uint32_t Newest(const std::unordered_map<Key, uint32_t>& index, const Key& key, uint32_t Older::*older,
                  const When& when) const {
    auto it = index.find(key);
    uint32_t entry = it == index.end() ? kNone : it->second;
    while (entry != kNone && !Holds(when, entry, 0)) entry = m_older[entry].*older;
    return entry;
  }
  template <typename When>
  uint32_t NewestRange(const Ipv4Prefix& cidr, const When& when) const {
    auto it = m_byCidr.find(CidrKey(cidr));
    uint32_t range = it == m_byCidr.end() ? kNone : it->second;
    while (range != kNone && !Holds(when, m_ranges[range].entry, range - m_entries[m_ranges[range].entry].firstRange))
      range = m_ranges[range].older;
    return range;
  }

  std::vector<Entry> m_entries;
  std::vector<Older> m_older;
  std::vector<Range> m_ranges;
  Index m_byTunnel, m_byMac, m_byNode, m_byMac6;
  Index m_byKey;  ///< by the first eight bytes of a wireguard key
  std::unordered_map<Ipv6Prefix, uint32_t> m_byCidr6;
  std::bitset<Ipv6Address::kBits + 1> m_cidr6Lengths;  ///< bit n: some IPv6 CIDR has length n
  Index m_byCidr;                                      ///< of m_ranges
  uint64_t m_cidrLengths = 0;                          ///< bit n: some CIDR has length n
  uint32_t m_version = 0;
};

}  // namespace overlaysim::plan
