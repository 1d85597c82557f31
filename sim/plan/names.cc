#include "sim/plan/names.h"

#include <fmt/format.h>
#include <gcrypt.h>

#include <algorithm>
#include <array>

namespace overlaysim::plan {
namespace {

std::array<uint8_t, 20> Sha1(std::string_view text) {
  std::array<uint8_t, 20> digest{};
  gcry_md_hash_buffer(GCRY_MD_SHA1, digest.data(), text.data(), text.size());
  return digest;
}

}  // namespace

uint64_t HashName(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  hash = (hash ^ hash >> 30) * 0xbf58476d1ce4e5b9;  // the high bits of FNV-1a of short names are poor
  hash = (hash ^ hash >> 27) * 0x94d049bb133111eb;
  return hash ^ hash >> 31;
}

MacAddress MacFromName(std::string_view name) {
  MacAddress mac = MacAddress::FromUint64(HashName(name));
  mac.bytes[0] = static_cast<uint8_t>((mac.bytes[0] & 0xfc) | 0x02);
  return mac;
}

std::string VethName(std::string_view nameSpace, std::string_view pod) {
  return fmt::format("veth{:08x}", static_cast<uint32_t>(HashName(fmt::format("{}/{}", nameSpace, pod))));
}

MacAddress VtepMacFromName(std::string_view node) { return MacFromName(fmt::format("{}/vtep", node)); }

std::string CalicoVethName(std::string_view nameSpace, std::string_view pod) {
  const auto digest = Sha1(fmt::format("{}.{}", nameSpace, pod));
  std::string hex;
  for (size_t i = 0; i < 6; ++i) hex += fmt::format("{:02x}", digest[i]);
  return "cali" + hex.substr(0, 11);
}

MacAddress CalicoVtepMac(std::string_view node) {
  const auto digest = Sha1(node);
  MacAddress mac;
  mac.bytes[0] = 0x66;
  std::copy_n(digest.begin(), 5, mac.bytes.begin() + 1);
  return mac;
}

kernel::WireguardKey WireguardKeyFromName(std::string_view node) {
  const std::string text = fmt::format("{}/wireguard", node);
  kernel::WireguardKey key;
  gcry_md_hash_buffer(GCRY_MD_SHA256, key.bytes.data(), text.data(), text.size());
  return key;
}

namespace {

constexpr uint32_t kSpiBits = 28, kSpiMin = 0xc0000000;

uint32_t SpiMask(Ipv4Address receiver) {
  return static_cast<uint32_t>(HashName(receiver.ToString() + "/spi") >> (64 - kSpiBits));
}

}  // namespace

uint32_t EspSpi(Ipv4Address receiver, NodeId sender) {
  return kSpiMin | ((sender.value & ((1u << kSpiBits) - 1)) ^ SpiMask(receiver));
}

NodeId EspSender(Ipv4Address receiver, uint32_t spi) {
  return NodeId((spi & ((1u << kSpiBits) - 1)) ^ SpiMask(receiver));
}

bool MatchesPattern(std::string_view pattern, std::string_view name) {
  size_t p = 0, n = 0;
  size_t star = std::string_view::npos, resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || (pattern[p] == name[n] && pattern[p] != '*'))) {
      ++p;
      ++n;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

bool IsPattern(std::string_view text) { return text.find_first_of("*?") != std::string_view::npos; }

std::string GeneratedName(std::string_view pattern, uint64_t i, std::string_view node) {
  std::string out;
  bool hasNumber = false;
  for (size_t at = 0; at < pattern.size();) {
    const std::string_view rest = pattern.substr(at);
    if (rest.starts_with("{i}")) {
      out += fmt::format("{}", i);
      hasNumber = true;
      at += 3;
    } else if (rest.starts_with("{node}") && !node.empty()) {
      out += node;
      at += 6;
    } else if (rest.size() >= 7 && rest.starts_with("{i:0") && rest[4] >= '1' && rest[4] <= '9' &&
               rest.substr(5, 2) == "d}") {
      out += fmt::format("{:0{}d}", i, rest[4] - '0');
      hasNumber = true;
      at += 7;
    } else {
      out += pattern[at++];
    }
  }
  if (!hasNumber) out += fmt::format("{}", i);
  return out;
}

}  // namespace overlaysim::plan
