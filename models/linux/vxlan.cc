#include "models/linux/vxlan.h"

#include "models/wire/checksum.h"
#include "models/wire/headers.h"

namespace overlaysim::kernel {
namespace {

constexpr uint8_t kEcnMask = 3, kEcnEct1 = 1, kEcnCe = 3;
constexpr uint32_t kIpv6HeaderBytes = 40;

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

InnerHeader ReadInnerHeader(const uint8_t* frame, uint32_t size) {
  InnerHeader inner;
  if (size < wire::kEthernetHeaderBytes) return inner;
  const uint8_t* ip = frame + wire::kEthernetHeaderBytes;
  const uint32_t ipSize = size - wire::kEthernetHeaderBytes;
  const uint16_t type = wire::Get16(frame + 12);
  if (type == wire::kEtherTypeIpv4) {
    inner.truncated = ipSize < wire::kIpv4HeaderBytes;
    if (inner.truncated) return inner;
    inner.isIp = inner.isIpv4 = true;
    inner.dontFragment = (wire::Get16(ip + 6) & wire::kIpDf) != 0;
    inner.tos = ip[1];
    inner.ttl = ip[8];
  } else if (type == wire::kEtherTypeIpv6) {
    inner.truncated = ipSize < kIpv6HeaderBytes;
    if (inner.truncated) return inner;
    inner.isIp = true;
    inner.tos = static_cast<uint8_t>(wire::Get16(ip) >> 4);
    inner.ttl = ip[7];
  }
  return inner;
}

void WriteIpv4Tos(uint8_t* packet, uint8_t tos) {
  const uint16_t before = wire::Get16(packet);
  packet[1] = tos;
  wire::Put16(packet + 10, wire::ChecksumUpdate(wire::Get16(packet + 10), before, wire::Get16(packet)));
}

void WriteInnerTos(uint8_t* frame, uint8_t tos) {
  uint8_t* ip = frame + wire::kEthernetHeaderBytes;
  if (wire::Get16(frame + 12) == wire::kEtherTypeIpv4)
    WriteIpv4Tos(ip, tos);
  else
    wire::Put16(ip, (wire::Get16(ip) & 0xf00fu) | uint32_t{tos} << 4);
}

uint8_t OuterTtl(const VxlanOptions& options, uint8_t innerTtl, uint8_t routeTtl, bool toMulticast) {
  if (options.ttlInherit) return innerTtl != 0 ? innerTtl : routeTtl;
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
  if (options.srcPortLow >= options.srcPortHigh) return {ns.localPortLow, ns.localPortHigh};
  return {options.srcPortLow, options.srcPortHigh};
}

VxlanSnoop SnoopVxlan(Namespace& ns, const Link& link, MacAddress source, IpAddress remote, Nanoseconds now) {
  if (source.IsZero() || source.IsMulticast()) return VxlanSnoop::InvalidSource;
  VxlanFdbEntry* own = ns.FdbOfVxlan(link.ifindex).Find(source);
  VxlanFdbEntry scratch;
  const VxlanFdbEntry* there = own ? own : ns.LookupVxlanFdb(link.ifindex, source, scratch);
  if (!there) {
    ns.AddVxlanFdb(link.ifindex, source, {.ip = remote}, false, Namespace::kCreate | Namespace::kExclusive, now);
    return VxlanSnoop::Accepted;
  }
  if (own) own->updated = now;
  const bool known =
      !there->remotes.empty() && there->remotes.front().ip == remote && there->remotes.front().ifindex == 0;
  if (known) return VxlanSnoop::Accepted;
  if (!own || own->isPermanent || own->isStatic) return VxlanSnoop::EntryExists;
  own->remotes.front().ip = remote;
  ns.FdbChanged(Table::VxlanFdb, TableChange::Op::Change, own, own->rowId, link.ifindex);
  return VxlanSnoop::Accepted;
}

std::optional<Nanoseconds> AgeVxlanFdb(Namespace& ns, const Link& link, Nanoseconds now) {
  if (link.vxlan.ageing == 0) return std::nullopt;
  std::optional<Nanoseconds> next;
  for (const VxlanFdbEntry* entry : ns.FdbOfVxlan(link.ifindex).Sorted()) {
    if (entry->isPermanent || entry->isStatic || entry->externLearn) continue;
    const Nanoseconds due = entry->updated + Seconds(link.vxlan.ageing);
    if (due <= now) {
      ns.DeleteVxlanFdb(link.ifindex, entry->mac, nullptr);
    } else if (!next || due < *next) {
      next = due;
    }
  }
  return next;
}

}  // namespace overlaysim::kernel
