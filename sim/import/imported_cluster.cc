#include "sim/import/imported_cluster.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace overlaysim::import {

std::string_view FindLabel(const Labels& labels, std::string_view key) {
  auto found =
      std::lower_bound(labels.begin(), labels.end(), key, [](const Label& l, std::string_view k) { return l.key < k; });
  return found != labels.end() && found->key == key ? found->value : std::string_view();
}

std::optional<IpPrefix> IpPrefix::Parse(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  IpPrefix prefix;
  if (auto v4 = Ipv4Prefix::Parse(text)) {
    prefix.v4 = v4->Canonical();
    return prefix;
  }
  auto address = Ipv6Address::Parse(text.substr(0, slash));
  uint8_t length = 0;
  const std::string_view digits = text.substr(slash + 1);
  auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (!address || parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size() || length > 128)
    return std::nullopt;
  for (unsigned bit = length; bit < 128; ++bit) address->bytes[bit / 8] &= static_cast<uint8_t>(~(0x80u >> bit % 8));
  prefix.v6 = {*address, length};
  return prefix;
}

bool IpPrefix::Overlaps(const IpPrefix& other) const {
  if (v4 && other.v4) return v4->Overlaps(*other.v4);
  if (!v6 || !other.v6) return false;
  for (unsigned bit = 0; bit < std::min(v6->length, other.v6->length); ++bit) {
    if ((v6->address.bytes[bit / 8] ^ other.v6->address.bytes[bit / 8]) & (0x80u >> bit % 8)) return false;
  }
  return true;
}

std::string IpPrefix::ToString() const {
  if (v4) return v4->ToString();
  return v6 ? fmt::format("{}/{}", v6->address.ToString(), v6->length) : "";
}

std::optional<Ipv4Prefix> Node::PodCidr() const {
  for (const IpPrefix& cidr : podCidrs) {
    if (cidr.v4) return cidr.v4;
  }
  return std::nullopt;
}

std::optional<Ipv4Address> Node::UnderlayAddress() const {
  if (flannel.publicIp) return flannel.publicIp;
  if (!internalIps.empty()) return internalIps.front();
  if (calico.ipv4Address) return calico.ipv4Address->address;
  return std::nullopt;
}

std::string_view ToString(PodPhase phase) {
  constexpr std::string_view kNames[] = {"Unknown", "Pending", "Running", "Succeeded", "Failed"};
  return kNames[static_cast<size_t>(phase)];
}

SourcePlace ImportedCluster::PlaceOf(const Origin& origin) const {
  return {origin.file < files.size() ? files[origin.file].path : std::string(), origin.line, origin.column, 0};
}

}  // namespace overlaysim::import
