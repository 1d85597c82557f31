#include "tests/oracle/step_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "models/engine/engine.h"
#include "models/host/stack.h"
#include "sim/iproute2/show.h"

namespace overlaysim::oracle {
namespace {

using nlohmann::json;

// A step begins before, and ends after, all else that happens at that instant.
constexpr engine::EventOrder kBegin{NetnsId(0), 0, 0};
constexpr engine::EventOrder kEnd{NetnsId(0xfffffffe), UINT32_MAX, UINT64_MAX};

/// The captures leave out counters that tell nothing about a drop or whose value depends on timing.
bool IsQuiet(const std::string& counter, bool ipv6) {
  static const std::regex quiet(
      "bytes|^Ip6?(InReceives|OutRequests|InDelivers|OutTransmits)$|Octets|NoECT|^Tcp(?!ExtIPRev)|"
      "^IcmpMsg|Icmp6(In|Out)Type|Ip6InMcast|Ip6OutMcast|^lo\\.|multicast|Delivers|ECT|MPTcp");
  static const std::regex ofIpv6Timers("_packets|tx_dropped|Icmp6.*(Msgs|MLD|Solicit|Advert)");
  return std::regex_search(counter, quiet) || (ipv6 && std::regex_search(counter, ofIpv6Timers));
}

/// Nor do they tell of a reply that no ping socket wants, nor of ends of connections and sockets.
bool IsQuietDrop(const std::string& drop) {
  static const std::regex quiet(
      " at .*(ping_rcv|tcp_|rbtree|sk_stream|unix_|packet_|skb_queue_purge|__sk_|sock_destruct|ip6_mc_input|mld)");
  return std::regex_search(drop, quiet);
}

/// Of a command about a link: the link's name; "": it is about none.
std::string LinkOf(const std::string& command) {
  std::istringstream words(command);
  std::string word, before;
  while (words >> word) {
    if (before == "link" && (word == "add" || word == "set")) {
      words >> word;
      if (word == "dev" || word == "name") words >> word;
      return word;
    }
    before = word;
  }
  return {};
}

std::string Trimmed(std::string text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.pop_back();
  return text;
}

}  // namespace

StepLog::StepLog(Simulation& simulation, const CaseScenario& scenario)
    : m_simulation(simulation),
      m_scenario(scenario),
      m_before(scenario.steps.size()),
      m_after(scenario.steps.size()),
      m_ears(scenario.steps.size()) {
  for (size_t i = 0; i < scenario.steps.size(); ++i) {
    const Step& step = scenario.steps[i];
    engine::Schedule(step.begin, kBegin, [this, i, &step] {
      m_before[i] = Take(step);
      if (step.op == "icmp_echo") Listen(step, m_ears[i]);
    });
    engine::Schedule(step.end, kEnd, [this, i, &step] {
      m_after[i] = Take(step);
      if (m_ears[i].stack) m_ears[i].stack->CloseRawIcmp(m_ears[i].socket);
    });
  }
}

void StepLog::Listen(const Step& step, Ear& ear) {
  const json what = json::parse(step.what);
  const kernel::Namespace* ns = m_simulation.Namespaces().Find(what.at("at").get<std::string>());
  if (!ns) return;
  ear.stack = &m_simulation.Net().Get(ns->Id());
  const uint32_t echo = what.at("id").get<uint32_t>() << 16 | what.at("seq").get<uint32_t>();
  const bool isV6 = what.at("dst").get<std::string>().find(':') != std::string::npos;
  ear.socket = ear.stack->OpenRawIcmp([&ear, echo, isV6](const host::Received& message) {
    if (ear.isDone || message.IsV6() != isV6 || message.payloadBytes < wire::kIcmpHeaderBytes) return;
    const uint8_t type = message.payload[0], code = message.payload[1];
    if (type == (isV6 ? uint8_t{wire::kIcmpv6EchoReply} : uint8_t{wire::kIcmpEchoReply})) {
      ear.isDone = wire::Get32(message.payload + 4) == echo;
      return;
    }
    const bool isError = isV6 ? type >= wire::kIcmpv6DestUnreach && type <= wire::kIcmpv6TimeExceeded
                              : type == wire::kIcmpDestUnreach || type == wire::kIcmpTimeExceeded;
    if (!isError) return;
    ear.isDone = true;
    json error = {{"from", message.Source().ToString()}, {"ttl", message.Ttl()}, {"type", type}, {"code", code}};
    if (isV6 && type == wire::kIcmpv6PacketTooBig) error["mtu"] = wire::Get32(message.payload + 4);
    if (!isV6 && type == wire::kIcmpDestUnreach && code == wire::kIcmpFragNeeded)
      error["mtu"] = wire::Get16(message.payload + 6);
    ear.error = error.dump();
  });
}

json StepLog::IcmpErrorHeard(size_t step) const {
  const std::string& error = m_ears[step].error;
  return error.empty() ? json() : json::parse(error);
}

StepLog::Snapshot StepLog::Take(const Step& step) {
  Snapshot out;
  for (const std::string& name : step.watched.value_or(std::vector<std::string>())) {
    const kernel::Namespace* ns = m_simulation.Namespaces().Find(name);
    if (!ns) continue;
    Numbers& counters = out.counters[name];
    const json nstat = json::parse(iproute2::CountersShow(*ns, true, iproute2::Format::Json));
    for (const auto& [key, value] : nstat.at("kernel").items()) counters[key] = value;
    iproute2::ShowOptions options{.format = iproute2::Format::Json};
    options.statistics = 2;
    for (const json& link : json::parse(iproute2::LinkShow(*ns, {}, options)))
      for (const auto& [direction, numbers] : link.at("stats64").items())
        for (const auto& [key, value] : numbers.items())
          counters[fmt::format("{}.{}_{}", link.at("ifname").get<std::string>(), direction, key)] = value;
    for (const kernel::Link* link : ns->Links()) {
      if (link->kind != kernel::LinkKind::Vxlan) continue;
      std::istringstream lines(iproute2::FdbShow(*ns, {.ifindex = link->ifindex}));
      for (std::string line; std::getline(lines, line);) out.fdb.push_back(line);
    }
  }
  std::sort(out.fdb.begin(), out.fdb.end());
  for (const auto& [end, count] : m_simulation.Net().kernelDrops) {
    const std::string drop = KernelDrop(end.stage, end.verdict, end.protocol == wire::kEtherTypeIpv6);
    if (end.protocol != host::Network::kOtherProtocol && !drop.empty() && !IsQuietDrop(drop))
      out.drops[drop] += static_cast<int64_t>(count);
  }
  for (const std::string& name : m_simulation.Namespaces().Names())
    if (name.front() == 'n')
      for (const kernel::Link* link : m_simulation.Namespaces().Find(name)->Links())
        out.mtus.try_emplace(link->name, fmt::format("mtu {}", link->mtu));
  return out;
}

json StepLog::Counters(size_t step) const {
  json out = json::object();
  for (const auto& [name, now] : m_after[step].counters) {
    json& rose = out[name] = json::object();
    const auto before = m_before[step].counters.find(name);
    for (const auto& [key, value] : now) {
      int64_t was = 0;
      if (before != m_before[step].counters.end())
        if (auto it = before->second.find(key); it != before->second.end()) was = it->second;
      if (value != was && !IsQuiet(key, m_scenario.ipv6)) rose[key] = value - was;
    }
  }
  return out;
}

json StepLog::Drops(size_t step) const {
  json out = json::object();
  for (const auto& [drop, count] : m_after[step].drops) {
    const auto before = m_before[step].drops.find(drop);
    const int64_t rose = count - (before != m_before[step].drops.end() ? before->second : 0);
    if (rose != 0) out[drop] = rose;
  }
  return out;
}

void StepLog::AddTableAnswers(size_t index, json& result) const {
  const Step& step = m_scenario.steps[index];
  const Snapshot &before = m_before[index], &after = m_after[index];
  auto difference = [](const std::vector<std::string>& a, const std::vector<std::string>& b) {
    json lines = json::array();
    std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(lines));
    return lines;
  };
  auto mtuOf = [&](const std::string& device) {
    const auto it = after.mtus.find(device);
    return it != after.mtus.end() ? it->second : std::string();
  };
  std::string said, device;
  for (const EventOutcome& outcome : m_simulation.Outcomes()) {
    const bool isNext = index + 1 < m_scenario.steps.size() && outcome.at >= m_scenario.steps[index + 1].begin;
    if (outcome.at < step.begin || outcome.at > step.end || isNext) continue;
    said += outcome.output + outcome.error;
    device = LinkOf(outcome.text);
  }
  for (const std::string& key : step.asked) {
    if (key == "fdb_added")
      result[key] = difference(after.fdb, before.fdb);
    else if (key == "fdb_gone")
      result[key] = difference(before.fdb, after.fdb);
    else if (key == "said")
      result[key] = Trimmed(said);
    else if (key == "mtu")
      result[key] = mtuOf(device);
    else if (!step.traffic && after.mtus.count(key))
      result[key] = mtuOf(key);
  }
}

}  // namespace overlaysim::oracle
