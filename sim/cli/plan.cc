#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "sim/cli/planned.h"
#include "sim/plan/cluster.h"
#include "sim/plan/distribution/partition.h"

namespace overlaysim::cli {
namespace {

struct PlanArguments {
  ScenarioArguments scenario;
  uint32_t ranks = 1;
  bool json = false;
};

/// "12.3 %"
std::string Percent(double share) { return fmt::format("{:.1f} %", 100 * share); }

double ShareOf(const Partition& partition, const Partition::Part& part) {
  return partition.Work() > 0 ? part.work / partition.Work() : 0;
}

constexpr double kMebibyte = 1 << 20;

std::string Text(const ClusterPlan& plan, const Partition& partition) {
  const CostModel model;
  std::string out =
      fmt::format("{} on {} rank{}\n\n", plan.understood, partition.Ranks(), partition.Ranks() > 1 ? "s" : "");
  out += fmt::format("{:>4}  {:>6}  {:>6}  {:>7}  {:>8}  {:>8}  {:>9}  {:>8}\n", "rank", "racks", "nodes", "pods",
                     "switches", "packets", "cut", "memory");
  for (uint32_t rank = 0; rank < partition.Ranks(); ++rank) {
    const Partition::Part& part = partition.parts[rank];
    out += fmt::format("{:>4}  {:>6}  {:>6}  {:>7}  {:>8}  {:>8}  {:>9}  {:>8}\n", rank, part.racks, part.nodes,
                       part.pods, part.switches, Percent(ShareOf(partition, part)), part.cutCables,
                       fmt::format("{:.0f} MiB", model.Memory(plan, partition, rank) / kMebibyte));
  }
  out += "\n";
  if (partition.Ranks() > 1) {
    out += fmt::format("lookahead      {}, the shortest delay of the {} cables between ranks\n",
                       partition.lookahead.ToString(), partition.cutCables);
    out +=
        fmt::format("windows        {:.0f} in which all ranks wait for each other\n", model.Windows(plan, partition));
  }
  out += fmt::format("one process    {:.3g} s expected\n", model.SecondsAlone(partition));
  if (partition.Ranks() > 1)
    out += fmt::format("{:<14} {:.3g} s expected: {:.2f} times as fast\n", fmt::format("{} ranks", partition.Ranks()),
                       model.SecondsTogether(plan, partition), model.SpeedUp(plan, partition));
  return out;
}

std::string Json(const ClusterPlan& plan, const Partition& partition) {
  const CostModel model;
  nlohmann::ordered_json ranks = nlohmann::ordered_json::array();
  for (uint32_t rank = 0; rank < partition.Ranks(); ++rank) {
    const Partition::Part& part = partition.parts[rank];
    ranks.push_back({{"rank", rank},
                     {"racks", part.racks},
                     {"nodes", part.nodes},
                     {"pods", part.pods},
                     {"switches", part.switches},
                     {"packetShare", ShareOf(partition, part)},
                     {"crossings", part.crossings},
                     {"cutCables", part.cutCables},
                     {"memoryBytes", static_cast<uint64_t>(model.Memory(plan, partition, rank))}});
  }
  const nlohmann::ordered_json json = {{"scenario", plan.name},
                                       {"understood", plan.understood},
                                       {"ranks", std::move(ranks)},
                                       {"cutCables", partition.cutCables},
                                       {"lookaheadNs", partition.lookahead.count},
                                       {"windows", model.Windows(plan, partition)},
                                       {"secondsAlone", model.SecondsAlone(partition)},
                                       {"secondsTogether", model.SecondsTogether(plan, partition)},
                                       {"speedUp", model.SpeedUp(plan, partition)}};
  return json.dump(1) + "\n";
}

int Plan(const PlanArguments& arguments) {
  const auto loaded = Load(arguments.scenario);
  if (!loaded) return kUsage;
  std::string error;
  const auto partition = DividePlan(*loaded->plan, arguments.ranks, error);
  if (!partition) return Complain(kUsage, fmt::format("{}: {}", arguments.scenario.path, error));
  fmt::print("{}", arguments.json ? Json(*loaded->plan, *partition) : Text(*loaded->plan, *partition));
  return kOk;
}

}  // namespace

void AddPlan(CLI::App& program, Action& run) {
  CLI::App* verb = AddVerb(program, "plan", "Say how a run would be divided among ranks, and what to expect of that.",
                           {"plan scenarios/tutorial/leaf-spine.json --ranks 2", "plan large.json --ranks 64",
                            "plan large.json --ranks 8 -o json | jq .speedUp"});
  auto arguments = std::make_shared<PlanArguments>();
  arguments->scenario.AddTo(*verb);
  verb->add_option("--ranks", arguments->ranks, "how many processes: as mpirun -n (docs/distributed.md)")
      ->type_name("N")
      ->check(CLI::Range(size_t{1}, plan::kMaxNodes));
  AddFormat(*verb, arguments->json, "text");
  verb->callback([arguments, &run] { run = [arguments] { return Plan(*arguments); }; });
}

}  // namespace overlaysim::cli
