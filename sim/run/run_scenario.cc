#include "sim/run/run_scenario.h"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <fstream>
#include <set>
#include <thread>

#include "models/engine/engine.h"
#include "models/engine/transport.h"
#include "models/wire/frame_codec.h"
#include "sim/base/check.h"
#include "sim/import/reader.h"
#include "sim/plan/compile.h"
#include "sim/plan/flow_sizes.h"
#include "sim/run/distribution/distribution.h"
#include "sim/run/distribution/rank_parts.h"
#include "sim/run/plan_json.h"
#include "sim/run/prompt.h"
#include "sim/run/recorder.h"
#include "sim/run/simulation.h"
#include "sim/run/version.h"
#include "sim/trace/capture_filter.h"
#include "sim/trace/digest.h"

namespace overlaysim {
namespace fs = std::filesystem;

namespace {

/// The file has errors already; what can be said of the rest is said too. Only where a line stands for itself: what an
/// error has left out of the scenario would be missed elsewhere.
void ReportMore(const scenario::Scenario& scenario, Diagnostics& diagnostics) {
  const auto nothing = [](const std::vector<std::string>&, Diagnostics&) { return import::ImportedCluster{}; };
  const auto imports = [](const auto& items) {
    return std::any_of(items.begin(), items.end(), [](const auto& item) { return item.import.has_value(); });
  };
  const bool isWhole = !scenario.lab && !scenario.cluster.nodes.empty() && !imports(scenario.cluster.nodes) &&
                       !imports(scenario.cluster.pods) && !scenario.cluster.cni.import;
  if (!isWhole) return;
  Diagnostics more;
  CompilePlan(scenario, nothing, more);
  const std::vector<Diagnostic> known = diagnostics.All();
  for (const Diagnostic& d : more.All()) {
    const bool isKnown = std::any_of(known.begin(), known.end(), [&](const Diagnostic& k) {
      return k.place.file == d.place.file && k.place.line == d.place.line;
    });
    if (d.severity == Severity::Error && d.place.line > 0 && !isKnown) diagnostics.Error(d.place, d.message);
  }
}

/// Files that the planner reads besides the cluster's own, each once.
std::vector<scenario::Text> NamedFiles(const scenario::Scenario& scenario) {
  std::vector<scenario::Text> files;
  std::set<std::string> paths;
  const auto add = [&](const scenario::Text& file) {
    if (paths.insert(scenario.PathOf(file)).second) files.push_back(file);
  };
  for (const scenario::Node& node : scenario.cluster.nodes)
    for (const scenario::TextLines* rules : {&node.firewall.iptables, &node.firewall.ip6tables, &node.firewall.nft})
      if (const scenario::Text* file = rules->File()) add(*file);
  for (const scenario::Traffic& traffic : scenario.traffic) {
    if (traffic.sizes && plan::FlowSizes::IsFile(traffic.sizes->value)) add(*traffic.sizes);
    if (!traffic.pairs.value.by.empty()) add({traffic.pairs.value.by, traffic.pairs.place});
  }
  return files;
}

}  // namespace

std::optional<LoadedPlan> LoadPlan(const std::string& path, const scenario::LoadOptions& options,
                                   Diagnostics& diagnostics, const std::function<void(scenario::Scenario&)>& edit) {
  scenario::LoadOptions all = options;
  all.keepGoing = true;
  auto scenario = scenario::LoadScenario(path, all, diagnostics);
  if (!scenario) return std::nullopt;
  if (diagnostics.HasErrors()) {
    ReportMore(*scenario, diagnostics);
    return std::nullopt;
  }
  if (edit) {
    edit(*scenario);
    scenario::FillDefaults(*scenario);
  }
  LoadedPlan loaded;
  loaded.scenarioPath = path;
  loaded.text = options.text;
  loaded.sources = scenario->sources;
  auto load = [&](const std::vector<std::string>& paths, Diagnostics& d) {
    loaded.imported = paths;
    return import::ImportFiles(paths, d);
  };
  loaded.plan = CompilePlan(*scenario, load, diagnostics);
  for (const scenario::Text& file : NamedFiles(*scenario)) loaded.imported.push_back(scenario->PathOf(file));
  if (!loaded.plan) return std::nullopt;
  return loaded;
}

namespace {

const std::string kApplication = fmt::format("overlaysim {}", kProgramVersion);

/// Files by their path from the scenario's folder, so that a digest does not depend on where a person keeps them.
std::vector<RunInput> InputsOf(const LoadedPlan& loaded, const RunRequest& request, std::string& error) {
  std::vector<RunInput> inputs;
  const fs::path folder = fs::path(loaded.scenarioPath).parent_path();
  auto addFile = [&](const std::string& path) {
    std::string name = fs::path(path).lexically_relative(folder.empty() ? "." : folder).generic_string();
    if (name.empty() || fs::path(path).is_absolute() != folder.is_absolute()) name = fs::path(path).filename().string();
    if (loaded.text && path == loaded.scenarioPath)
      return inputs.push_back(RunInput::Of(std::move(name), *loaded.text));
    const auto digest = Sha256OfFile(path, error);
    std::error_code failed;
    if (digest) inputs.push_back({std::move(name), fs::file_size(path, failed), *digest});
  };
  for (const std::string& source : loaded.sources) {
    if (source.empty()) continue;
    if (source.rfind("--", 0) == 0)
      inputs.push_back(RunInput::Of(source, ""));
    else
      addFile(source);
  }
  for (const std::string& path : loaded.imported) addFile(path);
  if (!request.writeTrace) inputs.push_back(RunInput::Of("--no-trace", ""));
  if (!request.writeCaptures) inputs.push_back(RunInput::Of("--no-capture", ""));
  return inputs;
}

/// "": the usual.
std::string MeaningOfTrace(const RecordedPackets& recorded) {
  if (recorded.IsAll()) return {};
  return fmt::format("every step of {} and of what they cause, and all tables that these met", recorded.text);
}

/// When the last line of traffic will have sent its last packet, or the duration.
Nanoseconds ExpectedEnd(const ClusterPlan& plan) {
  if (plan.duration.count > 0) return plan.duration;
  Nanoseconds end;
  for (const Workload& w : plan.workloads)
    end = std::max(end, w.start + w.interval * static_cast<int64_t>(w.count > 0 ? w.count - 1 : 0));
  return end;
}

/// Runs the simulation and tells of its progress meanwhile.
void RunWatched(Simulation& simulation, const std::function<void(const RunProgress&)>& progress) {
  static const std::function<void(const RunProgress&)>* told;
  static Nanoseconds expectedEnd;
  told = &progress;
  expectedEnd = ExpectedEnd(simulation.Plan());
  if (progress) engine::SetProgress([](uint64_t events) { (*told)({engine::Now(), expectedEnd, events}); });
  simulation.Run();
  engine::SetProgress(nullptr);
}

void TakeOutputs(const Simulation& simulation, RunOutcome& outcome) {
  for (const Workload& workload : simulation.Plan().workloads) {
    const traffic::Flow* flow = simulation.FlowOf(workload.id);
    if (!flow || workload.isProbe || workload.isBulk) continue;
    const traffic::FlowResult& r = flow->Result();
    if (r.output.empty() && r.errorOutput.empty()) continue;
    if (outcome.outputs.size() == RunOutcome::kMaxOutputs)
      ++outcome.outputsLeftOut;
    else
      outcome.outputs.push_back({workload.id,
                                 PromptOf(workload, simulation.Plan().Info(workload.from).role == NetnsRole::Pod),
                                 r.output, r.errorOutput, r.exit});
  }
}

double CpuSeconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// What this process has in memory, in bytes.
uint64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t pages = 0;
  statm >> pages >> pages;
  return pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

/// What the simulation itself cost, for benchmarks: apart from reading the scenario and writing files.
struct Cost {
  double cpuBefore = CpuSeconds();
  uint64_t residentBefore = ResidentBytes();
  std::chrono::steady_clock::time_point wallBefore = std::chrono::steady_clock::now();
  double cpuAfter = 0, wallSeconds = 0;
  void End() {
    cpuAfter = CpuSeconds();
    wallSeconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - wallBefore).count();
  }
};

std::map<std::string, std::string> HostFacts(std::chrono::steady_clock::time_point begin, const Cost& cost) {
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return {{"endedAt", text},
          {"wallMilliseconds", fmt::format("{}", took.count())},
          {"setupCpuSeconds", fmt::format("{:.4f}", cost.cpuBefore)},
          {"setupResidentBytes", fmt::format("{}", cost.residentBefore)},
          {"loopCpuSeconds", fmt::format("{:.4f}", cost.cpuAfter - cost.cpuBefore)},
          {"loopWallSeconds", fmt::format("{:.4f}", cost.wallSeconds)},
          {"cores", fmt::format("{}", std::thread::hardware_concurrency())},
          {"compiler", __VERSION__}};
}

}  // namespace

bool RunOutcome::AllHeld() const {
  return std::all_of(judgements.begin(), judgements.end(), [](const Judgement& j) { return j.held; });
}

void InterruptRun() { engine::Interrupt(); }

std::string CheckFilters(const ClusterPlan& plan) {
  for (const CapturePoint& point : plan.captures) {
    FilterError why;
    if (!CaptureFilter::Compile(point.filter, why, LinkTypeOf(point)))
      return fmt::format("capture on {}/{}: filter \"{}\": {}", plan.Info(point.netns).name, point.device, point.filter,
                         why.ToString());
  }
  return {};
}

std::optional<CaptureOutcome> RunCapture(const ClusterPlan& plan, const fs::path& file,
                                         const std::function<void(const RunProgress&)>& progress, std::string& error) {
  error = CheckFilters(plan);
  if (!error.empty()) return std::nullopt;
  Simulation simulation(plan);
  Recorder recorder(simulation, {.packets = file, .application = kApplication});
  RunWatched(simulation, progress);
  error = recorder.Finish();
  if (!error.empty()) return std::nullopt;
  return CaptureOutcome{recorder.FrameCount(), !simulation.WasInterrupted()};
}

namespace {

/// Rank 0 learns what all have come to. False, on rank 0, with the error that a rank has met.
bool GatherResults(engine::Transport& ranks, Simulation& simulation, const std::string& failure, uint64_t& frames,
                   std::string& error) {
  std::vector<uint8_t> mine;
  wire::ByteWriter writer(mine);
  writer.Put(frames);
  writer.Put(static_cast<uint64_t>(failure.size()));
  writer.Put(failure.data(), failure.size());
  if (ranks.Rank() != 0) {
    const std::vector<uint8_t> results = simulation.Results();
    writer.Put(results.data(), results.size());
  }
  const std::vector<std::vector<uint8_t>> all = ranks.Gather(mine);
  for (size_t rank = 1; rank < all.size(); ++rank) {
    wire::ByteReader reader(all[rank]);
    uint64_t theirs = 0, bytes = 0;
    OVERLAYSIM_CHECK(reader.Take(theirs) && reader.Take(bytes) && bytes <= reader.Left(), "no result");
    std::string why(bytes, '\0');
    reader.Take(why.data(), bytes);
    if (!why.empty() && error.empty()) error = std::move(why);
    frames += theirs;
    simulation.Absorb(std::span(all[rank]).last(reader.Left()));
  }
  return error.empty();
}

}  // namespace

std::optional<RunOutcome> RunScenario(LoadedPlan& loaded, const RunRequest& request, std::string& error) {
  const auto begin = std::chrono::steady_clock::now();
  ClusterPlan& plan = *loaded.plan;
  if (!request.writeCaptures) plan.captures.clear();
  engine::Transport* const ranks = request.ranks;
  const bool isFirst = !ranks || ranks->Rank() == 0;
  auto failed = [&](std::string why) {
    if (error.empty()) error = std::move(why);
    return !error.empty();
  };
  if (failed(CheckFilters(plan))) return std::nullopt;
  std::optional<Partition> partition;
  std::optional<Distribution> distribution;
  if (ranks) {
    partition = DividePlan(plan, ranks->Ranks(), error);
    if (!partition) return std::nullopt;
    if (request.writeTrace && !plan.recorded.IsAll() && !plan.expectations.empty() &&
        failed("a sample of packets cannot be recorded among several ranks while expectations are judged, which want "
               "the records of all: give --no-trace (not supported yet)"))
      return std::nullopt;
    distribution.emplace(*partition, *ranks);
  }

  std::optional<RunDirectory> directory;  // rank 0's
  if (isFirst) {
    RunOptions options{.root = request.root,
                       .directory = request.directory,
                       .programVersion = kProgramVersion,
                       .modelVersion = kModelVersion,
                       .name = plan.name,
                       .description = plan.description,
                       .seed = plan.seed,
                       .inputs = InputsOf(loaded, request, error)};
    if (error.empty()) directory = RunDirectory::Create(options, error);
    const auto writePlan = [&](OutputFile& file) { WritePlan(plan, file); };
    if (directory && !failed(directory->AddFile(run_file::kPlan)) &&
        !failed(ReplaceFile(directory->File(run_file::kPlan), writePlan)) &&
        !failed(directory->AddFile(run_file::kPackets)) && request.writeTrace)
      failed(directory->AddFile(run_file::kTrace, MeaningOfTrace(plan.recorded)));
  }
  if (ranks) error = ranks->Share(error);
  if (!error.empty()) return std::nullopt;
  fs::path path;
  if (ranks)
    path = ranks->Share(directory ? fs::absolute(directory->Path()).string() : "");
  else
    path = directory->Path();
  auto file = [&path](std::string_view name) { return path / name; };

  if (isFirst && request.onBegin) request.onBegin();
  const std::vector<int64_t> mtus = MeasureMtus(plan);
  RunOutcome outcome;
  outcome.directory = isFirst ? directory->Path() : path;
  Simulation simulation(plan, distribution ? &*distribution : nullptr);
  RecorderOptions recording{
      .packets = file(run_file::kPackets), .application = kApplication, .account = !plan.expectations.empty()};
  if (request.writeTrace) recording.trace = file(run_file::kTrace);
  if (ranks) {
    const RankParts parts(path, ranks->Rank());
    recording.packets = parts.packets;
    if (request.writeTrace) recording.trace = parts.trace;
    recording.ranks = RankFiles{ranks->Rank(), parts.order, {}};
    if (request.writeTrace || recording.account) recording.ranks->log = parts.log;
  }
  Recorder recorder(simulation, recording);
  PrepareJudging(plan, recorder.Account());
  simulation.Net().takesShortcuts = request.takesShortcuts;
  Cost cost;
  try {
    RunWatched(simulation, isFirst ? request.progress : nullptr);
  } catch (const engine::RankLost& lost) {
    recorder.Finish();
    throw engine::RankLost(fmt::format("{}; what rank {} has captured is in {}", lost.what(), ranks->Rank(),
                                       recording.trace.empty()
                                           ? recording.packets.string()
                                           : recording.packets.string() + " and " + recording.trace.string()));
  }
  cost.End();
  const std::string written = recorder.Finish();
  outcome.frames = recorder.FrameCount();
  if (ranks && !GatherResults(*ranks, simulation, written, outcome.frames, error)) return std::nullopt;
  if (failed(written)) return std::nullopt;
  outcome.complete = !simulation.WasInterrupted();
  if (!isFirst) return outcome;
  outcome.records = recorder.RecordCount();
  if (ranks && failed(MergeParts(path, ranks->Ranks(), recording, simulation, recorder.Account(), outcome.records)))
    return std::nullopt;

  outcome.unaccounted = simulation.FindUnaccounted();
  outcome.metrics = simulation.Metrics();
  const FlowAccount& account = recorder.Account();
  for (size_t i = 0; i < outcome.metrics.flows.size(); ++i)
    if (const VerdictCounts* losses = account.LossesOf(FlowId(i))) outcome.metrics.flows[i].verdicts = *losses;
  outcome.judgements = Judge(simulation, account, mtus);
  for (const Judgement& j : outcome.judgements)
    outcome.metrics.expectations.push_back({j.text, j.expected, j.found, j.held});
  if (failed(directory->WriteFile(run_file::kMetrics, MetricsToJson(outcome.metrics)))) return std::nullopt;
  outcome.losses = account.Losses();
  if (!simulation.Net().observeRecords)
    for (size_t v = 0; v < static_cast<size_t>(Verdict::Count); ++v)
      if (const auto verdict = static_cast<Verdict>(v); IsDrop(verdict) && verdict != Verdict::OtherHost)
        outcome.losses.Add(verdict, outcome.metrics.verdicts.Get(verdict));
  outcome.crossings = account.Crossings();
  outcome.fragmented = account.Fragmented();
  outcome.events = simulation.Outcomes();
  TakeOutputs(simulation, outcome);
  if (failed(directory->Finish(
          outcome.complete, simulation.EndedAt(),
          {{"events", outcome.metrics.events}, {"frames", outcome.frames}, {"records", outcome.records}},
          HostFacts(begin, cost))))
    return std::nullopt;
  return outcome;
}

}  // namespace overlaysim
