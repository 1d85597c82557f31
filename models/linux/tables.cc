#include <algorithm>
#include <tuple>

#include "models/linux/counters.h"
#include "models/linux/fdb.h"
#include "models/linux/link.h"
#include "models/linux/neighbour.h"
#include "sim/base/check.h"

namespace overlaysim::kernel {

const char* LinkKindName(LinkKind kind) {
  switch (kind) {
    case LinkKind::Veth:
      return "veth";
    case LinkKind::Bridge:
      return "bridge";
    case LinkKind::Vxlan:
      return "vxlan";
    case LinkKind::Dummy:
      return "dummy";
    case LinkKind::Ipip:
      return "ipip";
    case LinkKind::Wireguard:
      return "wireguard";
    case LinkKind::Tun:
      return "tun";
    case LinkKind::Geneve:
      return "geneve";
    case LinkKind::Openvswitch:
      return "openvswitch";
    case LinkKind::Loopback:
    case LinkKind::Physical:
      break;
  }
  return "";
}

const char* NudStateName(NudState state) {
  switch (state) {
    case NudState::None:
      return "NONE";
    case NudState::Incomplete:
      return "INCOMPLETE";
    case NudState::Reachable:
      return "REACHABLE";
    case NudState::Stale:
      return "STALE";
    case NudState::Delay:
      return "DELAY";
    case NudState::Probe:
      return "PROBE";
    case NudState::Failed:
      return "FAILED";
    case NudState::Noarp:
      return "NOARP";
    case NudState::Permanent:
      return "PERMANENT";
  }
  return "NONE";
}

const char* SnmpName(Snmp counter) {
  static constexpr const char* kNames[] = {
#define OVERLAYSIM_X(name) #name,
      OVERLAYSIM_SNMP_COUNTERS(OVERLAYSIM_X)
#undef OVERLAYSIM_X
  };
  return kNames[static_cast<size_t>(counter)];
}

template <typename A>
BasicNeighbour<A>* BasicNeighbourTable<A>::Find(int ifindex, const A& ip) {
  auto it = m_entries.find({ifindex, ip});
  return it == m_entries.end() ? nullptr : &it->second;
}
template <typename A>
const BasicNeighbour<A>* BasicNeighbourTable<A>::Find(int ifindex, const A& ip) const {
  auto it = m_entries.find({ifindex, ip});
  return it == m_entries.end() ? nullptr : &it->second;
}
template <typename A>
BasicNeighbour<A>& BasicNeighbourTable<A>::Insert(const Neighbour& entry) {
  auto [it, isNew] = m_entries.emplace(Key{entry.ifindex, entry.ip}, entry);
  OVERLAYSIM_CHECK(isNew, "neighbour {} twice", entry.ip.ToString());
  return it->second;
}
template <typename A>
void BasicNeighbourTable<A>::Erase(int ifindex, const A& ip) {
  m_entries.erase({ifindex, ip});
}
template <typename A>
std::vector<const BasicNeighbour<A>*> BasicNeighbourTable<A>::Sorted() const {
  std::vector<const Neighbour*> out;
  for (const auto& [key, entry] : m_entries) out.push_back(&entry);
  std::sort(out.begin(), out.end(), [](const Neighbour* a, const Neighbour* b) {
    return std::tie(a->ifindex, a->ip) < std::tie(b->ifindex, b->ip);
  });
  return out;
}
template class BasicNeighbourTable<Ipv4Address>;
template class BasicNeighbourTable<Ipv6Address>;

const BridgeFdbEntry* BridgeFdb::Find(MacAddress mac) const {
  auto it = m_entries.find(mac);
  return it == m_entries.end() ? nullptr : &it->second;
}
BridgeFdbEntry* BridgeFdb::Find(MacAddress mac) {
  auto it = m_entries.find(mac);
  return it == m_entries.end() ? nullptr : &it->second;
}
BridgeFdbEntry& BridgeFdb::Insert(const BridgeFdbEntry& entry) { return m_entries[entry.mac] = entry; }
bool BridgeFdb::Erase(MacAddress mac) { return m_entries.erase(mac) > 0; }
std::vector<const BridgeFdbEntry*> BridgeFdb::Sorted() const {
  std::vector<const BridgeFdbEntry*> out;
  for (const auto& [mac, entry] : m_entries) out.push_back(&entry);
  std::sort(out.begin(), out.end(), [](const BridgeFdbEntry* a, const BridgeFdbEntry* b) {
    return std::tie(a->port, b->rowId) < std::tie(b->port, a->rowId);
  });
  return out;
}

const VxlanFdbEntry* VxlanFdb::Find(MacAddress mac) const {
  auto it = m_entries.find(mac);
  return it == m_entries.end() ? nullptr : &it->second;
}
VxlanFdbEntry* VxlanFdb::Find(MacAddress mac) {
  auto it = m_entries.find(mac);
  return it == m_entries.end() ? nullptr : &it->second;
}
VxlanFdbEntry& VxlanFdb::Insert(const VxlanFdbEntry& entry) { return m_entries[entry.mac] = entry; }
bool VxlanFdb::Erase(MacAddress mac) { return m_entries.erase(mac) > 0; }
std::vector<const VxlanFdbEntry*> VxlanFdb::Sorted() const {
  std::vector<const VxlanFdbEntry*> out;
  for (const auto& [mac, entry] : m_entries) out.push_back(&entry);
  std::sort(out.begin(), out.end(), [](const VxlanFdbEntry* a, const VxlanFdbEntry* b) { return a->rowId > b->rowId; });
  return out;
}

}  // namespace overlaysim::kernel
