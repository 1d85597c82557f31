#include "sim/plan/endpoints.h"

#include "sim/plan/names.h"

namespace overlaysim::plan {

Endpoint EndpointFinder::Of(NetnsId netns) const {
  Endpoint endpoint{netns, m_plan.Info(netns).name, {}, {}};
  if (m_cluster) {
    endpoint.address = m_cluster->AddressOf(netns);
    if (const Ipv6Address address6 = m_cluster->Address6Of(netns); !address6.IsZero()) endpoint.address6 = address6;
    return endpoint;
  }
  const auto ns = m_plan.Materialise(netns);
  for (const kernel::Address& address : ns->Addresses())
    if (!address.local.IsLoopback() && endpoint.address.IsZero()) endpoint.address = address.local;
  for (const kernel::Address6& address : ns->Ipv6().Addresses())
    if (!address.local.IsLoopback() && !address.local.IsLinkLocal() && endpoint.address6.IsNone())
      endpoint.address6 = address.local;
  return endpoint;
}

IpAddress EndpointFinder::AddressOf(const Endpoint& endpoint, const scenario::Text& text,
                                    const scenario::Optional<scenario::IpFamily>& family) const {
  if (!family || family->value == scenario::IpFamily::Ipv4 || endpoint.address.IsV6()) return endpoint.address;
  if (endpoint.address6.IsNone()) m_context.Error(text.place, "\"{}\" has no IPv6 address", endpoint.name);
  return endpoint.address6;
}

std::vector<std::string> EndpointFinder::Names() const {
  constexpr size_t kConsidered = 2000;  // for a suggestion, more would only take time
  std::vector<std::string> names;
  for (size_t i = 0; i < m_plan.NetnsCount() && i < kConsidered; ++i) names.push_back(m_plan.Info(NetnsId(i)).name);
  return names;
}

std::vector<Endpoint> EndpointFinder::Match(const std::string& text) const {
  if (const NetnsId netns = m_plan.Find(text)) {
    Endpoint endpoint = Of(netns);
    endpoint.name = text;
    return {endpoint};
  }
  std::vector<Endpoint> out;
  if (!IsPattern(text)) return out;
  if (!m_cluster) {
    for (size_t i = 0; i < m_plan.NetnsCount(); ++i)
      if (MatchesPattern(text, m_plan.Info(NetnsId(i)).name)) out.push_back(Of(NetnsId(i)));
    return out;
  }
  const PodTable& pods = m_cluster->GetCluster().pods;
  const bool hasNamespace = text.find('/') != std::string::npos;
  for (size_t p = 0; p < pods.rows.size(); ++p) {
    const PodId pod(p);
    const Ipv6Address address6 = m_cluster->Address6Of(m_cluster->PodNetns(pod));
    if (hasNamespace ? MatchesPattern(text, pods.FullName(pod)) : MatchesPattern(text, pods.NameOf(pod)))
      out.push_back({m_cluster->PodNetns(pod), pods.DisplayName(pod), pods.rows[p].ip,
                     address6.IsZero() ? IpAddress() : IpAddress(address6)});
  }
  if (!out.empty() || hasNamespace) return out;
  for (size_t i = 0; i < m_plan.NetnsCount(); ++i) {
    const NetnsInfo info = m_plan.Info(NetnsId(i));
    if (info.role != NetnsRole::Pod && MatchesPattern(text, info.name)) out.push_back(Of(NetnsId(i)));
  }
  return out;
}

std::vector<Endpoint> EndpointFinder::Find(const scenario::Text& text, bool allowAddress) const {
  if (auto address = IpAddress::Parse(text.value)) {
    if (!allowAddress) {
      m_context.Error(text.place, "\"{}\" is an address; a name is needed here", text.value);
      return {};
    }
    return {{m_plan.FindByAddress(*address), text.value, *address, {}}};
  }
  std::vector<Endpoint> out = Match(text.value);
  if (out.empty())
    m_context.Error(text.place, "\"{}\" is no pod, node or other host{}", text.value, Suggestion(text.value, Names()));
  return out;
}

std::optional<Endpoint> EndpointFinder::FindOne(const scenario::Text& text, bool allowAddress) const {
  std::vector<Endpoint> found = Find(text, allowAddress);
  if (found.empty()) return std::nullopt;
  if (found.size() > 1) {
    m_context.Error(text.place, "\"{}\" stands for {} hosts, and one is needed here", text.value, found.size());
    return std::nullopt;
  }
  return found.front();
}

std::optional<EndpointFinder::Device> EndpointFinder::FindDevice(const scenario::Text& text) const {
  if (auto whole = Match(text.value); !whole.empty() && !IsPattern(text.value)) return Device{std::move(whole), ""};
  const size_t slash = text.value.rfind('/');
  if (slash != std::string::npos)
    if (auto where = Match(text.value.substr(0, slash)); !where.empty())
      return Device{std::move(where), text.value.substr(slash + 1)};
  const std::string host = text.value.substr(0, slash);
  m_context.Error(text.place, "\"{}\": there is no host \"{}\"{}; say for example \"node1/eth0\"", text.value, host,
                  Suggestion(host, Names()));
  return std::nullopt;
}

}  // namespace overlaysim::plan
