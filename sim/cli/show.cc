#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "sim/cli/planned.h"
#include "sim/iproute2/names.h"
#include "sim/iproute2/show.h"
#include "sim/run/plan_json.h"
#include "sim/run/tables_at.h"
#include "sim/verify/plan_commands.h"

namespace overlaysim::cli {
namespace {

using iproute2::Format;
using Json = nlohmann::ordered_json;

struct ShowArguments {
  ScenarioArguments scenario;
  std::string what;
  std::vector<std::string> where;  ///< NODE SCENARIO, or SCENARIO
  bool json = false, pretty = false, details = false, ipv6 = false;
  int statistics = 0;  ///< how often -s was given
  std::string at;      ///< "": the start
  std::string table;   ///< of routes: "main", "local", "all", ...
};

constexpr std::array kTables = {"route", "neigh", "fdb", "link", "addr", "rule", "counters"};
constexpr std::array kLists = {"nodes", "pods", "links", "commands"};

std::string TableText(const kernel::Namespace& ns, const std::string& what, const iproute2::RouteFilter& routes,
                      const iproute2::ShowOptions& options) {
  if (what == "route") return iproute2::RouteShow(ns, routes, options);
  if (what == "neigh") return iproute2::NeighShow(ns, {.family = options.family}, options);
  if (what == "fdb") return iproute2::FdbShow(ns, {}, options);
  if (what == "link") return iproute2::LinkShow(ns, {}, options);
  if (what == "addr") return iproute2::AddrShow(ns, {}, options);
  if (what == "counters") return iproute2::CountersShow(ns, false, options.format);
  return iproute2::RuleShow(ns, {.family = options.family}, options);
}

/// Columns as kubectl prints them.
std::string Columns(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows)
    for (size_t c = 0; c < row.size(); ++c) {
      if (widths.size() <= c) widths.push_back(0);
      widths[c] = std::max(widths[c], row[c].size());
    }
  std::string out;
  for (const auto& row : rows) {
    for (size_t c = 0; c + 1 < row.size(); ++c) out += fmt::format("{:<{}}   ", row[c], widths[c]);
    out += row.back() + "\n";
  }
  return out;
}

std::string Print(const std::vector<std::string>& keys, const std::vector<std::vector<std::string>>& rows, bool json) {
  if (json) {
    Json all = Json::array();
    for (const auto& row : rows) {
      Json object;
      for (size_t c = 0; c < keys.size(); ++c) object[keys[c]] = row[c];
      all.push_back(std::move(object));
    }
    return all.dump(2) + "\n";
  }
  std::vector<std::vector<std::string>> lines{{}};
  for (const std::string& key : keys) {
    lines[0].push_back(key);
    for (char& c : lines[0].back()) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  lines.insert(lines.end(), rows.begin(), rows.end());
  return Columns(lines);
}

std::string AddressOf(const ClusterPlan& plan, NetnsId id) {
  const Ipv4Address address = plan.Materialise(id)->SelectAddress(0, {}, kernel::kScopeGlobal);
  return address.IsZero() ? "" : address.ToString();
}

std::string List(const ClusterPlan& plan, const std::string& what, bool json) {
  std::vector<std::vector<std::string>> rows;
  if (what == "links") {
    for (const CablePlan& cable : plan.cables)
      rows.push_back({cable.name, cable.rate.ToString(), cable.delay.ToString(), cable.up ? "up" : "down"});
    return Print({"name", "rate", "delay", "state"}, rows, json);
  }
  std::vector<std::string> nodeNames;
  for (size_t i = 0; i < plan.NetnsCount(); ++i) {
    const NetnsInfo info = plan.Info(NetnsId(i));
    if (info.role == NetnsRole::Node) nodeNames.push_back(info.name);
    if (what == "nodes" && info.role != NetnsRole::Pod)
      rows.push_back({info.name, RoleName(info.role), AddressOf(plan, info.id)});
    if (what == "pods" && info.role == NetnsRole::Pod)
      rows.push_back({info.name, AddressOf(plan, info.isShared ? plan.Find(nodeNames.at(info.node.value)) : info.id),
                      nodeNames.at(info.node.value)});
  }
  return what == "nodes" ? Print({"name", "role", "address"}, rows, json) : Print({"name", "ip", "node"}, rows, json);
}

int Show(ShowArguments arguments) {
  const bool isList = std::find(kLists.begin(), kLists.end(), arguments.what) != kLists.end();
  if (isList && arguments.where.size() != 1)
    return Complain(kUsage, fmt::format("say overlaysim show {} SCENARIO", arguments.what));
  if (!isList && arguments.where.size() != 2)
    return Complain(kUsage, fmt::format("say overlaysim show {} NODE SCENARIO", arguments.what));
  arguments.scenario.path = arguments.where.back();
  std::optional<Nanoseconds> at;
  if (!arguments.at.empty() && arguments.at != "end") {
    at = Nanoseconds::Parse(arguments.at);
    if (!at || at->count <= 0)
      return Complain(kUsage,
                      fmt::format("--at \"{}\" is no time; say for example --at 1.5s, or --at end", arguments.at));
  }
  iproute2::RouteFilter routes;
  if (!arguments.table.empty()) {
    const auto table = arguments.table == "all" ? std::optional<uint32_t>(0) : iproute2::ParseTable(arguments.table);
    if (!table)
      return Complain(
          kUsage, fmt::format("--table \"{}\" is no routing table; say main, local, all or a number", arguments.table));
    routes.table = *table;
  }
  // Of tables at the start, what happens later need not be planned.
  const bool isStart = arguments.at.empty();
  auto loaded = Load(arguments.scenario, [isStart](scenario::Scenario& s) {
    if (!isStart) return;
    s.traffic.clear();
    s.events.clear();
    s.expect.clear();
    s.capture.clear();
  });
  if (!loaded) return kUsage;
  if (arguments.what == "commands") {
    std::string error;
    const auto commands = verify::CommandsOf(*loaded->plan, error);
    if (!commands) return Complain(kFailed, fmt::format("the plan cannot be said in commands: {}", error));
    fmt::print("{}", verify::ScriptOf(*loaded->plan, *commands));
    return kOk;
  }
  if (isList) {
    fmt::print("{}", List(*loaded->plan, arguments.what, arguments.json));
    return kOk;
  }
  const NetnsId id = FindNamespace(*loaded->plan, arguments.where.front());
  if (!id) return kUsage;
  iproute2::ShowOptions options;
  options.format = arguments.pretty ? Format::PrettyJson : arguments.json ? Format::Json : Format::Text;
  options.details = arguments.details;
  options.statistics = arguments.statistics;
  if (arguments.ipv6) options.family = routes.family = iproute2::Family::Inet6;
  options.netnsName = [&](NetnsId peer) {  // elsewhere namespaces of pods have no names that a person would know
    const NetnsInfo info = loaded->plan->Info(peer);
    return info.role == NetnsRole::Lab ? info.name : std::string();
  };
  if (isStart) {
    fmt::print("{}", TableText(*loaded->plan->Materialise(id), arguments.what, routes, options));
  } else {
    ShowTablesAt(*loaded->plan, at, id, [&](const kernel::Namespace& ns, Nanoseconds now) {
      options.now = now;
      fmt::print("{}", TableText(ns, arguments.what, routes, options));
    });
  }
  return kOk;
}

}  // namespace

void AddShow(CLI::App& program, Action& run) {
  CLI::App* verb =
      AddVerb(program, "show", "Print what ip, bridge and nstat print on a node, pod or switch; or list what there is.",
              {"show route node1 scenarios/tutorial/two-nodes.json",
               "show neigh node1 scenarios/tutorial/two-nodes.json --at end",
               "show link node1 scenarios/tutorial/two-nodes.json -d -j | jq '.[].ifname'",
               "show counters node2 scenarios/behaviour/firewall-closed.json --at end",
               "show links scenarios/tutorial/leaf-spine.json",
               "show commands scenarios/tutorial/two-nodes.json > cluster.sh"});
  auto arguments = std::make_shared<ShowArguments>();
  std::vector<std::string> all(kTables.begin(), kTables.end());
  all.insert(all.end(), kLists.begin(), kLists.end());
  verb->add_option("WHAT", arguments->what,
                   "route, neigh, fdb, link, addr, rule or counters (nstat) of a node; or nodes, pods, links; or "
                   "commands that build it all")
      ->required()
      ->check(CLI::IsMember(all))
      ->type_name("");
  verb->add_option("NODE SCENARIO", arguments->where,
                   "the node, pod or switch, and the scenario's file; lists: only the file")
      ->required()
      ->expected(1, 2);
  verb->add_flag("-j,--json", arguments->json, "iproute2's JSON");
  verb->add_flag("-p,--pretty", arguments->pretty, "the same with line breaks");
  verb->add_flag("-6,--ipv6", arguments->ipv6, "only what is IPv6's; routes and rules are IPv4's without it");
  verb->add_flag("-d,--details", arguments->details, "as ip -d");
  verb->add_flag("-s,--statistics", arguments->statistics, "of links: their counters, as ip -s; -s -s as ip -s -s");
  verb->add_option("--at", arguments->at, "run the scenario up to that time, or to its end, and show the tables then")
      ->type_name("TIME|end");
  verb->add_option("--table", arguments->table, "of routes: main (the default), local, all or a number")
      ->type_name("TABLE");
  AddFormat(*verb, arguments->json, "table");
  arguments->scenario.AddTo(*verb, false);
  verb->callback([arguments, &run] { run = [arguments] { return Show(*arguments); }; });
}

}  // namespace overlaysim::cli
