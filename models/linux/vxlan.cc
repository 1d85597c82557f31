#include "models/linux/vxlan.h"

#include "models/wire/headers.h"

namespace overlaysim::kernel {
namespace {

constexpr uint8_t kEcnMask = 3, kEcnEct1 = 1, kEcnCe = 3;

}  // namespace

VxlanHeaderFault CheckVxlanHeader(uint32_t flagsWord, uint32_t vniWord) {
  if (!(flagsWord & wire::Vxlan::kFlagVni)) return VxlanHeaderFault::NoVniFlag;
  if ((flagsWord & ~wire::Vxlan::kFlagVni) != 0 || (vniWord & 0xff) != 0) return VxlanHeaderFault::ReservedBits;
  return VxlanHeaderFault::None;
}

EcnDecapsulation DecapsulateEcn(uint8_t outer, uint8_t inner) {
  EcnDecapsulation result{.tos = inner};
  const uint8_t in = inner & kEcnMask;
  const uint8_t out = outer & kEcnMask;
  if (in == 0) {  // not ECN-capable
    result.drop = out == kEcnCe;
    result.suspicious = out != 0;
  } else if (out == kEcnCe) {
    result.tos = static_cast<uint8_t>(inner | kEcnCe);
  } else if (in == 2 && out == kEcnEct1) {  // ECT(0) inside, ECT(1) outside: becomes ECT(1)
    result.tos = static_cast<uint8_t>((inner & ~kEcnMask) | kEcnEct1);
  } else if (in == kEcnCe && out == kEcnEct1) {
    result.suspicious = true;
  }
  return result;
}

uint8_t OuterTos(uint8_t configured, uint8_t inner) {
  // INET_ECN_encapsulate(): the inner ECN bits, except that an inner CE becomes ECT(0) outside.
  const uint8_t base = configured == 1 ? inner : configured;
  const uint8_t ecn = (inner & kEcnMask) == kEcnCe ? 2 : inner & kEcnMask;
  return static_cast<uint8_t>((base & ~kEcnMask) | ecn);
}

uint8_t OuterTtl(const VxlanOptions& options, uint8_t innerTtl, uint8_t routeTtl, bool toMulticast) {
  if (options.ttlInherit) return innerTtl;
  if (options.ttl != 0) return options.ttl;
  return toMulticast ? uint8_t{1} : routeTtl;
}

bool OuterDf(const VxlanOptions& options, bool innerIsIpv4, bool innerDf) {
  return options.df == VxlanDf::Set || (options.df == VxlanDf::Inherit && innerIsIpv4 && innerDf);
}

const VxlanFdbEntry* FindVxlanDestination(const Namespace& ns, const Link& link, MacAddress destination,
                                          VxlanFdbEntry& scratch) {
  if (const auto* entry = ns.LookupVxlanFdb(link.ifindex, destination, scratch)) return entry;
  if (const auto* entry = ns.LookupVxlanFdb(link.ifindex, MacAddress{}, scratch)) return entry;
  return nullptr;
}

wire::PortRange SourcePorts(const Namespace& ns, const VxlanOptions& options) {
  if (options.srcPortLow == 0 && options.srcPortHigh == 0) return {ns.localPortLow, ns.localPortHigh};
  return {options.srcPortLow, options.srcPortHigh};
}

}  // namespace overlaysim::kernel
