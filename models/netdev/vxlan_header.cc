#include "models/netdev/vxlan_header.h"

#include <ostream>

namespace overlaysim {

NS_OBJECT_ENSURE_REGISTERED(VxlanHeader);

ns3::TypeId VxlanHeader::GetTypeId() {
  static const ns3::TypeId id = ns3::TypeId("overlaysim::VxlanHeader")
                                    .SetParent<ns3::Header>()
                                    .SetGroupName("Overlaysim")
                                    .AddConstructor<VxlanHeader>();
  return id;
}

ns3::TypeId VxlanHeader::GetInstanceTypeId() const { return GetTypeId(); }

void VxlanHeader::SetWords(uint32_t flagsWord, uint32_t vniWord) {
  m_flagsWord = flagsWord;
  m_vniWord = vniWord;
}

uint32_t VxlanHeader::GetSerializedSize() const { return wire::kVxlanHeaderBytes; }

void VxlanHeader::Serialize(ns3::Buffer::Iterator start) const {
  start.WriteHtonU32(m_flagsWord);
  start.WriteHtonU32(m_vniWord);
}

uint32_t VxlanHeader::Deserialize(ns3::Buffer::Iterator start) {
  m_flagsWord = start.ReadNtohU32();
  m_vniWord = start.ReadNtohU32();
  return wire::kVxlanHeaderBytes;
}

void VxlanHeader::Print(std::ostream& os) const { os << "flags " << (m_flagsWord >> 24) << " vni " << Vni(); }

}  // namespace overlaysim
