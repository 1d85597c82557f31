#include "sim/verify/masked_frame.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "models/wire/checksum.h"
#include "models/wire/headers.h"

namespace overlaysim::verify {
namespace {

constexpr uint8_t kIgmp = 2, kIcmp6 = 58, kHopByHop = 0, kFragmentHeader = 44;
constexpr uint32_t kIpv6HeaderBytes = 40, kIpv6FragmentBytes = 8;
constexpr size_t kPingTimeBytes = 16;
constexpr size_t kShownBytes = 24;
enum DrawnKind : uint32_t { kDrawnPort = 1u << 16, kDrawnEchoId = 2u << 16 };

/// Addresses of the IP packet that is being read, for checksums and the conversation.
struct IpEnds {
  std::string source, destination;
  uint64_t pseudoSum = 0;  ///< of the addresses
};

class Decoder {
 public:
  Decoder(const std::vector<uint8_t>& frame, const FrameKnowledge& knowledge)
      : m_frame(frame), m_masked(frame.size()), m_knowledge(knowledge) {}

  MaskedFrame Decode() {
    m_out.bytes = m_frame.size();
    ReadEthernet(0, m_frame.size());
    for (const FrameField& field : m_out.fields)
      if (field.value == "ok" || field.value == "bad" || field.value == "zero" || field.value == "part")
        m_out.key += field.value + " ";
    m_out.key += Hex(0, m_frame.size());
    return std::move(m_out);
  }

 private:
  const uint8_t* At(size_t offset) const { return m_frame.data() + offset; }
  uint16_t U16(size_t offset) const { return wire::Get16(At(offset)); }
  uint32_t U32(size_t offset) const { return wire::Get32(At(offset)); }
  void Mask(size_t offset, size_t count) {
    for (size_t i = offset; i < std::min(offset + count, m_masked.size()); ++i) m_masked[i] = true;
  }
  bool AnyMasked(size_t begin, size_t end) const {
    return std::find(m_masked.begin() + static_cast<std::ptrdiff_t>(begin),
                     m_masked.begin() + static_cast<std::ptrdiff_t>(end),
                     true) != m_masked.begin() + static_cast<std::ptrdiff_t>(end);
  }
  void Add(const char* layer, const char* name, std::string value) {
    m_out.fields.push_back({layer, name, std::move(value)});
  }
  void Add(const char* layer, const char* name, uint64_t value) { Add(layer, name, fmt::format("{}", value)); }

  std::string Hex(size_t begin, size_t end) const {
    std::string out;
    for (size_t i = begin; i < end; ++i) out += m_masked[i] ? ".." : fmt::format("{:02x}", m_frame[i]);
    return out;
  }

  void Converse(std::string a, std::string b, const std::string& what) {
    if (b < a) std::swap(a, b);
    m_out.conversation = fmt::format("{} {} {}", what, a, b);
  }

  void Talk(const IpEnds& ends) {
    m_out.talkers = std::min(ends.source, ends.destination) + " " + std::max(ends.source, ends.destination);
  }

  /// Whether the IPv4 packet's identification is drawn. Packets that may not be fragmented are counted by their socket
  /// or bear 0 (ip_select_ident_segs()), all others are counted by addresses and protocol.
  bool IsIdentDrawn(size_t at, size_t header, size_t end, uint16_t fragment) {
    const bool isCountedBySocket = fragment & wire::kIpDf;
    std::string counter(At(at + 12), At(at + 20));
    counter += static_cast<char>(m_frame[at + 9]);
    if (isCountedBySocket) {
      const bool isIcmp = m_frame[at + 9] == wire::kIpProtoIcmp;  // told apart by type, all others by ports
      const size_t told = std::min(end, at + header + (isIcmp ? 1 : 4));
      counter.append(At(at + header), At(told));
    }
    const bool isZero = U16(at + 4) == 0;
    const bool isDrawn = !isZero || m_knowledge.identCounters.contains(counter);
    m_out.hasZeroIdent |= !isDrawn;
    if (!isZero) m_out.identCounters.push_back(std::move(counter));
    return isDrawn;
  }

  void ReadData(size_t at, size_t end) {
    if (at >= end) return;
    const size_t shown = std::min(end, at + kShownBytes);
    Add("data", "bytes", end - at);
    Add("data", "hex", Hex(at, shown) + (shown < end ? "..." : ""));
  }

  void ReadEthernet(size_t at, size_t end) {
    if (end - at < wire::kEthernetHeaderBytes) return ReadData(at, end);
    const MacAddress to = wire::GetMac(At(at)), from = wire::GetMac(At(at + 6));
    const uint16_t type = U16(at + 12);
    Add("eth", "dst", to.ToString());
    Add("eth", "src", from.ToString());
    Add("eth", "type", fmt::format("{:#06x}", type));
    Converse(from.ToString(), to.ToString(), fmt::format("{:#06x}", type));
    at += wire::kEthernetHeaderBytes;
    if (type == wire::kEtherTypeArp) return ReadArp(at, end);
    if (type == wire::kEtherTypeIpv4) return ReadIpv4(at, end, false);
    if (type == wire::kEtherTypeIpv6) return ReadIpv6(at, end, false);
    ReadData(at, end);
  }

  void ReadArp(size_t at, size_t end) {
    if (end - at < wire::kArpBytes) return ReadData(at, end);
    const std::string sender = wire::GetIpv4(At(at + 14)).ToString(), target = wire::GetIpv4(At(at + 24)).ToString();
    Add("arp", "op", U16(at + 6));
    Add("arp", "sender", fmt::format("{} {}", sender, wire::GetMac(At(at + 8)).ToString()));
    Add("arp", "target", fmt::format("{} {}", target, wire::GetMac(At(at + 18)).ToString()));
    Converse(sender, target, "arp");
    m_out.isArp = true;
    ReadData(at + wire::kArpBytes, end);
  }

  void ReadIpv4(size_t at, size_t end, bool quoted) {
    if (end - at < wire::kIpv4HeaderBytes || m_frame[at] >> 4 != 4) return ReadData(at, end);
    const size_t header = (m_frame[at] & 15u) * 4u;
    if (header < wire::kIpv4HeaderBytes || at + header > end) return ReadData(at, end);
    const uint16_t total = U16(at + 2), fragment = U16(at + 6);
    const bool isRight = wire::Checksum(At(at), header) == 0;
    const bool isIdentDrawn = IsIdentDrawn(at, header, end, fragment);
    if (isIdentDrawn) {
      Mask(at + 4, 2);
      Mask(at + 10, 2);
    }
    const Ipv4Address source = wire::GetIpv4(At(at + 12)), destination = wire::GetIpv4(At(at + 16));
    const uint32_t offset = (fragment & wire::kIpOffsetMask) * 8u;
    const bool isPart = offset != 0 || (fragment & wire::kIpMf);
    Add("ipv4", "src", source.ToString());
    Add("ipv4", "dst", destination.ToString());
    Add("ipv4", "proto", m_frame[at + 9]);
    Add("ipv4", "ttl", m_frame[at + 8]);
    Add("ipv4", "tos", fmt::format("{:#04x}", m_frame[at + 1]));
    Add("ipv4", "len", total);
    Add("ipv4", "id", isIdentDrawn ? "*" : "0");
    Add("ipv4", "flags", fmt::format("{}{}", fragment & wire::kIpDf ? "DF" : "-", fragment & wire::kIpMf ? " MF" : ""));
    Add("ipv4", "offset", offset);
    if (header > wire::kIpv4HeaderBytes) Add("ipv4", "options", Hex(at + wire::kIpv4HeaderBytes, at + header));
    Add("ipv4", "checksum", isRight ? "ok" : "bad");
    const size_t packetEnd = std::min(end, at + std::max<size_t>(total, header));
    IpEnds ends{source.ToString(), destination.ToString(), wire::PseudoHeaderSum(source, destination, 0, 0)};
    Converse(ends.source, ends.destination, "ip");
    if (!quoted) Talk(ends);
    m_out.isTimer |= m_frame[at + 9] == kIgmp;
    if (offset != 0)
      ReadData(at + header, packetEnd);
    else
      ReadTransport(m_frame[at + 9], at + header, packetEnd, ends, !isPart && packetEnd == at + total, quoted);
    if (packetEnd < end) Add("ipv4", "trailer", Hex(packetEnd, end));
  }

  void ReadIpv6(size_t at, size_t end, bool quoted) {
    if (end - at < kIpv6HeaderBytes || m_frame[at] >> 4 != 6) return ReadData(at, end);
    const uint32_t word = U32(at);
    const uint16_t length = U16(at + 4);
    uint8_t next = m_frame[at + 6];
    if (word & 0xfffff) {  // the label's upper four bits share a byte with the traffic class, which is a field
      Add("ipv6", "class", fmt::format("{:#04x}", word >> 20 & 0xff));
      Mask(at + 1, 3);
      m_out.key += fmt::format("class{:x} ", word >> 20 & 0xff);
    }
    IpEnds ends{Ipv6Text(at + 8), Ipv6Text(at + 24), wire::ChecksumAdd(At(at + 8), 32)};
    Add("ipv6", "src", ends.source);
    Add("ipv6", "dst", ends.destination);
    Add("ipv6", "next", next);
    Add("ipv6", "hops", m_frame[at + 7]);
    Add("ipv6", "len", length);
    Add("ipv6", "label", word & 0xfffff ? "*" : "0");
    Converse(ends.source, ends.destination, "ip6");
    if (!quoted) Talk(ends);
    size_t p = at + kIpv6HeaderBytes;
    const size_t packetEnd = std::min(end, p + length);
    bool isWhole = packetEnd == p + length;
    if (next == kHopByHop && packetEnd - p >= 8) {
      next = m_frame[p];
      p = std::min(packetEnd, p + (m_frame[p + 1] + 1u) * 8u);
    }
    if (next == kFragmentHeader && packetEnd - p >= kIpv6FragmentBytes) {
      const uint16_t field = U16(p + 2);
      Mask(p + 4, 4);
      next = m_frame[p];
      Add("frag6", "offset", field & 0xfff8u);
      Add("frag6", "more", field & 1u);
      isWhole = false;
      p += kIpv6FragmentBytes;
      if (field & 0xfff8u) return ReadData(p, packetEnd);
    }
    ReadTransport(next, p, packetEnd, ends, isWhole, quoted);
    if (packetEnd < end) Add("ipv6", "trailer", Hex(packetEnd, end));
  }

  std::string Ipv6Text(size_t at) const {
    Ipv6Address address;
    std::copy_n(At(at), address.bytes.size(), address.bytes.begin());
    return address.ToString();
  }

  void ReadTransport(uint8_t protocol, size_t at, size_t end, const IpEnds& ends, bool isWhole, bool quoted) {
    const bool isThere = end - at >= wire::kUdpHeaderBytes;  // a quotation may stop after so much
    if (protocol == wire::kIpProtoUdp && isThere) return ReadUdp(at, end, ends, isWhole && !quoted);
    if (protocol == wire::kIpProtoTcp && isThere) return ReadTcp(at, end, ends, quoted);
    if (protocol == wire::kIpProtoIcmp && isThere) return ReadIcmp(at, end, ends, isWhole && !quoted, false);
    if (protocol == kIcmp6 && isThere) return ReadIcmp(at, end, ends, isWhole && !quoted, true);
    ReadData(at, end);
  }

  /// Whether the checksum is right; masks it where it covers what is masked.
  std::string CheckSum(size_t at, size_t begin, size_t end, uint64_t pseudo, bool isWhole, bool mayBeZero) {
    const uint16_t value = U16(at);
    std::string state = "part";
    if (value == 0 && mayBeZero)
      state = "zero";
    else if (isWhole)
      state = wire::ChecksumFold(wire::ChecksumAdd(At(begin), end - begin, pseudo)) == 0 ? "ok" : "bad";
    if (value != 0 && AnyMasked(begin, end)) Mask(at, 2);
    return state;
  }

  void ReadUdp(size_t at, size_t end, const IpEnds& ends, bool isWhole) {
    const uint16_t from = U16(at), to = U16(at + 2), length = U16(at + 4);
    const bool isVxlan = m_knowledge.vxlanPorts.contains(to);
    if (isVxlan) {
      Mask(at, 2);
      m_out.drawn.push_back(kDrawnPort | from);
    }
    Add("udp", "sport", isVxlan ? "*" : fmt::format("{}", from));
    Add("udp", "dport", to);
    Add("udp", "len", length);
    const size_t sum = m_out.fields.size();
    Add("udp", "checksum", "");
    const size_t dataEnd = std::min(end, at + std::max<size_t>(length, wire::kUdpHeaderBytes));
    Converse(fmt::format("{}:{}", ends.source, isVxlan ? 0 : from), fmt::format("{}:{}", ends.destination, to), "udp");
    const size_t data = at + wire::kUdpHeaderBytes;
    if (isVxlan && dataEnd - data >= wire::kVxlanHeaderBytes) {
      Add("vxlan", "flags", fmt::format("{:#010x}", U32(data)));
      Add("vxlan", "vni", U32(data + 4) >> 8);
      if (m_frame[data + 7] != 0) Add("vxlan", "reserved", m_frame[data + 7]);
      ReadEthernet(data + wire::kVxlanHeaderBytes, dataEnd);
    } else {
      ReadData(data, dataEnd);
    }
    m_out.fields[sum].value = CheckSum(at + 6, at, dataEnd, ends.pseudoSum + wire::kIpProtoUdp + length,
                                       isWhole && dataEnd == at + length, true);
  }

  void ReadTcp(size_t at, size_t end, const IpEnds& ends, bool quoted) {
    (quoted ? m_quotesTcp : m_out.isTcp) = true;
    Add("tcp", "sport", U16(at));
    Add("tcp", "dport", U16(at + 2));
    if (end - at >= wire::kTcpHeaderBytes) Add("tcp", "flags", fmt::format("{:#04x}", m_frame[at + 13]));
    Converse(fmt::format("{}:{}", ends.source, U16(at)), fmt::format("{}:{}", ends.destination, U16(at + 2)), "tcp");
    Mask(at + 4, std::min<size_t>(end - at, 60) - 4);  // sequence numbers, window, checksum, options
    ReadData(at + wire::kTcpHeaderBytes, end);
  }

  void ReadIcmp(size_t at, size_t end, const IpEnds& ends, bool isWhole, bool isIpv6) {
    const uint8_t type = m_frame[at];
    const char* layer = isIpv6 ? "icmp6" : "icmp";
    Add(layer, "type", fmt::format("{}/{}", type, m_frame[at + 1]));
    const bool isEcho = isIpv6 ? type == 128 || type == 129 : type == wire::kIcmpEcho || type == wire::kIcmpEchoReply;
    const bool isError = isIpv6 ? type >= 1 && type <= 4
                                : type == wire::kIcmpDestUnreach || type == wire::kIcmpTimeExceeded ||
                                      type == wire::kIcmpParameterProblem || type == wire::kIcmpRedirect;
    const size_t body = at + wire::kIcmpHeaderBytes;
    if (isEcho) {
      const uint16_t id = U16(at + 4);
      const bool isDrawn = !m_knowledge.echoIds.contains(id);
      if (isDrawn) {
        Mask(at + 4, 2);
        m_out.drawn.push_back(kDrawnEchoId | id);
      } else {
        Converse(ends.source, ends.destination, fmt::format("echo {}", id));
      }
      Add(layer, "id", isDrawn ? "*" : fmt::format("{}", id));
      Add(layer, "seq", U16(at + 6));
      MaskPingTime(body, end);
      ReadData(body, end);
    } else if (isError) {
      Add(layer, "rest", Hex(at + 4, body));
      if (isIpv6)
        ReadIpv6(body, end, true);
      else
        ReadIpv4(body, end, true);
      // One for each segment that was too big: how many are on their way together is TCP's affair.
      const bool isTooBig = isIpv6 ? type == wire::kIcmpv6PacketTooBig
                                   : type == wire::kIcmpDestUnreach && m_frame[at + 1] == wire::kIcmpFragNeeded;
      m_out.isTcp |= isTooBig && m_quotesTcp;
    } else {
      if (isIpv6 && ((type >= 130 && type <= 134) || type == 143)) m_out.isTimer = true;
      Add(layer, "rest", Hex(at + 4, body));
      ReadData(body, end);
    }
    const uint64_t pseudo = isIpv6 ? ends.pseudoSum + kIcmp6 + (end - at) : 0;
    Add(layer, "checksum", CheckSum(at + 2, at, end, pseudo, isWhole, false));
  }

  /// ping(8) puts the time into the first 16 bytes of its payload and lets the others count from 16.
  void MaskPingTime(size_t at, size_t end) {
    if (end - at < kPingTimeBytes + 8) return;
    bool counts = true, countsFromZero = true;
    for (size_t i = 0; i < kPingTimeBytes + 8; ++i)
      (i < kPingTimeBytes ? countsFromZero : counts) &= m_frame[at + i] == i;
    if (counts && !countsFromZero) Mask(at, kPingTimeBytes);
  }

  const std::vector<uint8_t>& m_frame;
  std::vector<bool> m_masked;
  const FrameKnowledge& m_knowledge;
  bool m_quotesTcp = false;
  MaskedFrame m_out;
};

}  // namespace

MaskedFrame MaskFrame(const std::vector<uint8_t>& frame, const FrameKnowledge& knowledge) {
  return Decoder(frame, knowledge).Decode();
}

}  // namespace overlaysim::verify
