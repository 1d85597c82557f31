#pragma once

#include <ns3/header.h>

#include "models/wire/headers.h"

namespace overlaysim {

/// The VXLAN header (RFC 7348, section 5) for ns-3 packets. A new one has the I flag and VNI 0.
class VxlanHeader : public ns3::Header {
 public:
  static ns3::TypeId GetTypeId();
  VxlanHeader() = default;
  explicit VxlanHeader(uint32_t vni) : m_vniWord(vni << 8) {}

  uint32_t Vni() const { return m_vniWord >> 8; }
  uint32_t FlagsWord() const { return m_flagsWord; }  ///< the first four bytes: flags and 24 reserved bits
  uint32_t VniWord() const { return m_vniWord; }      ///< the last four: VNI and 8 reserved bits
  void SetWords(uint32_t flagsWord, uint32_t vniWord);

  ns3::TypeId GetInstanceTypeId() const override;
  uint32_t GetSerializedSize() const override;
  void Serialize(ns3::Buffer::Iterator start) const override;
  uint32_t Deserialize(ns3::Buffer::Iterator start) override;
  void Print(std::ostream& os) const override;

 private:
  uint32_t m_flagsWord = wire::Vxlan::kFlagVni;
  uint32_t m_vniWord = 0;
};

}  // namespace overlaysim
