#include "gui/replay/topology.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "sim/trace/files.h"

namespace overlaysim::replay {
namespace {

constexpr uint64_t kMaxPlanBytes = uint64_t{2} << 30;
constexpr size_t kMaxDepth = 64;

Role RoleOf(std::string_view name) {
  constexpr std::array kRoles = std::to_array<std::pair<std::string_view, Role>>({{"node", Role::Node},
                                                                                  {"pod", Role::Pod},
                                                                                  {"leaf", Role::Leaf},
                                                                                  {"spine", Role::Spine},
                                                                                  {"router", Role::Router},
                                                                                  {"external", Role::External},
                                                                                  {"lab", Role::Lab}});
  const auto* it = std::find_if(kRoles.begin(), kRoles.end(), [&](const auto& role) { return role.first == name; });
  return it == kRoles.end() ? Role::Unknown : it->second;
}

uint64_t KeyOf(CableEnd end) { return uint64_t{end.netns} << 32 | end.ifindex; }

/// Fills a Topology while nlohmann's parser walks over the text: a plan of 150,000 pods is 60 MB, and a tree of it many
/// times that. What it does not know it passes over, so that plans may say more than this viewer understands.
class PlanHandler : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit PlanHandler(Topology& plan) : m_plan(plan) {}

  const std::string& Error() const { return m_error; }

  bool null() override { return Scalar(); }
  bool boolean(bool value) override {
    if (At() == In::Cable && m_key == "up") m_plan.cables.back().up = value;
    return Scalar();
  }
  bool number_integer(number_integer_t value) override {
    if (!IsNumberWanted()) return Scalar();
    return Fail(fmt::format("\"{}\" is {}, which is below 0", m_key, value));
  }
  bool number_unsigned(number_unsigned_t value) override { return Number(value) && Scalar(); }
  bool number_float(number_float_t /*value*/, const string_t& text) override {
    if (IsNumberWanted()) return Fail(fmt::format("\"{}\" is {}, which is no whole number", m_key, text));
    return Scalar();
  }
  bool string(string_t& value) override {
    Text(value);
    return Scalar();
  }
  bool binary(binary_t& /*value*/) override { return Fail("binary data"); }

  bool start_object(size_t /*elements*/) override {
    switch (At()) {
      case In::Nothing:
        return Push(In::Plan);
      case In::Namespaces:
        m_plan.netns.emplace_back();
        m_plan.netns.back().id = Topology::kNone;
        m_plan.netns.back().isShared = true;
        return Push(In::Netns);
      case In::Devices:
        m_plan.netns.back().devices.emplace_back();
        return Push(In::Device);
      case In::Netns:
        return Push(m_key == "labels" ? In::Labels : In::Other);
      case In::Device:
        if (m_key != "peer") return Push(In::Other);
        m_end = &CurrentDevice().peer.emplace();
        return Push(In::CableEnd);
      case In::Cables:
        m_plan.cables.emplace_back();
        return Push(In::Cable);
      case In::Cable:
        if (m_key == "a" || m_key == "b") {
          m_end = m_key == "a" ? &CurrentCable().a : &CurrentCable().b;
          return Push(In::CableEnd);
        }
        return Push(In::Other);
      case In::Workloads:
        m_plan.workloads.emplace_back();
        return Push(In::Workload);
      case In::Events:
        m_plan.events.emplace_back();
        return Push(In::Event);
      default:
        return Push(In::Other);
    }
  }
  bool start_array(size_t /*elements*/) override {
    switch (At()) {
      case In::Nothing:
        return Fail("an array, where a plan is an object");
      case In::Plan:
        return Push(m_key == "namespaces"     ? In::Namespaces
                    : m_key == "cables"       ? In::Cables
                    : m_key == "workloads"    ? In::Workloads
                    : m_key == "events"       ? In::Events
                    : m_key == "expectations" ? In::Expectations
                                              : In::Other);
      case In::Netns:
        if (m_key == "devices") m_plan.netns.back().isShared = false;
        return Push(m_key == "devices" ? In::Devices : In::Other);
      case In::Device:
        return Push(m_key == "addresses" ? In::Addresses : In::Other);
      default:
        return Push(In::Other);
    }
  }
  bool end_object() override { return Pop(); }
  bool end_array() override { return Pop(); }
  bool key(string_t& value) override {
    m_key = value;
    return true;
  }
  bool parse_error(size_t position, const std::string& /*last*/, const nlohmann::detail::exception& error) override {
    return Fail(fmt::format("at byte {}: no JSON: {}", position, error.what()));
  }

 private:
  enum class In : uint8_t {
    Nothing,
    Plan,
    Namespaces,
    Netns,
    Labels,
    Devices,
    Device,
    Addresses,
    Cables,
    Cable,
    CableEnd,
    Workloads,
    Workload,
    Events,
    Event,
    Expectations,
    Other
  };

  In At() const { return m_in.empty() ? In::Nothing : m_in.back(); }
  Device& CurrentDevice() { return m_plan.netns.back().devices.back(); }
  Cable& CurrentCable() { return m_plan.cables.back(); }
  bool Fail(std::string what) {
    m_error = std::move(what);
    return false;
  }
  bool Push(In in) {
    if (m_in.size() == kMaxDepth) return Fail(fmt::format("more than {} levels of brackets", kMaxDepth));
    m_in.push_back(in);
    return true;
  }
  bool Pop() {
    m_in.pop_back();
    return true;
  }
  bool Scalar() { return !m_in.empty() || Fail("a single value, where a plan is an object"); }

  template <typename T>
  bool Take(uint64_t value, T& to) {
    if (!std::in_range<T>(value)) return Fail(fmt::format("\"{}\" is {}, which is too large", m_key, value));
    to = static_cast<T>(value);
    return true;
  }
  bool TakeInto(uint64_t value, std::optional<uint32_t>& to) { return Take(value, to.emplace()); }

  bool IsNumberWanted() const {
    switch (At()) {
      case In::Netns:
        return m_key == "id" || m_key == "kernel";
      case In::Device:
        return m_key == "ifindex" || m_key == "mtu" || m_key == "vni" || m_key == "port";
      case In::Cable:
        return m_key == "bitsPerSecond" || m_key == "delayNs" || m_key == "queueBytes";
      case In::CableEnd:
        return m_key == "netns" || m_key == "ifindex";
      case In::Workload:
        return m_key == "id" || m_key == "from" || m_key == "to" || m_key == "startNs";
      case In::Event:
        return m_key == "atNs" || m_key == "cable" || m_key == "bitsPerSecond" || m_key == "delayNs" ||
               m_key == "queueBytes";
      default:
        return false;
    }
  }
  bool Number(uint64_t value) {
    switch (At()) {
      case In::Netns:
        if (m_key == "id") return Take(value, m_plan.netns.back().id);
        if (m_key == "kernel") return Take(value, m_plan.netns.back().kernel);
        return true;
      case In::Device:
        if (m_key == "ifindex") return Take(value, CurrentDevice().ifindex);
        if (m_key == "mtu") return Take(value, CurrentDevice().mtu);
        if (m_key == "vni") return TakeInto(value, CurrentDevice().vni);
        if (m_key == "port") return Take(value, CurrentDevice().port);
        return true;
      case In::Cable:
        if (m_key == "bitsPerSecond") return Take(value, CurrentCable().bitsPerSecond);
        if (m_key == "delayNs") return Take(value, CurrentCable().delayNs);
        if (m_key == "queueBytes") return Take(value, CurrentCable().queueBytes);
        return true;
      case In::CableEnd:
        if (m_key == "netns") return Take(value, m_end->netns);
        if (m_key == "ifindex") return Take(value, m_end->ifindex);
        return true;
      case In::Workload: {
        Workload& workload = m_plan.workloads.back();
        if (m_key == "id") return Take(value, workload.id);
        if (m_key == "from") return TakeInto(value, workload.from);
        if (m_key == "to") return TakeInto(value, workload.to);
        if (m_key == "startNs") return Take(value, workload.startNs);
        return true;
      }
      case In::Event: {
        PlannedEvent& event = m_plan.events.back();
        if (m_key == "atNs") return Take(value, event.atNs);
        if (m_key == "cable") return TakeInto(value, event.cable);
        if (m_key == "bitsPerSecond") return Take(value, event.becomes.bitsPerSecond);
        if (m_key == "delayNs") return Take(value, event.becomes.delayNs);
        if (m_key == "queueBytes") return Take(value, event.becomes.queueBytes);
        return true;
      }
      default:
        return true;
    }
  }
  void Text(string_t& value) {
    switch (At()) {
      case In::Plan:
        if (m_key == "name") m_plan.name = value;
        if (m_key == "description") m_plan.description = value;
        if (m_key == "understood") m_plan.understood = value;
        if (m_key == "cni") m_plan.cni = value;
        break;
      case In::Netns:
        if (m_key == "name") m_plan.netns.back().name = value;
        if (m_key == "role") m_plan.netns.back().role = RoleOf(value);
        break;
      case In::Device:
        if (m_key == "name") CurrentDevice().name = value;
        if (m_key == "mac") CurrentDevice().mac = value;
        if (m_key == "kind") CurrentDevice().kind = value;
        if (m_key == "master") CurrentDevice().master = value;
        break;
      case In::Labels:
        TakeLabel(value);
        break;
      case In::Addresses:
        CurrentDevice().addresses.push_back(value);
        break;
      case In::Cable:
        if (m_key == "name") CurrentCable().name = value;
        break;
      case In::Workload:
        if (m_key == "name") m_plan.workloads.back().name = value;
        if (m_key == "kind") m_plan.workloads.back().kind = value;
        break;
      case In::Event:
        if (m_key == "text") m_plan.events.back().text = value;
        break;
      case In::Expectations:
        m_plan.expectations.push_back(value);
        break;
      default:
        break;
    }
  }

  void TakeLabel(const std::string& value) {
    const auto [found, isNew] = m_labelOf.try_emplace({m_key, value}, static_cast<uint32_t>(m_plan.labels.size()));
    if (isNew) m_plan.labels.push_back({m_key, value});
    m_plan.netns.back().labels.push_back(found->second);
  }

  Topology& m_plan;
  std::map<std::pair<std::string, std::string>, uint32_t> m_labelOf;
  std::vector<In> m_in;
  std::string m_key, m_error;
  CableEnd* m_end = nullptr;
};

template <typename Items, typename Predicate>
const Device* FindDevice(const Items& devices, Predicate&& isIt) {
  const auto it = std::find_if(devices.begin(), devices.end(), isIt);
  return it == devices.end() ? nullptr : &*it;
}

/// Items in groups, one after the other: `begin` has a group's first place, and one more for the end.
template <typename GroupsOf>
void Group(size_t groups, size_t items, GroupsOf&& groupsOf, std::vector<uint32_t>& begin,
           std::vector<uint32_t>& grouped) {
  begin.assign(groups + 1, 0);
  for (uint32_t i = 0; i < items; ++i) groupsOf(i, [&](uint32_t group) { ++begin[group + 1]; });
  for (size_t g = 0; g < groups; ++g) begin[g + 1] += begin[g];
  grouped.resize(begin.back());
  std::vector<uint32_t> next(begin.begin(), begin.end() - 1);
  for (uint32_t i = 0; i < items; ++i) groupsOf(i, [&](uint32_t group) { grouped[next[group]++] = i; });
}

}  // namespace

const Device* Netns::Find(uint32_t ifindex) const {
  return FindDevice(devices, [&](const Device& device) { return device.ifindex == ifindex; });
}

const Device* Netns::Find(std::string_view device) const {
  return FindDevice(devices, [&](const Device& d) { return d.name == device; });
}

bool Device::IsTunnel() const {
  constexpr std::array<std::string_view, 5> kKinds{"vxlan", "geneve", "ipip", "wireguard", "tun"};
  return std::find(kKinds.begin(), kKinds.end(), kind) != kKinds.end();
}

std::string_view Netns::PodNamespace() const {
  if (role != Role::Pod) return {};
  const size_t slash = name.find('/');
  return slash == std::string::npos ? std::string_view("default") : std::string_view(name).substr(0, slash);
}

std::optional<Topology> Topology::Read(const std::filesystem::path& path, std::string& error) {
  const auto text = ReadWholeFile(path, kMaxPlanBytes, error);
  if (!text) return std::nullopt;
  auto plan = FromJson(*text, error);
  if (!plan) error = fmt::format("{}: {}", path.string(), error);
  return plan;
}

std::optional<Topology> Topology::FromJson(std::string_view text, std::string& error) {
  Topology plan;
  PlanHandler handler(plan);
  bool isGood = false;
  try {
    isGood = nlohmann::json::sax_parse(text.data(), text.data() + text.size(), &handler);
  } catch (const std::exception& refused) {  // a number that overflows, a text that is no UTF-8
    error = fmt::format("no plan: {}", refused.what());
    return std::nullopt;
  }
  error = isGood ? plan.Index() : handler.Error();
  if (!error.empty() || !isGood) {
    error = "no plan: " + (error.empty() ? "cut off" : error);
    return std::nullopt;
  }
  return plan;
}

std::string Topology::Index() {
  const size_t count = netns.size();
  std::unordered_map<uint32_t, uint32_t> hostOfKernel;
  m_byName.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    if (netns[i].id != i) return fmt::format("namespace {} of the list does not have that id", i);
    m_byName.try_emplace(netns[i].name, i);
    if (netns[i].role != Role::Pod) hostOfKernel.try_emplace(netns[i].kernel, i);
  }
  m_hosts.resize(count);
  for (uint32_t i = 0; i < count; ++i) {
    const auto host = netns[i].role == Role::Pod ? hostOfKernel.find(netns[i].kernel) : hostOfKernel.end();
    m_hosts[i] = host == hostOfKernel.end() ? i : host->second;
  }
  m_owners.reserve(count);
  for (const Netns& ns : netns)
    for (const Device& device : ns.devices) {
      if (device.name == "lo") continue;
      for (const std::string_view address : device.addresses)
        if (const auto parsed = IpAddress::Parse(address.substr(0, address.find('/'))))
          m_owners.try_emplace(*parsed, ns.id);
    }
  // One end of a veth names the other: both know it from here on.
  std::unordered_map<uint64_t, CableEnd> peers;
  for (const Netns& ns : netns)
    for (const Device& device : ns.devices) {
      if (!device.peer) continue;
      if (device.peer->netns >= count)
        return fmt::format("{}/{} leads to namespace {}, of {}", ns.name, device.name, device.peer->netns, count);
      peers.try_emplace(KeyOf(*device.peer), CableEnd{ns.id, device.ifindex});
    }
  if (!peers.empty())
    for (Netns& ns : netns)
      for (Device& device : ns.devices)
        if (const auto peer = peers.find(KeyOf({ns.id, device.ifindex})); peer != peers.end() && !device.peer)
          device.peer = peer->second;
  for (const Cable& cable : cables)
    for (const CableEnd& end : {cable.a, cable.b})
      if (end.netns >= count) return fmt::format("cable {} ends in namespace {}, of {}", cable.name, end.netns, count);
  for (uint32_t i = 0; i < cables.size(); ++i) {
    m_cableAt.try_emplace(KeyOf(cables[i].a), i);
    m_cableAt.try_emplace(KeyOf(cables[i].b), i);
  }
  for (const Workload& workload : workloads)
    for (const auto& end : {workload.from, workload.to})
      if (end && *end >= count)
        return fmt::format("traffic \"{}\" is of namespace {}, of {}", workload.name, *end, count);
  Group(
      count, count,
      [&](uint32_t i, auto&& into) {
        if (m_hosts[i] != i) into(m_hosts[i]);
      },
      m_podBegin, m_pods);
  Group(
      count, cables.size(),
      [&](uint32_t i, auto&& into) {
        into(cables[i].a.netns);
        if (cables[i].b.netns != cables[i].a.netns) into(cables[i].b.netns);
      },
      m_cableBegin, m_cablesOf);
  std::stable_sort(events.begin(), events.end(),
                   [](const PlannedEvent& a, const PlannedEvent& b) { return a.atNs < b.atNs; });
  for (uint32_t i = 0; i < events.size(); ++i) {
    if (!events[i].cable) continue;
    if (*events[i].cable >= cables.size())
      return fmt::format("event \"{}\" is of cable {}, of {}", events[i].text, *events[i].cable, cables.size());
    m_changesOf[*events[i].cable].push_back(i);
  }
  return {};
}

const Netns* Topology::Find(std::string_view netnsName) const {
  const auto it = m_byName.find(netnsName);
  return it == m_byName.end() ? nullptr : &netns[it->second];
}

std::span<const uint32_t> Topology::PodsOf(uint32_t node) const {
  if (node >= netns.size()) return {};
  return std::span(m_pods).subspan(m_podBegin[node], m_podBegin[node + 1] - m_podBegin[node]);
}

uint32_t Topology::HostOf(uint32_t netnsId) const { return netnsId < m_hosts.size() ? m_hosts[netnsId] : netnsId; }

std::span<const uint32_t> Topology::CablesOf(uint32_t netnsId) const {
  if (netnsId >= netns.size()) return {};
  return std::span(m_cablesOf).subspan(m_cableBegin[netnsId], m_cableBegin[netnsId + 1] - m_cableBegin[netnsId]);
}

uint32_t Topology::CableAt(CableEnd end) const {
  const auto it = m_cableAt.find(KeyOf(end));
  return it == m_cableAt.end() ? kNone : it->second;
}

CableSettings Topology::SettingsAt(uint32_t cable, int64_t timeNs) const {
  CableSettings settings{cables[cable].bitsPerSecond, cables[cable].delayNs, cables[cable].queueBytes};
  if (const auto changes = m_changesOf.find(cable); changes != m_changesOf.end())
    for (const uint32_t event : changes->second)
      if (events[event].atNs <= timeNs) settings = events[event].becomes;
  return settings;
}

uint32_t Topology::OwnerOf(std::string_view address) const {
  const auto parsed = IpAddress::Parse(address);
  return parsed ? OwnerOf(*parsed) : kNone;
}

uint32_t Topology::OwnerOf(const IpAddress& address) const {
  const auto it = m_owners.find(address);
  return it == m_owners.end() ? kNone : it->second;
}

uint32_t Topology::RackOf(uint32_t node) const {
  for (const uint32_t i : CablesOf(node)) {
    const uint32_t other = cables[i].a.netns == node ? cables[i].b.netns : cables[i].a.netns;
    const Role role = netns[other].role;
    if (role == Role::Leaf || role == Role::Spine || role == Role::Router) return other;
  }
  return kNone;
}

}  // namespace overlaysim::replay
