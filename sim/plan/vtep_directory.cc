#include "sim/plan/vtep_directory.h"

#include <cstring>

namespace overlaysim::plan {
uint64_t VtepDirectory::NumberOf(const kernel::WireguardKey& key) {
  uint64_t number;
  std::memcpy(&number, key.bytes.data(), sizeof number);
  return number;
}

uint32_t VtepDirectory::Withdraw(NodeId node) {
  ++m_version;
  const uint32_t last = FindByNode(node, m_version);
  if (last != kNone) m_entries[last].until = m_version;
  return m_version;
}

uint32_t VtepDirectory::Publish(const Vtep& vtep) {
  Withdraw(vtep.node);
  const uint32_t entry = static_cast<uint32_t>(m_entries.size());
  auto chain = [](auto& index, const auto& key, uint32_t newest) {
    auto [it, isNew] = index.try_emplace(key, newest);
    const uint32_t older = isNew ? kNone : it->second;
    it->second = newest;
    return older;
  };
  m_entries.push_back({.vtep = vtep, .since = m_version, .firstRange = static_cast<uint32_t>(m_ranges.size())});
  m_older.push_back({.byTunnel = chain(m_byTunnel, vtep.tunnel.value, entry),
                     .byMac = chain(m_byMac, vtep.mac.ToUint64(), entry),
                     .byNode = chain(m_byNode, vtep.node.value, entry),
                     .byKey = chain(m_byKey, NumberOf(vtep.wireguardKey), entry)});
  if (vtep.podCidr6.length > 0) {
    m_older.back().byCidr6 = chain(m_byCidr6, vtep.podCidr6, entry);
    m_older.back().byMac6 = chain(m_byMac6, vtep.mac6.ToUint64(), entry);
    m_cidr6Lengths.set(vtep.podCidr6.length);
  }
  for (const PodRange& range : vtep.ranges) {
    const uint32_t number = static_cast<uint32_t>(m_ranges.size());
    m_ranges.push_back({.entry = entry, .older = chain(m_byCidr, CidrKey(range.cidr), number)});
    m_cidrLengths |= uint64_t{1} << range.cidr.length;
  }
  return m_version;
}

}  // namespace overlaysim::plan
