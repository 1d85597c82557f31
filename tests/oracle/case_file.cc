#include "tests/oracle/case_file.h"

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>

#include "sim/scenario/load.h"
#include "tests/oracle/lab_processes.h"

namespace overlaysim::oracle {
namespace {

using nlohmann::json;
using scenario::Located;
using scenario::Traffic;
using scenario::TrafficType;

scenario::Df DfOf(const json& value) {
  if (value == "want") return scenario::Df::Want;
  return value == true ? scenario::Df::Do : scenario::Df::Dont;
}

IpAddress AddressOf(const json& value) {
  const auto address = IpAddress::Parse(value.get<std::string>());
  if (!address) throw std::runtime_error("not an address: " + value.get<std::string>());
  return *address;
}

/// What is alike in icmp_echo, udp and tcp.
Traffic BasicTraffic(const json& d, TrafficType type) {
  Traffic t;
  t.type = type;
  t.from = scenario::Text(d.at("at").get<std::string>());
  t.to = scenario::Text(AddressOf(d.at("dst")).ToString());
  if (d.contains("src")) t.source = AddressOf(d["src"]);
  if (type != TrafficType::Tcp) t.autoFlowLabel = Located<bool>(false);  // as the captures' sockets set it
  if (d.contains("ttl")) t.ttl = Located<uint8_t>(d["ttl"].get<uint8_t>());
  if (d.contains("tos")) t.tos = Located<uint8_t>(d["tos"].get<uint8_t>());
  if (d.contains("df")) t.df = Located<scenario::Df>(DfOf(d["df"]));
  if (d.contains("payload")) t.payload = Located<Bytes>(Bytes{d["payload"].get<int64_t>()});
  if (d.contains("wait_ms")) t.wait = Located<Nanoseconds>(Milliseconds(d["wait_ms"].get<int64_t>()));
  if (d.contains("sport")) t.sport = Located<uint16_t>(d["sport"].get<uint16_t>());
  if (d.contains("dport")) t.port = Located<uint16_t>(d["dport"].get<uint16_t>());
  return t;
}

std::optional<scenario::Listen> ListenerOf(const json& d) {
  scenario::Listen listen;
  listen.on =
      d.contains("to") && d["to"].is_string() ? scenario::Text(d["to"].get<std::string>()) : scenario::Text("none");
  return listen;
}

std::optional<Traffic> TrafficOf(const json& d) {
  const std::string op = d.value("op", "");
  if (op == "icmp_echo") {
    Traffic t = BasicTraffic(d, TrafficType::Echo);
    t.id = Located<uint16_t>(d.at("id").get<uint16_t>());
    t.seq = Located<uint16_t>(d.at("seq").get<uint16_t>());
    t.count = Located<uint64_t>(1);
    return t;
  }
  if (op == "udp") {
    Traffic t = BasicTraffic(d, TrafficType::Udp);
    t.packets = Located<uint64_t>(1);
    t.listen = ListenerOf(d);
    return t;
  }
  if (op == "tcp") {
    Traffic t = BasicTraffic(d, TrafficType::Tcp);
    t.up = Located<Bytes>(Bytes{d.at("up").get<int64_t>()});
    t.down = Located<Bytes>(Bytes{d.at("down").get<int64_t>()});
    t.wait = Located<Nanoseconds>(Seconds(4));  // the settimeout() of the captures' own client and server
    t.listen = ListenerOf(d);
    return t;
  }
  if (op == "inject") {
    Traffic t;
    t.type = TrafficType::Inject;
    std::string at = d.at("at");
    at[at.find('.')] = '/';
    t.on = scenario::Text(at);
    for (const json& frame : d.at("frames")) t.frames.push_back(scenario::Text(frame.get<std::string>()));
    if (d.contains("listen")) {
      const json& l = d["listen"];
      scenario::Listen listen;
      listen.on = scenario::Text(l.at("at").get<std::string>());
      listen.address = AddressOf(l.at("addr"));
      listen.port = Located<uint16_t>(l.at("port").get<uint16_t>());
      listen.wait = Located<Nanoseconds>(Milliseconds(l.at("wait_ms").get<int64_t>()));
      t.listen = listen;
    }
    return t;
  }
  if (op == "command") {
    Traffic t;
    t.type = TrafficType::Command;
    t.on = scenario::Text(d.at("at").get<std::string>());
    t.command = scenario::Text(d.at("cmd").get<std::string>());
    return t;
  }
  return std::nullopt;
}

/// The log of the lab's own settings has no quotes: all behind the `=` is the value.
std::string QuoteSetting(const std::string& command) {
  static const std::regex unquoted(R"((.* sysctl -w [^= ]+=)([^='"]*\s[^='"]*))");
  std::smatch parts;
  return std::regex_match(command, parts, unquoted) ? fmt::format("{}'{}'", parts.str(1), parts.str(2)) : command;
}

std::vector<std::string> KeysOf(const json& object) {
  std::vector<std::string> keys;
  if (object.is_object())
    for (const auto& item : object.items()) keys.push_back(item.key());
  return keys;
}

/// The captures' lab keeps neighbours of both families from being probed again, and writes down IPv4's alone.
void KeepFromProbing6(CaseScenario& s) {
  const std::string family = "net.ipv4.neigh.";
  auto& setup = s.scenario.lab->setup;
  for (size_t i = 0, count = setup.size(); i < count; ++i) {
    const std::string text = setup[i].value;
    const size_t at = text.find(family);
    if (at != std::string::npos && text.find(".delay_first_probe_time=") != std::string::npos)
      setup.push_back(scenario::Text(text.substr(0, at) + "net.ipv6.neigh." + text.substr(at + family.size())));
  }
}

/// Typed commands get the process ids that they had: ping's identifier. Changes of a step's own come after its start.
void GiveProcessIds(CaseScenario& s, LabProcesses& processes) {
  std::vector<std::string> setup;
  for (const auto& command : s.scenario.lab->setup) setup.push_back(command.value);
  processes.Setup(setup, s.captured);
  size_t change = 0;
  auto changesBefore = [&](Nanoseconds time) {
    for (; change < s.scenario.events.size() && s.scenario.events[change].at.value < time; ++change)
      processes.Change(s.scenario.events[change].exec->value);
  };
  for (Step& step : s.steps) {
    changesBefore(step.begin);
    const size_t watched = step.watched ? step.watched->size() : 0;
    processes.Count(watched);
    if (step.traffic) {
      scenario::Traffic& traffic = s.scenario.traffic[*step.traffic];
      if (step.op == "command")
        traffic.id = Located<uint16_t>(static_cast<uint16_t>(processes.Typed()));
      else  // the sender, and a receiver where there is one
        processes.Fork(traffic.listen && traffic.listen->on.value != "none" ? 2 : 1);
    }
    changesBefore(step.end);
    processes.Count(watched);
  }
  changesBefore(s.scenario.duration->value);
  processes.Finish(s.ipv6);
}

CaseScenario ReadScenario(const json& s) {
  CaseScenario out;
  out.name = s.at("scenario");
  scenario::Scenario& sc = out.scenario;
  sc.name = out.name;
  sc.description = scenario::Text(s.value("about", ""));
  sc.lab.emplace();
  for (const json& command : s.at("setup")) {
    const std::string text = QuoteSetting(command);
    sc.lab->setup.push_back(scenario::Text(text));
    out.ipv6 |= text.find("net.ipv6.conf.all.disable_ipv6=0") != std::string::npos;
    out.offload &= text.find(" gso off gro off") == std::string::npos;
  }
  if (s.contains("changes"))
    for (const json& change : s["changes"]) {
      scenario::Event event;
      event.at = Milliseconds(change.at("at_ms").get<int64_t>());
      event.exec = scenario::Text(QuoteSetting(change.at("cmd").get<std::string>()));
      sc.events.push_back(event);
    }
  for (const json& point : s.at("captured")) {
    out.captured.push_back(point);
    std::string on = point;
    on[on.find('.')] = '/';
    scenario::Capture capture;
    capture.on = scenario::Text(on);
    sc.capture.push_back(capture);
  }
  int64_t endMs = 0;
  for (const json& step : s.at("steps")) {
    const int64_t atMs = step.at("at_ms");
    endMs = std::max(endMs, atMs + step.value("lasts_ms", int64_t{0}));
    Step made{.name = step.at("name"), .op = step.at("do").value("op", ""), .what = step["do"].dump(), .traffic = {}};
    made.begin = Milliseconds(atMs);
    made.end = Milliseconds(atMs + step.value("lasts_ms", int64_t{0}));
    if (step.contains("counters")) made.watched = KeysOf(step["counters"]);
    made.asked = KeysOf(step.value("result", json()));
    if (auto traffic = TrafficOf(step["do"])) {
      traffic->start.value.at = Milliseconds(atMs);
      traffic->name = scenario::Text(made.name);
      made.traffic = sc.traffic.size();
      sc.traffic.push_back(*traffic);
    }
    out.steps.push_back(made);
  }
  sc.duration = Located<Nanoseconds>(Milliseconds(endMs + 100));
  scenario::FillDefaults(sc);
  return out;
}

}  // namespace

std::optional<std::vector<CaseScenario>> ReadCase(const std::string& directory, std::string& error) {
  const std::string path = directory + "/expect.json";
  std::ifstream file(path);
  if (!file) {
    error = fmt::format("{}: cannot be read", path);
    return std::nullopt;
  }
  std::vector<CaseScenario> all;
  try {
    const json document = json::parse(file);
    LabProcesses processes;
    for (const json& s : document.at("scenarios")) {
      try {
        all.push_back(ReadScenario(s));
        GiveProcessIds(all.back(), processes);
        if (all.back().ipv6) KeepFromProbing6(all.back());
      } catch (const std::exception& e) {
        all.push_back({.name = s.at("scenario"), .error = e.what()});
      }
    }
  } catch (const std::exception& e) {
    error = fmt::format("{}: {}", path, e.what());
    return std::nullopt;
  }
  return all;
}

}  // namespace overlaysim::oracle
