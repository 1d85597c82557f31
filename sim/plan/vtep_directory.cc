#include "sim/plan/vtep_directory.h"

namespace overlaysim::plan {

uint32_t VtepDirectory::Withdraw(NodeId node) {
  ++m_version;
  const uint32_t last = Newest(m_byNode, node.value, m_version);
  if (last != kNone) m_entries[last].until = m_version;
  return m_version;
}

uint32_t VtepDirectory::Publish(const Vtep& vtep) {
  Withdraw(vtep.node);
  const uint32_t entry = static_cast<uint32_t>(m_entries.size());
  m_entries.push_back({.vtep = vtep, .since = m_version});
  auto chain = [&](Index& index, uint64_t key) {
    auto [it, isNew] = index.try_emplace(key, entry);
    const uint32_t older = isNew ? kNone : it->second;
    it->second = entry;
    return older;
  };
  m_older.push_back({.byCidr = chain(m_byCidr, CidrKey(vtep.podCidr)),
                     .byTunnel = chain(m_byTunnel, vtep.tunnel.value),
                     .byMac = chain(m_byMac, vtep.mac.ToUint64()),
                     .byNode = chain(m_byNode, vtep.node.value)});
  m_cidrLengths |= uint64_t{1} << vtep.podCidr.length;
  return m_version;
}

uint32_t VtepDirectory::OlderOf(const Index& index, uint32_t entry) const {
  const Older& older = m_older[entry];
  return &index == &m_byCidr     ? older.byCidr
         : &index == &m_byTunnel ? older.byTunnel
         : &index == &m_byMac    ? older.byMac
                                 : older.byNode;
}

uint32_t VtepDirectory::Newest(const Index& index, uint64_t key, uint32_t version) const {
  auto it = index.find(key);
  uint32_t entry = it == index.end() ? kNone : it->second;
  while (entry != kNone && !m_entries[entry].InForce(version)) entry = OlderOf(index, entry);
  return entry;
}

uint32_t VtepDirectory::FindByPod(Ipv4Address pod, uint32_t version) const {
  for (int length = 32; length >= 0; --length) {
    if (!(m_cidrLengths >> length & 1)) continue;
    const Ipv4Prefix cidr = Ipv4Prefix{pod, static_cast<uint8_t>(length)}.Canonical();
    if (const uint32_t entry = Newest(m_byCidr, CidrKey(cidr), version); entry != kNone) return entry;
  }
  return kNone;
}

}  // namespace overlaysim::plan
