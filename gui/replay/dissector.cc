#include "gui/replay/dissector.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "models/wire/checksum.h"
#include "models/wire/headers.h"
#include "sim/base/addresses.h"

namespace overlaysim::replay {
namespace {

constexpr size_t kMaxLayers = 32;  // a packet has a dozen; a hostile one may nest tunnels up to its last byte
constexpr size_t kMaxOptions = 64;
constexpr uint16_t kGenevePort = 6081;
constexpr uint32_t kEspHeaderBytes = 8;
constexpr uint8_t kTypeEchoReply = 0, kTypeUnreachable = 3, kTypeRedirect = 5, kTypeEcho = 8, kTypeTimeExceeded = 11,
                  kTypeParameterProblem = 12;

uint32_t Get24(const uint8_t* p) { return uint32_t{p[0]} << 16 | uint32_t{p[1]} << 8 | p[2]; }
uint64_t Get64(const uint8_t* p) { return uint64_t{wire::Get32(p)} << 32 | wire::Get32(p + 4); }
uint32_t GetLe32(const uint8_t* p) { return __builtin_bswap32(wire::Get32(p)); }
uint64_t GetLe64(const uint8_t* p) { return __builtin_bswap64(Get64(p)); }

std::string ColonHex(std::span<const uint8_t> bytes) { return fmt::format("{:02x}", fmt::join(bytes, ":")); }

struct NamedValue {
  uint32_t value;
  std::string_view name;
};
template <size_t N>
std::string_view NameOf(const NamedValue (&names)[N], uint32_t value, std::string_view unknown = "Unknown") {
  for (const NamedValue& named : names)
    if (named.value == value) return named.name;
  return unknown;
}

constexpr NamedValue kEtherTypes[] = {{0x0800, "IPv4"}, {0x0806, "ARP"}, {0x86dd, "IPv6"}, {0x8100, "802.1Q"}};
constexpr NamedValue kIpProtocols[] = {{0, "IPv6 Hop-by-Hop Option"},
                                       {1, "ICMP"},
                                       {2, "IGMP"},
                                       {4, "IPIP"},
                                       {6, "TCP"},
                                       {17, "UDP"},
                                       {41, "IPv6"},
                                       {43, "Routing Header for IPv6"},
                                       {44, "Fragment Header for IPv6"},
                                       {50, "ESP"},
                                       {58, "ICMPv6"},
                                       {59, "IPv6 No Next Header"},
                                       {60, "Destination Options for IPv6"}};
constexpr NamedValue kIcmpTypes[] = {
    {0, "Echo (ping) reply"},  {3, "Destination unreachable"}, {4, "Source quench (flow control)"},
    {5, "Redirect"},           {8, "Echo (ping) request"},     {11, "Time-to-live exceeded"},
    {12, "Parameter problem"}, {13, "Timestamp request"},      {14, "Timestamp reply"}};
constexpr NamedValue kUnreachableCodes[] = {{0, "Network unreachable"},
                                            {1, "Host unreachable"},
                                            {2, "Protocol unreachable"},
                                            {3, "Port unreachable"},
                                            {4, "Fragmentation needed"},
                                            {5, "Source route failed"},
                                            {6, "Destination network unknown"},
                                            {7, "Destination host unknown"},
                                            {9, "Network administratively prohibited"},
                                            {10, "Host administratively prohibited"},
                                            {13, "Communication administratively filtered"}};
constexpr NamedValue kTimeExceededCodes[] = {{0, "Time to live exceeded in transit"},
                                             {1, "Fragment reassembly time exceeded"}};
constexpr NamedValue kRedirectCodes[] = {{0, "Redirect for network"}, {1, "Redirect for host"}};
constexpr NamedValue kIcmpv6Types[] = {{1, "Destination Unreachable"},
                                       {2, "Packet Too Big"},
                                       {3, "Time Exceeded"},
                                       {4, "Parameter Problem"},
                                       {128, "Echo (ping) request"},
                                       {129, "Echo (ping) reply"},
                                       {130, "Multicast Listener Query"},
                                       {131, "Multicast Listener Report"},
                                       {132, "Multicast Listener Done"},
                                       {133, "Router Solicitation"},
                                       {134, "Router Advertisement"},
                                       {135, "Neighbor Solicitation"},
                                       {136, "Neighbor Advertisement"},
                                       {137, "Redirect"},
                                       {143, "Multicast Listener Report Message v2"}};
constexpr NamedValue kUnreachableCodes6[] = {{0, "no route to destination"},
                                             {1, "Administratively prohibited"},
                                             {2, "Beyond scope of source address"},
                                             {3, "Address unreachable"},
                                             {4, "Port unreachable"},
                                             {5, "Source address failed ingress/egress policy"},
                                             {6, "Reject route to destination"}};
constexpr NamedValue kTimeExceededCodes6[] = {{0, "hop limit exceeded in transit"},
                                              {1, "fragment reassembly time exceeded"}};
constexpr NamedValue kNdOptions[] = {{1, "Source link-layer address"},
                                     {2, "Target link-layer address"},
                                     {3, "Prefix information"},
                                     {4, "Redirected header"},
                                     {5, "MTU"},
                                     {14, "Nonce"}};
constexpr NamedValue kGroupRecords[] = {
    {1, "Include"},           {2, "Exclude"},          {3, "Changed to include"}, {4, "Changed to exclude"},
    {5, "Allow new sources"}, {6, "Block old sources"}};
constexpr NamedValue kIgmpTypes[] = {{0x11, "Membership Query"},
                                     {0x12, "Membership Report"},
                                     {0x16, "Membership Report"},
                                     {0x17, "Leave Group"},
                                     {0x22, "Membership Report"}};
constexpr NamedValue kIpv6OptionTypes[] = {{0, "Pad1"}, {1, "PadN"}, {5, "Router Alert"}};
constexpr NamedValue kTcpOptionKinds[] = {{0, "End of Option List"}, {1, "No-Operation"},   {2, "Maximum segment size"},
                                          {3, "Window scale"},       {4, "SACK permitted"}, {5, "SACK"},
                                          {8, "Timestamps"}};
constexpr NamedValue kWgTypes[] = {
    {1, "Handshake Initiation"}, {2, "Handshake Response"}, {3, "Cookie Reply"}, {4, "Transport Data"}};
constexpr NamedValue kDscp[] = {{0, "CS0"},   {8, "CS1"},   {16, "CS2"},   {24, "CS3"},  {32, "CS4"},
                                {40, "CS5"},  {48, "CS6"},  {56, "CS7"},   {10, "AF11"}, {18, "AF21"},
                                {26, "AF31"}, {34, "AF41"}, {46, "EF PHB"}};
constexpr NamedValue kEcn[] = {{0, "Not-ECT"}, {1, "ECT(1)"}, {2, "ECT(0)"}, {3, "CE"}};

/// How a number is written where a filter reads it: as Wireshark has it for that field.
enum class Base : uint8_t { Decimal, Hex2, Hex4, Hex6, Hex8 };
std::string Written(uint64_t value, Base base) {
  switch (base) {
    case Base::Hex2:
      return fmt::format("0x{:02x}", value);
    case Base::Hex4:
      return fmt::format("0x{:04x}", value);
    case Base::Hex6:
      return fmt::format("0x{:06x}", value);
    case Base::Hex8:
      return fmt::format("0x{:08x}", value);
    case Base::Decimal:
      break;
  }
  return fmt::format("{}", value);
}

uint64_t SumOf(std::span<const uint8_t> bytes, uint64_t sum = 0) {
  return wire::ChecksumAdd(bytes.data(), bytes.size(), sum);
}

class Parser {
 public:
  Parser(std::span<const uint8_t> bytes, uint32_t wireBytes, std::span<const uint16_t> vxlanPorts, Dissection& out)
      : m_bytes(bytes), m_vxlanPorts(vxlanPorts), m_out(out), m_end(std::max(wireBytes, uint32_t(bytes.size()))) {}

  void Parse(LinkLayer first) {
    switch (first) {
      case LinkLayer::Ethernet:
        return Ethernet(0, m_end);
      case LinkLayer::Ip:
        return Ip(0, m_end);
      case LinkLayer::Payload:
        return LooksLikeWireguard(0, m_end) ? Wireguard(0, m_end) : Data(0, m_end);
    }
  }

 private:
  // ---------------------------------------------------------------------------------------------- making fields

  const uint8_t* At(uint32_t offset) const { return m_bytes.data() + offset; }
  /// Bytes [at, at + count) are there. Where they are not, a layer says why, and the packet's dissection ends.
  bool Need(uint32_t at, uint32_t count, uint32_t end, std::string_view of) {
    if (at + uint64_t{count} > end) {
      Begin(Protocol::Malformed, "Malformed", "_ws.malformed", at, end > at ? end - at : 0);
      Summary(fmt::format("{} is cut short: {} of {} bytes", of, end > at ? end - at : 0, count));
      Info("Malformed Packet", fmt::format("[Malformed Packet: {}]", of));
      return false;
    }
    if (at + uint64_t{count} > m_bytes.size()) {
      NotRecorded(at, end);
      return false;
    }
    return true;
  }
  void NotRecorded(uint32_t at, uint32_t end) {
    if (at >= end) return;
    Begin(Protocol::Data, "Data", "data", at, end - at);
    Summary(fmt::format("{} bytes, not recorded", end - at));
  }

  /// False when there are too many.
  bool Begin(Protocol protocol, std::string_view name, std::string_view filterName, uint32_t at, uint32_t length) {
    if (m_out.layers.size() >= kMaxLayers) return false;
    Layer& layer = m_out.layers.emplace_back();
    layer.protocol = protocol;
    layer.name = name;
    layer.filterName = filterName;
    layer.offset = at;
    layer.length = length;
    layer.tunnelDepth = m_tunnelDepth;
    layer.isQuoted = m_isQuoted;
    m_depth = 0;
    return true;
  }
  void Summary(std::string text) { m_out.layers.back().summary = std::move(text); }
  void Info(std::string_view protocol, std::string text) {
    if (m_isQuoted) return;
    m_out.protocol = protocol;
    m_out.info = std::move(text);
  }
  /// Of a field that goes on behind the captured bytes those that are known.
  Field& Put(std::string_view name, uint32_t at, uint32_t length, std::string value, std::string label) {
    Field& field = m_out.layers.back().fields.emplace_back();
    field.name = name;
    field.label = std::move(label);
    field.value = std::move(value);
    field.offset = at;
    field.length = static_cast<uint32_t>(std::min<uint64_t>(length, m_bytes.size() - at));
    field.depth = m_depth;
    return field;
  }
  /// A whole-byte number; `meaning` stands in the label behind it.
  uint64_t Number(std::string_view name, std::string_view title, uint32_t at, uint32_t length, Base base,
                  std::string_view meaning = "") {
    uint64_t value = 0;
    for (uint32_t i = 0; i < length; ++i) value = value << 8 | m_bytes[at + i];
    std::string text = Written(value, base);
    std::string label =
        meaning.empty() ? fmt::format("{}: {}", title, text) : fmt::format("{}: {} ({})", title, meaning, text);
    Put(name, at, length, std::move(text), std::move(label));
    return value;
  }
  /// `bits` bits from `firstBit` of the bytes at [at, at + length).
  uint64_t Bits(std::string_view name, std::string_view title, uint32_t at, uint32_t length, uint8_t firstBit,
                uint8_t bits, Base base = Base::Decimal, std::string_view meaning = "") {
    uint64_t all = 0;
    for (uint32_t i = 0; i < length; ++i) all = all << 8 | m_bytes[at + i];
    const uint64_t value = all >> (8 * length - firstBit - bits) & ((uint64_t{1} << bits) - 1);
    std::string text = Written(value, base);
    std::string label = !meaning.empty() ? fmt::format("{}: {} ({})", title, meaning, text)
                        : bits == 1      ? fmt::format("{}: {}", title, value ? "Set" : "Not set")
                                         : fmt::format("{}: {}", title, text);
    Field& field = Put(name, at, length, std::move(text), std::move(label));
    field.firstBit = firstBit;
    field.bits = bits;
    return value;
  }
  std::string Mac(std::string_view name, std::string_view title, uint32_t at) {
    const std::string mac = wire::GetMac(At(at)).ToString();
    Put(name, at, 6, mac, fmt::format("{}: {}", title, mac));
    return mac;
  }
  std::string Ipv4(std::string_view name, std::string_view title, uint32_t at) {
    const std::string address = wire::GetIpv4(At(at)).ToString();
    Put(name, at, 4, address, fmt::format("{}: {}", title, address));
    return address;
  }
  std::string Ipv6(std::string_view name, std::string_view title, uint32_t at) {
    const std::string address = wire::GetIpv6(At(at)).ToString();
    Put(name, at, 16, address, fmt::format("{}: {}", title, address));
    return address;
  }
  void Raw(std::string_view name, std::string_view title, uint32_t at, uint32_t length) {
    const auto bytes = m_bytes.subspan(at, length);
    Put(name, at, length, ColonHex(bytes),
        length <= 16 ? fmt::format("{}: {:02x}", title, fmt::join(bytes, ""))
                     : fmt::format("{}: {:02x}… ({} bytes)", title, fmt::join(bytes.first(16), ""), length));
  }
  /// A checksum field, held against the bytes where all of them are there. `sum` covers them with the field in it.
  void Checksum(std::string_view name, std::string_view status, std::string_view title, uint32_t at, bool isKnown,
                uint64_t sum, bool mayBeAbsent = false) {
    const uint16_t value = wire::Get16(At(at));
    const bool isAbsent = mayBeAbsent && value == 0;
    const bool isGood = wire::ChecksumFold(sum) == 0;
    const std::string_view word = isAbsent ? "not used" : !isKnown ? "unverified" : isGood ? "correct" : "incorrect";
    Put(name, at, 2, Written(value, Base::Hex4), fmt::format("{}: 0x{:04x} [{}]", title, value, word)).isSuspicious =
        isKnown && !isAbsent && !isGood;
    const std::string_view number = isAbsent ? "3" : !isKnown ? "2" : isGood ? "1" : "0";
    const std::string_view said = isAbsent ? "Not present" : !isKnown ? "Unverified" : isGood ? "Good" : "Bad";
    Put(status, at, 2, std::string(number), fmt::format("{} Status: {}", title, said));
  }
  /// Fields until the object's end are parts of the field before it.
  class Nested {
   public:
    explicit Nested(Parser& parser) : m_parser(parser) { ++m_parser.m_depth; }
    ~Nested() { --m_parser.m_depth; }
    Nested(const Nested&) = delete;
    Nested& operator=(const Nested&) = delete;

   private:
    Parser& m_parser;
  };

  // ---------------------------------------------------------------------------------------------- link layer

  void Ethernet(uint32_t at, uint32_t end) {
    if (!Need(at, wire::kEthernetHeaderBytes, end, "Ethernet") ||
        !Begin(Protocol::Ethernet, "Ethernet", "eth", at, wire::kEthernetHeaderBytes))
      return;
    const std::string to = Mac("eth.dst", "Destination", at);
    const std::string from = Mac("eth.src", "Source", at + 6);
    const uint16_t type = wire::Get16(At(at + 12));
    if (type < 0x0600)
      Number("eth.len", "Length", at + 12, 2, Base::Decimal);
    else
      Number("eth.type", "Type", at + 12, 2, Base::Hex4, NameOf(kEtherTypes, type));
    Summary(fmt::format("{} → {}", from, to));
    Info("Ethernet II", fmt::format("Ethernet II, type 0x{:04x}", type));
    const uint32_t next = at + wire::kEthernetHeaderBytes;
    if (type == wire::kEtherTypeIpv4 || type == wire::kEtherTypeIpv6)
      Ip(next, end);
    else if (type == wire::kEtherTypeArp)
      Arp(next, end);
    else
      Data(next, end);
  }

  void Arp(uint32_t at, uint32_t end) {
    if (!Need(at, 8, end, "ARP") || !Begin(Protocol::Arp, "ARP", "arp", at, std::min(end - at, wire::kArpBytes)))
      return;
    Number("arp.hw.type", "Hardware type", at, 2, Base::Decimal, wire::Get16(At(at)) == 1 ? "Ethernet" : "");
    Number("arp.proto.type", "Protocol type", at + 2, 2, Base::Hex4, NameOf(kEtherTypes, wire::Get16(At(at + 2)), ""));
    Number("arp.hw.size", "Hardware size", at + 4, 1, Base::Decimal);
    Number("arp.proto.size", "Protocol size", at + 5, 1, Base::Decimal);
    const uint16_t operation = wire::Get16(At(at + 6));
    Number("arp.opcode", "Opcode", at + 6, 2, Base::Decimal,
           operation == wire::kArpRequest ? "request"
           : operation == wire::kArpReply ? "reply"
                                          : "");
    Info("ARP", fmt::format("ARP operation {}", operation));
    Summary(fmt::format("operation {}", operation));
    if (m_bytes[at + 4] != 6 || m_bytes[at + 5] != 4) return;
    if (!Need(at, wire::kArpBytes, end, "ARP")) return;
    const std::string senderMac = Mac("arp.src.hw_mac", "Sender MAC address", at + 8);
    const std::string sender = Ipv4("arp.src.proto_ipv4", "Sender IP address", at + 14);
    Mac("arp.dst.hw_mac", "Target MAC address", at + 18);
    const std::string target = Ipv4("arp.dst.proto_ipv4", "Target IP address", at + 24);
    std::string text = fmt::format("Who has {}? Tell {}", target, sender);
    if (operation == wire::kArpReply) text = fmt::format("{} is at {}", sender, senderMac);
    if (sender == target)
      text = fmt::format("{} for {} ({})", operation == wire::kArpReply ? "Gratuitous ARP" : "ARP Announcement", sender,
                         operation == wire::kArpReply ? "Reply" : "Request");
    Summary(text);
    Info("ARP", text);
    if (const uint32_t next = at + wire::kArpBytes; next < end) Padding(next, end);
  }

  void Padding(uint32_t at, uint32_t end) {
    if (end > m_bytes.size() || at >= end) return;
    Raw("eth.padding", "Padding", at, end - at);
  }

  // ---------------------------------------------------------------------------------------------- network layer

  void Ip(uint32_t at, uint32_t end) {
    if (!Need(at, 1, end, "IP")) return;
    const unsigned version = m_bytes[at] >> 4;
    if (version == 4)
      IpVersion4(at, end);
    else if (version == 6)
      IpVersion6(at, end);
    else if (Begin(Protocol::Malformed, "Malformed", "_ws.malformed", at, end - at)) {
      Summary(fmt::format("IP version {}", version));
      Info("Malformed Packet", fmt::format("[Malformed Packet: IP version {}]", version));
    }
  }

  void IpVersion4(uint32_t at, uint32_t end) {
    if (!Need(at, wire::kIpv4HeaderBytes, end, "IPv4")) return;
    const uint32_t header = (m_bytes[at] & 0xfu) * 4;
    const uint32_t total = wire::Get16(At(at + 2));
    if (!Begin(Protocol::Ipv4, "IPv4", "ip", at, std::max(header, wire::kIpv4HeaderBytes))) return;
    Bits("ip.version", "Version", at, 1, 0, 4);
    Field& length = Put("ip.hdr_len", at, 1, fmt::format("{}", header),
                        fmt::format("Header Length: {} bytes ({})", header, header / 4));
    length.firstBit = 4;
    length.bits = 4;
    length.isSuspicious = header < wire::kIpv4HeaderBytes;
    const uint8_t dsfield = m_bytes[at + 1];
    Put("ip.dsfield", at + 1, 1, Written(dsfield, Base::Hex2),
        fmt::format("Differentiated Services Field: 0x{:02x} (DSCP: {}, ECN: {})", dsfield, NameOf(kDscp, dsfield >> 2),
                    NameOf(kEcn, dsfield & 3u)));
    {
      const Nested nested(*this);
      Bits("ip.dsfield.dscp", "Differentiated Services Codepoint", at + 1, 1, 0, 6, Base::Decimal,
           NameOf(kDscp, dsfield >> 2));
      Bits("ip.dsfield.ecn", "Explicit Congestion Notification", at + 1, 1, 6, 2, Base::Decimal,
           NameOf(kEcn, dsfield & 3u));
    }
    Number("ip.len", "Total Length", at + 2, 2, Base::Decimal);
    if (total < header || (total > end - at && !m_isQuoted && !m_isFragment))
      m_out.layers.back().fields.back().isSuspicious = true;
    const auto id = static_cast<uint16_t>(Number("ip.id", "Identification", at + 4, 2, Base::Hex4));
    Bits("ip.flags", "Flags", at + 6, 1, 0, 3, Base::Hex2);
    bool more = false;
    {
      const Nested nested(*this);
      if (Bits("ip.flags.rb", "Reserved bit", at + 6, 1, 0, 1)) m_out.layers.back().fields.back().isSuspicious = true;
      Bits("ip.flags.df", "Don't fragment", at + 6, 1, 1, 1);
      more = Bits("ip.flags.mf", "More fragments", at + 6, 1, 2, 1) != 0;
    }
    const uint32_t offset = (wire::Get16(At(at + 6)) & wire::kIpOffsetMask) * 8u;
    Field& fragment =
        Put("ip.frag_offset", at + 6, 2, fmt::format("{}", offset), fmt::format("Fragment Offset: {}", offset));
    fragment.firstBit = 3;
    fragment.bits = 13;
    const auto ttl = Number("ip.ttl", "Time to Live", at + 8, 1, Base::Decimal);
    const uint8_t protocol = m_bytes[at + 9];
    Number("ip.proto", "Protocol", at + 9, 1, Base::Decimal, NameOf(kIpProtocols, protocol));
    const bool hasHeader = header >= wire::kIpv4HeaderBytes && at + header <= m_bytes.size();
    Checksum("ip.checksum", "ip.checksum.status", "Header Checksum", at + 10, hasHeader,
             hasHeader ? SumOf(m_bytes.subspan(at, header)) : 0);
    const std::string from = Ipv4("ip.src", "Source Address", at + 12);
    const std::string to = Ipv4("ip.dst", "Destination Address", at + 16);
    if (header > wire::kIpv4HeaderBytes && at + header <= m_bytes.size())
      Ipv4Options(at + wire::kIpv4HeaderBytes, at + header);
    Summary(fmt::format("{} → {}, ttl {}", from, to, ttl));
    Info("IPv4", fmt::format("{} ({})", NameOf(kIpProtocols, protocol), protocol));
    m_pseudo = SumOf(m_bytes.subspan(at + 12, 8)) + protocol;
    m_hopLimit = static_cast<uint8_t>(ttl);
    if (header < wire::kIpv4HeaderBytes) return;
    const uint32_t packetEnd = total >= header ? std::min<uint32_t>(end, at + total) : end;
    if (more || offset != 0) {
      const std::string text = fmt::format("Fragmented IP protocol (proto={} {}, off={}, ID={:04x})",
                                           NameOf(kIpProtocols, protocol), protocol, offset, id);
      Info("IPv4", text);
      Summary(fmt::format("{} → {}, ttl {}, fragment at {}{}", from, to, ttl, offset,
                          more ? ", more follow" : ", the last"));
      if (offset != 0) return Data(at + header, packetEnd);
      m_isFragment = true;
    }
    Upper(protocol, at + header, packetEnd);
  }

  void Ipv4Options(uint32_t at, uint32_t end) {
    for (size_t i = 0; i < kMaxOptions && at < end; ++i) {
      const uint8_t type = m_bytes[at];
      const bool isSingle = type <= 1;
      const uint32_t length = isSingle ? 1 : at + 1 < end ? m_bytes[at + 1] : 0;
      if (length == 0 || length > end - at || (!isSingle && length < 2)) {
        Put("ip.opt.type", at, end - at, fmt::format("{}", type), "Options: malformed").isSuspicious = true;
        return;
      }
      Put("ip.opt.type", at, length, fmt::format("{}", type),
          fmt::format("IP option: {} ({} bytes)",
                      type == 0     ? "End of Options List"
                      : type == 1   ? "No-Operation"
                      : type == 148 ? "Router Alert"
                                    : fmt::format("type {}", type),
                      length));
      at += length;
      if (type == 0) return;
    }
  }

  void IpVersion6(uint32_t at, uint32_t end) {
    if (!Need(at, wire::kIpv6HeaderBytes, end, "IPv6") ||
        !Begin(Protocol::Ipv6, "IPv6", "ipv6", at, wire::kIpv6HeaderBytes))
      return;
    Bits("ipv6.version", "Version", at, 4, 0, 4);
    const uint32_t tclass = wire::Get32(At(at)) >> 20 & 0xff;
    Bits("ipv6.tclass", "Traffic Class", at, 4, 4, 8, Base::Hex8,
         fmt::format("DSCP: {}, ECN: {}", NameOf(kDscp, tclass >> 2), NameOf(kEcn, tclass & 3)));
    {
      const Nested nested(*this);
      Bits("ipv6.tclass.dscp", "Differentiated Services Codepoint", at, 4, 4, 6, Base::Decimal,
           NameOf(kDscp, tclass >> 2));
      Bits("ipv6.tclass.ecn", "Explicit Congestion Notification", at, 4, 10, 2, Base::Decimal,
           NameOf(kEcn, tclass & 3));
    }
    Bits("ipv6.flow", "Flow Label", at + 1, 3, 4, 20, Base::Hex6);
    const auto payload = static_cast<uint32_t>(Number("ipv6.plen", "Payload Length", at + 4, 2, Base::Decimal));
    if (payload > end - at - wire::kIpv6HeaderBytes && !m_isQuoted && !m_isFragment)
      m_out.layers.back().fields.back().isSuspicious = true;
    const uint8_t next = m_bytes[at + 6];
    Number("ipv6.nxt", "Next Header", at + 6, 1, Base::Decimal, NameOf(kIpProtocols, next));
    m_hopLimit = static_cast<uint8_t>(Number("ipv6.hlim", "Hop Limit", at + 7, 1, Base::Decimal));
    const std::string from = Ipv6("ipv6.src", "Source Address", at + 8);
    const std::string to = Ipv6("ipv6.dst", "Destination Address", at + 24);
    Summary(fmt::format("{} → {}, hop limit {}", from, to, m_hopLimit));
    Info("IPv6", fmt::format("{} ({})", NameOf(kIpProtocols, next), next));
    m_pseudo = SumOf(m_bytes.subspan(at + 8, 32));
    const uint32_t packetEnd = std::min<uint32_t>(end, at + wire::kIpv6HeaderBytes + payload);
    Ipv6Extensions(next, at + wire::kIpv6HeaderBytes, packetEnd, m_out.layers.size() - 1);
  }

  /// Extension headers are fields of the IPv6 layer, which grows over them.
  void Ipv6Extensions(uint8_t next, uint32_t at, uint32_t end, size_t layer) {
    const auto grow = [&](uint32_t to) { m_out.layers[layer].length = to - m_out.layers[layer].offset; };
    for (size_t i = 0; i < kMaxOptions; ++i) {
      if (next == wire::kIpProtoHopByHop || next == wire::kIpProtoDestinationOptions) {
        if (!Need(at, 8, end, "IPv6 options")) return;
        const uint32_t length = (m_bytes[at + 1] + 1u) * 8;
        if (!Need(at, length, end, "IPv6 options")) return;
        next = Ipv6Options(next == wire::kIpProtoHopByHop, at, length);
        at += length;
      } else if (next == wire::kIpProtoFragment) {
        if (!Need(at, 8, end, "IPv6 fragment")) return;
        next = m_bytes[at];
        Put("ipv6.fraghdr", at, 8, "", "Fragment Header for IPv6");
        const Nested nested(*this);
        Number("ipv6.fraghdr.nxt", "Next header", at, 1, Base::Decimal, NameOf(kIpProtocols, next));
        Number("ipv6.fraghdr.reserved_octet", "Reserved octet", at + 1, 1, Base::Hex2);
        Bits("ipv6.fraghdr.offset", "Offset", at + 2, 2, 0, 13);
        Bits("ipv6.fraghdr.reserved_bits", "Reserved bits", at + 2, 2, 13, 2);
        const bool more = Bits("ipv6.fraghdr.more", "More Fragments", at + 2, 2, 15, 1) != 0;
        const uint32_t offset = wire::Get16(At(at + 2)) & 0xfff8u;
        const auto ident = Number("ipv6.fraghdr.ident", "Identification", at + 4, 4, Base::Hex8);
        at += 8;
        grow(at);
        if (more || offset != 0) {
          Info("IPv6", fmt::format("IPv6 fragment (off={} more={} ident=0x{:08x} nxt={})", offset, more ? "y" : "n",
                                   ident, next));
          if (offset != 0) return Data(at, end);
          m_isFragment = true;
        }
      } else {
        break;
      }
      grow(at);
    }
    if (next == wire::kIpProtoNone) return Data(at, end);
    m_pseudo += next;
    Upper(next, at, end);
  }

  uint8_t Ipv6Options(bool isHopByHop, uint32_t at, uint32_t length) {
    Put(isHopByHop ? "ipv6.hopopts" : "ipv6.dstopts", at, length, "",
        isHopByHop ? "IPv6 Hop-by-Hop Option" : "Destination Options for IPv6");
    const Nested nested(*this);
    const auto next = static_cast<uint8_t>(Number(isHopByHop ? "ipv6.hopopts.nxt" : "ipv6.dstopts.nxt", "Next Header",
                                                  at, 1, Base::Decimal, NameOf(kIpProtocols, m_bytes[at])));
    Number(isHopByHop ? "ipv6.hopopts.len" : "ipv6.dstopts.len", "Length", at + 1, 1, Base::Decimal);
    const uint32_t end = at + length;
    uint32_t option = at + 2;
    for (size_t i = 0; i < kMaxOptions && option < end; ++i) {
      const uint8_t type = m_bytes[option];
      const uint32_t size = type == 0 ? 1 : option + 1 < end ? m_bytes[option + 1] + 2u : 0;
      if (size == 0 || size > end - option) {
        Put("ipv6.opt.type", option, end - option, Written(type, Base::Hex2), "Option: malformed").isSuspicious = true;
        break;
      }
      Number("ipv6.opt.type", "Option", option, 1, Base::Hex2, NameOf(kIpv6OptionTypes, type));
      const Nested inner(*this);
      if (type != 0) Number("ipv6.opt.length", "Length", option + 1, 1, Base::Decimal);
      if (type == 5 && size == 4)
        Number("ipv6.opt.router_alert", "Router Alert", option + 2, 2, Base::Decimal,
               wire::Get16(At(option + 2)) == 0 ? "MLD" : "");
      option += size;
    }
    return next;
  }

  void Upper(uint8_t protocol, uint32_t at, uint32_t end) {
    switch (protocol) {
      case wire::kIpProtoIcmp:
        return Icmp(at, end);
      case wire::kIpProtoIgmp:
        return Igmp(at, end);
      case wire::kIpProtoIpip:
      case wire::kIpProtoIpv6:
        return Inner(at, end, false);
      case wire::kIpProtoTcp:
        return Tcp(at, end);
      case wire::kIpProtoUdp:
        return Udp(at, end);
      case wire::kIpProtoIcmpv6:
        return Icmpv6(at, end);
      case wire::kIpProtoEsp:
        return Esp(at, end);
      default:
        return Data(at, end);
    }
  }

  /// The sum over what an upper layer's checksum covers; `isKnown` false: not all of it is there.
  uint64_t UpperSum(uint32_t at, uint32_t end, bool withPseudoHeader, bool& isKnown) {
    isKnown = end <= m_bytes.size() && !m_isQuoted && !m_isFragment;
    if (!isKnown) return 0;
    const uint64_t pseudo = withPseudoHeader ? m_pseudo + (end - at) : 0;
    return SumOf(m_bytes.subspan(at, end - at), pseudo);
  }

  /// The packet that an ICMP error is about.
  void Quoted(uint32_t at, uint32_t end) {
    if (at >= end) return;
    const bool wasQuoted = std::exchange(m_isQuoted, true);
    Ip(at, end);
    m_isQuoted = wasQuoted;
  }

  void Icmp(uint32_t at, uint32_t end) {
    if (!Need(at, 8, end, "ICMP") || !Begin(Protocol::Icmp, "ICMP", "icmp", at, 8)) return;
    const uint8_t type = m_bytes[at], code = m_bytes[at + 1];
    const std::string_view typeName = NameOf(kIcmpTypes, type);
    Number("icmp.type", "Type", at, 1, Base::Decimal, typeName);
    const std::string_view codeName = type == kTypeUnreachable    ? NameOf(kUnreachableCodes, code)
                                      : type == kTypeTimeExceeded ? NameOf(kTimeExceededCodes, code)
                                      : type == kTypeRedirect     ? NameOf(kRedirectCodes, code)
                                                                  : std::string_view();
    Number("icmp.code", "Code", at + 1, 1, Base::Decimal, codeName);
    bool isKnown = false;
    const uint64_t sum = UpperSum(at, end, false, isKnown);
    Checksum("icmp.checksum", "icmp.checksum.status", "Checksum", at + 2, isKnown, sum);
    std::string text(typeName);
    if (type == kTypeEcho || type == kTypeEchoReply) {
      const auto id = Number("icmp.ident", "Identifier", at + 4, 2, Base::Decimal);
      const auto seq = Number("icmp.seq", "Sequence Number", at + 6, 2, Base::Decimal);
      Summary(fmt::format("{}, id 0x{:04x}, seq {}", typeName, id, seq));
      Info("ICMP", fmt::format("{:<20} id=0x{:04x}, seq={}/{}, ttl={}", typeName, id, seq,
                               __builtin_bswap16(static_cast<uint16_t>(seq)), m_hopLimit));
      return Data(at + 8, end);
    }
    if (!codeName.empty()) text += fmt::format(" ({})", codeName);
    Summary(text);
    Info("ICMP", text);
    if (type == kTypeUnreachable && code == 4) {
      const auto mtu = Number("icmp.mtu", "MTU of next hop", at + 6, 2, Base::Decimal);
      Summary(fmt::format("{}, MTU of next hop {}", text, mtu));
    }
    if (type == kTypeRedirect) Ipv4("icmp.redir_gw", "Gateway Address", at + 4);
    if (!codeName.empty() || type == kTypeParameterProblem)
      Quoted(at + 8, end);
    else
      Data(at + 8, end);
  }

  void Igmp(uint32_t at, uint32_t end) {
    if (!Need(at, 8, end, "IGMP") || !Begin(Protocol::Igmp, "IGMP", "igmp", at, end - at)) return;
    const uint8_t type = m_bytes[at];
    Number("igmp.type", "Type", at, 1, Base::Hex2, NameOf(kIgmpTypes, type));
    bool isKnown = false;
    const uint64_t sum = UpperSum(at, end, false, isKnown);
    Checksum("igmp.checksum", "igmp.checksum.status", "Checksum", at + 2, isKnown, sum);
    if (type == 0x22) {
      const auto records = Number("igmp.num_grp_recs", "Num Group Records", at + 6, 2, Base::Decimal);
      std::string text = "Membership Report";
      GroupRecords<4>(at + 8, end, records, text);
      Summary(text);
      Info("IGMPv3", text);
      return;
    }
    Number("igmp.max_resp", "Max Resp Time", at + 1, 1, Base::Decimal);
    const std::string group = Ipv4("igmp.maddr", "Multicast Address", at + 4);
    const std::string text = fmt::format("{} {}", NameOf(kIgmpTypes, type), group);
    Summary(text);
    Info("IGMPv2", text);
  }

  /// The groups of an IGMPv3 or MLDv2 report.
  template <uint32_t kAddressBytes>
  void GroupRecords(uint32_t at, uint32_t end, uint64_t count, std::string& text) {
    constexpr bool kIsV6 = kAddressBytes == 16;
    end = std::min(end, static_cast<uint32_t>(m_bytes.size()));  // the capture may have less than the packet
    for (uint64_t i = 0; i < std::min<uint64_t>(count, kMaxOptions); ++i) {
      if (at + 4 + kAddressBytes > end) return;
      const std::string group = kIsV6 ? wire::GetIpv6(At(at + 4)).ToString() : wire::GetIpv4(At(at + 4)).ToString();
      const uint8_t type = m_bytes[at];
      const uint32_t sources = wire::Get16(At(at + 2));
      const uint32_t length = 4 + kAddressBytes + sources * kAddressBytes + m_bytes[at + 1] * 4u;
      Put(kIsV6 ? "icmpv6.mldr.mar" : "igmp.record", at, std::min(length, end - at), "",
          fmt::format("{}: {}", NameOf(kGroupRecords, type), group));
      const Nested nested(*this);
      Number(kIsV6 ? "icmpv6.mldr.mar.record_type" : "igmp.record_type", "Record Type", at, 1, Base::Decimal,
             NameOf(kGroupRecords, type));
      Number(kIsV6 ? "icmpv6.mldr.mar.aux_data_len" : "igmp.aux_data_len", "Aux Data Len", at + 1, 1, Base::Decimal);
      Number(kIsV6 ? "icmpv6.mldr.mar.nb_sources" : "igmp.num_src", "Number of Sources", at + 2, 2, Base::Decimal);
      if constexpr (kIsV6)
        Ipv6("icmpv6.mldr.mar.multicast_address", "Multicast Address", at + 4);
      else
        Ipv4("igmp.maddr", "Multicast Address", at + 4);
      text += fmt::format("{} {} {}", i == 0 ? ":" : ",", NameOf(kGroupRecords, type), group);
      at += length;
    }
  }

  void Icmpv6(uint32_t at, uint32_t end) {
    if (!Need(at, 8, end, "ICMPv6") || !Begin(Protocol::Icmpv6, "ICMPv6", "icmpv6", at, 8)) return;
    const uint8_t type = m_bytes[at], code = m_bytes[at + 1];
    const std::string_view name = NameOf(kIcmpv6Types, type);
    Number("icmpv6.type", "Type", at, 1, Base::Decimal, name);
    const std::string_view codeName = type == 1   ? NameOf(kUnreachableCodes6, code)
                                      : type == 3 ? NameOf(kTimeExceededCodes6, code)
                                                  : std::string_view();
    Number("icmpv6.code", "Code", at + 1, 1, Base::Decimal, codeName);
    bool isKnown = false;
    const uint64_t sum = UpperSum(at, end, true, isKnown);
    Checksum("icmpv6.checksum", "icmpv6.checksum.status", "Checksum", at + 2, isKnown, sum);
    std::string text(name);
    Layer& layer = m_out.layers.back();
    if (type == 128 || type == 129) {
      const auto id = Number("icmpv6.echo.identifier", "Identifier", at + 4, 2, Base::Hex4);
      const auto seq = Number("icmpv6.echo.sequence_number", "Sequence", at + 6, 2, Base::Decimal);
      Summary(fmt::format("{}, id 0x{:04x}, seq {}", name, id, seq));
      Info("ICMPv6", fmt::format("{} id=0x{:04x}, seq={}, hop limit={}", name, id, seq, m_hopLimit));
      return Data(at + 8, end);
    }
    if (type >= 1 && type <= 4) {
      if (type == 2) text += fmt::format(" (MTU {})", Number("icmpv6.mtu", "MTU", at + 4, 4, Base::Decimal));
      if (!codeName.empty()) text += fmt::format(" ({})", codeName);
      Summary(text);
      Info("ICMPv6", text);
      return Quoted(at + 8, end);
    }
    if (type == 135 || type == 136) {
      if (!Need(at, wire::NeighbourMessage::kBytes, end, "Neighbor Discovery")) return;
      const bool isAdvertisement = type == 136;
      std::string flags;
      if (isAdvertisement) {
        Put("icmpv6.nd.na.flag", at + 4, 4, Written(wire::Get32(At(at + 4)), Base::Hex8),
            fmt::format("Flags: 0x{:08x}", wire::Get32(At(at + 4))));
        const Nested nested(*this);
        const auto flag = [&](std::string_view field, std::string_view title, uint8_t bit, std::string_view word) {
          if (!Bits(field, title, at + 4, 4, bit, 1)) return;
          flags += fmt::format("{}{}", flags.empty() ? "" : ", ", word);
        };
        flag("icmpv6.nd.na.flag.r", "Router", 0, "rtr");
        flag("icmpv6.nd.na.flag.s", "Solicited", 1, "sol");
        flag("icmpv6.nd.na.flag.o", "Override", 2, "ovr");
      }
      const std::string target = Ipv6(isAdvertisement ? "icmpv6.nd.na.target_address" : "icmpv6.nd.ns.target_address",
                                      "Target Address", at + 8);
      std::string mac;
      NdOptions(at + wire::NeighbourMessage::kBytes, end, mac);
      layer.length = end - at;
      if (isAdvertisement)
        text = fmt::format("{} {} ({}){}", name, target, flags, mac.empty() ? "" : " is at " + mac);
      else
        text = fmt::format("{} for {}{}", name, target, mac.empty() ? "" : " from " + mac);
    } else if (type == 133) {
      std::string mac;
      NdOptions(at + 8, end, mac);
      layer.length = end - at;
      if (!mac.empty()) text += " from " + mac;
    } else if (type == 143) {
      const auto records =
          Number("icmpv6.mldr.nb_mcast_records", "Number of Multicast Address Records", at + 6, 2, Base::Decimal);
      std::string groups;
      GroupRecords<16>(at + 8, end, records, groups);
      layer.length = end - at;
    } else {
      Summary(text);
      Info("ICMPv6", text);
      return Data(at + 8, end);
    }
    Summary(text);
    Info("ICMPv6", text);
  }

  void NdOptions(uint32_t at, uint32_t end, std::string& mac) {
    for (size_t i = 0; i < kMaxOptions && at + 8 <= std::min<uint64_t>(end, m_bytes.size()); ++i) {
      const uint8_t type = m_bytes[at];
      const uint32_t length = m_bytes[at + 1] * 8u;
      Put("icmpv6.opt", at, std::min(std::max(length, 8u), end - at), "",
          fmt::format("ICMPv6 Option ({})", NameOf(kNdOptions, type)))
          .isSuspicious = length == 0;
      const Nested nested(*this);
      Number("icmpv6.opt.type", "Type", at, 1, Base::Decimal, NameOf(kNdOptions, type));
      Number("icmpv6.opt.length", "Length", at + 1, 1, Base::Decimal);
      if ((type == 1 || type == 2) && length == 8) mac = Mac("icmpv6.opt.linkaddr", "Link-layer address", at + 2);
      if (length == 0) return;
      at += length;
    }
  }

  // ---------------------------------------------------------------------------------------------- transport layer

  void Udp(uint32_t at, uint32_t end) {
    if (!Need(at, wire::kUdpHeaderBytes, end, "UDP") || !Begin(Protocol::Udp, "UDP", "udp", at, wire::kUdpHeaderBytes))
      return;
    const auto from = static_cast<uint16_t>(Number("udp.srcport", "Source Port", at, 2, Base::Decimal));
    const auto to = static_cast<uint16_t>(Number("udp.dstport", "Destination Port", at + 2, 2, Base::Decimal));
    const auto length = static_cast<uint32_t>(Number("udp.length", "Length", at + 4, 2, Base::Decimal));
    const bool isLengthGood = length >= wire::kUdpHeaderBytes && (m_isQuoted || m_isFragment || length <= end - at);
    m_out.layers.back().fields.back().isSuspicious = !isLengthGood;
    const uint32_t dataEnd = isLengthGood ? std::min(end, at + length) : end;
    bool isKnown = false;
    const uint64_t sum = UpperSum(at, dataEnd, true, isKnown);
    Checksum("udp.checksum", "udp.checksum.status", "Checksum", at + 6, isKnown && isLengthGood, sum, true);
    const uint32_t bytes = isLengthGood ? length - wire::kUdpHeaderBytes : end - at - wire::kUdpHeaderBytes;
    Summary(fmt::format("{} → {}, {} bytes", from, to, bytes));
    Info("UDP", fmt::format("{} → {} Len={}", from, to, bytes));
    const uint32_t next = at + wire::kUdpHeaderBytes;
    if (next >= dataEnd) return;
    if (std::find(m_vxlanPorts.begin(), m_vxlanPorts.end(), to) != m_vxlanPorts.end()) return Vxlan(next, dataEnd);
    if (to == kGenevePort) return Geneve(next, dataEnd);
    if (to == wire::kNatTraversalPort && bytes > kEspHeaderBytes && next + 4 <= m_bytes.size() &&
        wire::Get32(At(next)) != 0)
      return Esp(next, dataEnd);
    if (LooksLikeWireguard(next, dataEnd)) return Wireguard(next, dataEnd);
    Data(next, dataEnd);
  }

  void Tcp(uint32_t at, uint32_t end) {
    if (m_isQuoted && end - at >= 8 && end - at < 20) {  // an ICMP error quotes 8 bytes at least
      if (!Need(at, 8, end, "TCP") || !Begin(Protocol::Tcp, "TCP", "tcp", at, 8)) return;
      const auto from = Number("tcp.srcport", "Source Port", at, 2, Base::Decimal);
      const auto to = Number("tcp.dstport", "Destination Port", at + 2, 2, Base::Decimal);
      Number("tcp.seq_raw", "Sequence Number (raw)", at + 4, 4, Base::Decimal);
      return Summary(fmt::format("{} → {}", from, to));
    }
    if (!Need(at, 20, end, "TCP")) return;
    const uint32_t header = (m_bytes[at + 12] >> 4) * 4u;
    if (!Begin(Protocol::Tcp, "TCP", "tcp", at, std::max(header, 20u))) return;
    const auto from = Number("tcp.srcport", "Source Port", at, 2, Base::Decimal);
    const auto to = Number("tcp.dstport", "Destination Port", at + 2, 2, Base::Decimal);
    const uint32_t bytes = end - at > header ? end - at - header : 0;
    Put("tcp.len", at + 12, 1, fmt::format("{}", bytes), fmt::format("TCP Segment Len: {}", bytes));
    const auto seq = Number("tcp.seq_raw", "Sequence Number (raw)", at + 4, 4, Base::Decimal);
    const auto ack = Number("tcp.ack_raw", "Acknowledgment number (raw)", at + 8, 4, Base::Decimal);
    Field& length =
        Put("tcp.hdr_len", at + 12, 1, fmt::format("{}", header), fmt::format("Header Length: {} bytes", header));
    length.bits = 4;
    length.isSuspicious = header < 20 || header > end - at;
    std::string flags;
    Bits("tcp.flags", "Flags", at + 12, 2, 4, 12, Base::Hex4);
    {
      const Nested nested(*this);
      Bits("tcp.flags.res", "Reserved", at + 12, 1, 4, 3);
      const auto flag = [&](std::string_view field, std::string_view title, uint32_t byte, uint8_t bit,
                            std::string_view word) {
        if (!Bits(field, title, at + byte, 1, bit, 1)) return;
        flags += fmt::format("{}{}", flags.empty() ? "" : ", ", word);
      };
      flag("tcp.flags.ae", "Accurate ECN", 12, 7, "AE");
      // The column names them in the order of their bits, from the least significant on.
      std::string high = std::move(flags);
      flags.clear();
      for (const auto& [field, title, bit, word] :
           {std::tuple{"tcp.flags.cwr", "Congestion Window Reduced (CWR)", 0, "CWR"},
            std::tuple{"tcp.flags.ece", "ECN-Echo", 1, "ECN"}, std::tuple{"tcp.flags.urg", "Urgent", 2, "URG"},
            std::tuple{"tcp.flags.ack", "Acknowledgment", 3, "ACK"}, std::tuple{"tcp.flags.push", "Push", 4, "PSH"},
            std::tuple{"tcp.flags.reset", "Reset", 5, "RST"}, std::tuple{"tcp.flags.syn", "Syn", 6, "SYN"},
            std::tuple{"tcp.flags.fin", "Fin", 7, "FIN"}})
        if (Bits(field, title, at + 13, 1, static_cast<uint8_t>(bit), 1))
          flags = flags.empty() ? std::string(word) : fmt::format("{}, {}", word, flags);
      if (!high.empty()) flags += (flags.empty() ? "" : ", ") + high;
    }
    const auto window = Number("tcp.window_size_value", "Window", at + 14, 2, Base::Decimal);
    bool isKnown = false;
    const uint64_t sum = UpperSum(at, end, true, isKnown);
    Checksum("tcp.checksum", "tcp.checksum.status", "Checksum", at + 16, isKnown, sum);
    Number("tcp.urgent_pointer", "Urgent Pointer", at + 18, 2, Base::Decimal);
    std::string options;
    if (header > 20 && at + header <= std::min<uint64_t>(end, m_bytes.size()))
      TcpOptions(at + 20, at + header, options);
    const std::string acknowledged = flags.find("ACK") == std::string::npos ? "" : fmt::format(" Ack={}", ack);
    Summary(fmt::format("{} → {} [{}], {} bytes", from, to, flags, bytes));
    Info("TCP", fmt::format("{} → {} [{}] Seq={}{} Win={} Len={}{}", from, to, flags, seq, acknowledged, window, bytes,
                            options));
    if (header >= 20) Data(at + header, end);
  }

  void TcpOptions(uint32_t at, uint32_t end, std::string& text) {
    for (size_t i = 0; i < kMaxOptions && at < end; ++i) {
      const uint8_t kind = m_bytes[at];
      const uint32_t length = kind <= 1 ? 1 : at + 1 < end ? m_bytes[at + 1] : 0;
      if (length == 0 || length > end - at || (kind > 1 && length < 2)) {
        Put("tcp.option_kind", at, end - at, fmt::format("{}", kind), "TCP Option: malformed").isSuspicious = true;
        return;
      }
      Put("tcp.option_kind", at, length, fmt::format("{}", kind),
          fmt::format("TCP Option - {}", NameOf(kTcpOptionKinds, kind)));
      const Nested nested(*this);
      if (kind > 1) Number("tcp.option_len", "Length", at + 1, 1, Base::Decimal);
      if (kind == 2 && length == 4)
        text += fmt::format(" MSS={}", Number("tcp.options.mss_val", "MSS Value", at + 2, 2, Base::Decimal));
      if (kind == 3 && length == 3) {
        const auto shift = Number("tcp.options.wscale.shift", "Shift count", at + 2, 1, Base::Decimal);
        text += fmt::format(" WS={}", uint64_t{1} << std::min<uint64_t>(shift, 14));
      }
      if (kind == 4) text += " SACK_PERM";
      if (kind == 5)
        for (uint32_t block = at + 2; block + 8 <= at + length; block += 8) {
          const auto left = Number("tcp.options.sack_le", "left edge", block, 4, Base::Decimal);
          const auto right = Number("tcp.options.sack_re", "right edge", block + 4, 4, Base::Decimal);
          text += fmt::format(" SLE={} SRE={}", left, right);
        }
      if (kind == 8 && length == 10) {
        const auto value = Number("tcp.options.timestamp.tsval", "Timestamp value", at + 2, 4, Base::Decimal);
        const auto echo = Number("tcp.options.timestamp.tsecr", "Timestamp echo reply", at + 6, 4, Base::Decimal);
        text += fmt::format(" TSval={} TSecr={}", value, echo);
      }
      at += length;
    }
  }

  // ---------------------------------------------------------------------------------------------- tunnels

  void Vxlan(uint32_t at, uint32_t end) {
    if (!Need(at, wire::kVxlanHeaderBytes, end, "VXLAN") ||
        !Begin(Protocol::Vxlan, "VXLAN", "vxlan", at, wire::kVxlanHeaderBytes))
      return;
    const uint16_t flags = wire::Get16(At(at));
    Put("vxlan.flags", at, 2, Written(flags, Base::Hex4), fmt::format("Flags: 0x{:04x}", flags));
    {
      const Nested nested(*this);
      Bits("vxlan.flag_g", "GBP Extension", at, 2, 0, 1);
      if (!Bits("vxlan.flag_i", "VXLAN Network ID (VNI)", at, 2, 4, 1))
        m_out.layers.back().fields.back().isSuspicious = true;
      Bits("vxlan.flag_d", "Don't Learn", at, 2, 9, 1);
      Bits("vxlan.flag_a", "Policy Applied", at, 2, 12, 1);
      constexpr uint16_t kReserved = 0x77b7;  // all but G, I, D and A
      const auto reserved = static_cast<uint16_t>(flags & kReserved);
      Put("vxlan.flags_reserved", at, 2, Written(reserved, Base::Hex4), fmt::format("Reserved(R): 0x{:04x}", reserved))
          .isSuspicious = reserved != 0;
    }
    Number("vxlan.gbp", "Group Policy ID", at + 2, 2, Base::Decimal);
    const auto vni = Number("vxlan.vni", "VXLAN Network Identifier (VNI)", at + 4, 3, Base::Decimal);
    if (Number("vxlan.reserved8", "Reserved", at + 7, 1, Base::Decimal))
      m_out.layers.back().fields.back().isSuspicious = true;
    Summary(fmt::format("VNI {}", vni));
    Info("VXLAN", fmt::format("VNI {}", vni));
    Inner(at + wire::kVxlanHeaderBytes, end, true);
  }

  void Geneve(uint32_t at, uint32_t end) {
    if (!Need(at, wire::Geneve::kBytes, end, "Geneve")) return;
    const uint32_t options = (m_bytes[at] & 0x3fu) * 4;
    if (!Begin(Protocol::Geneve, "Geneve", "geneve", at, wire::Geneve::kBytes + options)) return;
    if (Bits("geneve.version", "Version", at, 1, 0, 2)) m_out.layers.back().fields.back().isSuspicious = true;
    Field& length =
        Put("geneve.option.length", at, 1, fmt::format("{}", options), fmt::format("Length: {} bytes", options));
    length.firstBit = 2;
    length.bits = 6;
    Number("geneve.flags", "Flags", at + 1, 1, Base::Hex2);
    {
      const Nested nested(*this);
      Bits("geneve.flags.oam", "Operations, Administration and Management Frame", at + 1, 1, 0, 1);
      Bits("geneve.flags.critical", "Critical Options Present", at + 1, 1, 1, 1);
      Bits("geneve.flags.reserved", "Reserved", at + 1, 1, 2, 6);
    }
    const uint16_t protocol = wire::Get16(At(at + 2));
    Number(
        "geneve.proto_type", "Protocol Type", at + 2, 2, Base::Hex4,
        protocol == wire::Geneve::kProtocolEthernet ? "Transparent Ethernet bridging" : NameOf(kEtherTypes, protocol));
    const uint32_t vni = Get24(At(at + 4));
    Put("geneve.vni", at + 4, 3, Written(vni, Base::Hex6),
        fmt::format("Virtual Network Identifier (VNI): 0x{:06x} ({})", vni, vni));
    Summary(fmt::format("VNI {}", vni));
    Info("Geneve", fmt::format("VNI {}", vni));
    const uint32_t header = wire::Geneve::kBytes + options;
    if (!Need(at, header, end, "Geneve options")) return;
    GeneveOptions(at + wire::Geneve::kBytes, at + header);
    if (protocol == wire::Geneve::kProtocolEthernet)
      Inner(at + header, end, true);
    else if (protocol == wire::kEtherTypeIpv4 || protocol == wire::kEtherTypeIpv6)
      Inner(at + header, end, false);
    else
      Data(at + header, end);
  }

  void GeneveOptions(uint32_t at, uint32_t end) {
    for (size_t i = 0; i < kMaxOptions && at + 4 <= end; ++i) {
      const uint32_t length = 4 + (m_bytes[at + 3] & 0x1fu) * 4;
      Put("geneve.option", at, std::min(length, end - at), "", fmt::format("Option, {} bytes", length)).isSuspicious =
          length > end - at;
      if (length > end - at) return;
      const Nested nested(*this);
      Number("geneve.option.class", "Class", at, 2, Base::Hex4);
      Number("geneve.option.type", "Type", at + 2, 1, Base::Hex2);
      if (length > 4) Raw("geneve.option.unknown.data", "Data", at + 4, length - 4);
      at += length;
    }
  }

  void Inner(uint32_t at, uint32_t end, bool isEthernet) {
    if (!m_isQuoted) ++m_tunnelDepth;
    if (at >= end) return;
    if (isEthernet)
      Ethernet(at, end);
    else
      Ip(at, end);
  }

  /// Where the IV ends stands nowhere in the packet.
  void Esp(uint32_t at, uint32_t end) {
    if (!Need(at, kEspHeaderBytes, end, "ESP") || !Begin(Protocol::Esp, "ESP", "esp", at, kEspHeaderBytes)) return;
    const auto spi = static_cast<uint32_t>(Number("esp.spi", "SPI", at, 4, Base::Hex8));
    const auto sequence = Number("esp.sequence", "Sequence Number", at + 4, 4, Base::Decimal);
    const std::string text = fmt::format("SPI=0x{:08x}, sequence={}", spi, sequence);
    Summary(text);
    Info("ESP", text);
    Data(at + kEspHeaderBytes, end, "encrypted");
  }

  /// As Wireshark's heuristic: a known type, three zero bytes, and the length that this type has.
  bool LooksLikeWireguard(uint32_t at, uint32_t end) const {
    if (at + 4 > m_bytes.size() || Get24(At(at + 1)) != 0) return false;
    const uint32_t size = end - at;
    switch (m_bytes[at]) {
      case 1:
        return size == 148;
      case 2:
        return size == 92;
      case 3:
        return size == 64;
      case 4:
        return size >= 32 && size % 16 == 0;
      default:
        return false;
    }
  }

  void Wireguard(uint32_t at, uint32_t end) {
    const uint8_t type = m_bytes[at];
    const uint32_t fixed = type == 4 ? 16 : end - at;
    if (!Begin(Protocol::WireGuard, "WireGuard", "wg", at, fixed)) return;
    Number("wg.type", "Type", at, 1, Base::Decimal, NameOf(kWgTypes, type));
    Raw("wg.reserved", "Reserved", at + 1, 3);
    std::string text(NameOf(kWgTypes, type));
    const auto index = [&](std::string_view name, std::string_view title, std::string_view word, uint32_t offset) {
      if (offset + 4 > m_bytes.size()) return;
      const uint32_t value = GetLe32(At(offset));
      Put(name, offset, 4, Written(value, Base::Hex8), fmt::format("{}: 0x{:08x}", title, value));
      text += fmt::format(", {}=0x{:08X}", word, value);
    };
    if (type == 1 || type == 2) index("wg.sender", "Sender", "sender", at + 4);
    if (type != 1) index("wg.receiver", "Receiver", "receiver", type == 2 ? at + 8 : at + 4);
    if (type == 4 && at + 16 <= m_bytes.size()) {
      const uint64_t counter = GetLe64(At(at + 8));
      Put("wg.counter", at + 8, 8, fmt::format("{}", counter), fmt::format("Counter: {}", counter));
      text += fmt::format(", counter={}, datalen={}", counter, end - at - 32);
    }
    Summary(text);
    Info("WireGuard", text);
    if (type == 4) Data(at + 16, end, "encrypted");
  }

  void Data(uint32_t at, uint32_t end, std::string_view what = "") {
    if (at >= end) return;
    if (at >= m_bytes.size()) return NotRecorded(at, end);
    if (!Begin(Protocol::Data, "Data", "data", at, end - at)) return;
    const uint32_t known = std::min<uint32_t>(end, static_cast<uint32_t>(m_bytes.size())) - at;
    Raw("data.data", "Data", at, known);
    Put("data.len", at, known, fmt::format("{}", end - at), fmt::format("Length: {}", end - at));
    std::string text = fmt::format("{} bytes{}{}", end - at, what.empty() ? "" : ", ", what);
    if (known < end - at) text += fmt::format(", {} of them not recorded", end - at - known);
    Summary(std::move(text));
  }

  std::span<const uint8_t> m_bytes;
  std::span<const uint16_t> m_vxlanPorts;
  Dissection& m_out;
  uint32_t m_end;
  uint8_t m_tunnelDepth = 0;
  bool m_isQuoted = false;
  bool m_isFragment = false;  ///< the first one: what it carries goes on in others
  uint8_t m_depth = 0;        ///< of the fields being made
  uint8_t m_hopLimit = 0;     ///< of the last IP header
  uint64_t m_pseudo = 0;      ///< sum of its pseudo header without the length
};

}  // namespace

const Field* Dissection::Find(std::string_view field) const {
  for (const Layer& layer : layers)
    for (const Field& f : layer.fields)
      if (f.name == field) return &f;
  return nullptr;
}

Dissection Dissect(std::span<const uint8_t> bytes, LinkLayer first, uint32_t wireBytes,
                   std::span<const uint16_t> vxlanPorts) {
  Dissection dissection;
  if (bytes.empty()) {
    dissection.info = "not recorded";
    return dissection;
  }
  Parser(bytes, wireBytes, vxlanPorts, dissection).Parse(first);
  return dissection;
}

}  // namespace overlaysim::replay
