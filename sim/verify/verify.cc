#include "sim/verify/verify.h"

#include <fmt/format.h>
#include <time.h>

#include <set>

#include "sim/iproute2/command.h"
#include "sim/run/observe_run.h"
#include "sim/run/run_scenario.h"
#include "sim/verify/command_policy.h"
#include "sim/verify/isolation.h"
#include "sim/verify/kernel_capture.h"
#include "sim/verify/kernel_traffic.h"
#include "sim/verify/report.h"
#include "sim/verify/requirements.h"
#include "sim/verify/verifiable_plan.h"

namespace overlaysim::verify {
namespace {

/// Frames of the last moment may be a little later on the kernel.
constexpr Nanoseconds kGrace = FrameComparison::kEdge;
/// How much longer transfers and commands may take there.
constexpr Nanoseconds kPatience = Seconds(15);
constexpr Nanoseconds kBeforeBegin = Milliseconds(50);

using Print = std::function<void(const std::string&)>;

Nanoseconds RealTime() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return Seconds(now.tv_sec) + Nanoseconds{now.tv_nsec};
}

FrameKnowledge KnowledgeOf(const ClusterPlan& plan) {
  FrameKnowledge known;
  for (size_t i = 0; i < plan.NetnsCount(); ++i) {
    const auto ns = plan.Materialise(NetnsId(i));
    for (const kernel::Link* link : ns->Links())
      if (kernel::IsUdpTunnel(link->kind)) known.vxlanPorts.insert(link->vxlan.dstPort);
  }
  for (const Workload& w : plan.workloads)
    if (w.kind == WorkloadKind::Ping) known.echoIds.insert(EchoIdOf(w));
  return known;
}

/// Cables that events plug and unplug.
std::set<CableId> BreakableCables(const ClusterPlan& plan) {
  std::set<CableId> out;
  for (const TimedEvent& event : plan.events)
    if (event.kind == TimedEvent::Kind::CableDown || event.kind == TimedEvent::Kind::CableUp) out.insert(event.cable);
  return out;
}

/// The plan's side that runs on the kernel.
class KernelRun {
 public:
  KernelRun(const ClusterPlan& plan, const NetnsNames& names, KernelLab& lab)
      : m_plan(plan), m_names(names), m_lab(lab), m_capture(lab, m_loop, plan), m_traffic(lab, m_loop, plan) {}

  void Run(Nanoseconds end) {
    for (const TimedEvent& event : m_plan.events) m_loop.At(event.at, [this, &event] { CarryOut(event); });
    m_traffic.Schedule();
    m_loop.Begin(kBeforeBegin);
    m_capture.Begin(RealTime() + kBeforeBegin);
    m_loop.Run(end + kGrace, end + kPatience, [this] { return m_traffic.IsDone(); });
    m_traffic.Finish();
    m_capture.Finish();
    m_end = end + kGrace;
  }

  std::vector<std::vector<SeenFrame>> Frames() const { return m_capture.Frames(m_end); }
  uint64_t Lost() const { return m_capture.Lost(); }
  const std::vector<KernelFlow>& Flows() const { return m_traffic.Flows(); }
  const std::vector<ProgramResult>& Outcomes() const { return m_outcomes; }

 private:
  void CarryOut(const TimedEvent& event) {
    ProgramResult result{0, ""};
    switch (event.kind) {
      case TimedEvent::Kind::Exec: {
        PermittedCommand permitted;
        std::string why;
        Permit(iproute2::SplitCommand(event.command).value_or(std::vector<std::string>{}), permitted, why);
        const std::string at = event.on.IsNone() ? "" : m_names.Of(event.on);
        result = m_lab.RunConfined({permitted.netns.empty() ? at : permitted.netns, permitted.argv});
        m_lab.SetConditionsOfNewDevices();
        m_capture.Open();
        break;
      }
      case TimedEvent::Kind::CableDown:
      case TimedEvent::Kind::CableUp:
        for (const PlanCommand& command : CableSwitch(m_names, event.cable, event.kind == TimedEvent::Kind::CableUp))
          result = m_lab.Run(command);
        break;
      case TimedEvent::Kind::CableChange:  // cables of the kernel have neither rate nor delay (NotesOn())
      case TimedEvent::Kind::Notice:
        break;
      case TimedEvent::Kind::RoutesReconverge:
        for (const PlanCommand& command : RouteChanges(m_plan, m_names, m_epoch, event.epoch)) m_lab.Run(command);
        m_epoch = event.epoch;
        break;
    }
    m_outcomes.push_back(std::move(result));
  }

  const ClusterPlan& m_plan;
  const NetnsNames& m_names;
  KernelLab& m_lab;
  EventLoop m_loop;
  KernelCapture m_capture;
  KernelTraffic m_traffic;
  std::vector<ProgramResult> m_outcomes;
  uint32_t m_epoch = 0;
  Nanoseconds m_end;
};

/// Compares all that two runs have shown. Answers how many things differ.
size_t CompareRuns(const ClusterPlan& plan, const ObservedRun& simulated, const KernelRun& real,
                   const VerifyOptions& options, const Print& print) {
  size_t alike = 0, different = 0;
  FrameComparison frames(KnowledgeOf(plan), simulated.endedAt);
  const auto realFrames = real.Frames();
  for (size_t i = 0; i < plan.captures.size(); ++i) {
    const CapturePoint& point = plan.captures[i];
    std::vector<SeenFrame> ours;
    for (const ObservedRun::Frame& frame : simulated.frames[i]) ours.push_back({frame.at, frame.bytes});
    const PointComparison compared =
        frames.Compare(fmt::format("{}/{}", plan.Info(point.netns).name, point.device), ours, realFrames[i]);
    alike += compared.alike;
    different += compared.differences.size();
    print(PointReport(compared, options.shown));
  }
  const size_t framesDiffer = different;
  for (const Workload& w : plan.workloads) {
    const ObservedRun::Flow& a = simulated.flows[w.id.value];
    const KernelFlow& b = real.Flows()[w.id.value];
    if (w.kind == WorkloadKind::Command) {
      const std::string left = ComparableOutput(a.output), right = ComparableOutput(b.output);
      if (left == right && a.exit == b.exit) continue;
      print(fmt::format("{} on {}: the outputs differ\n--- simulator (exit {})\n{}--- kernel (exit {})\n{}", w.command,
                        w.fromName, a.exit, left, b.exit, right));
    } else if (w.kind == WorkloadKind::Tcp) {
      if (a.deliveredBytes == b.deliveredBytes) continue;
      print(fmt::format("{}: {} bytes came through in the simulator, {} on the kernel\n", w.name, a.deliveredBytes,
                        b.deliveredBytes));
    } else {
      if (a.deliveredPackets == b.deliveredPackets) continue;
      print(fmt::format("{}: {} packets were {} in the simulator, {} on the kernel\n", w.name, a.deliveredPackets,
                        w.kind == WorkloadKind::Ping ? "answered" : "delivered", b.deliveredPackets));
    }
    ++different;
  }
  for (size_t i = 0; i < std::min(simulated.events.size(), real.Outcomes().size()); ++i) {
    const EventOutcome& a = simulated.events[i];
    const ProgramResult& b = real.Outcomes()[i];
    if (a.exit == b.exit && ComparableOutput(a.output + a.error) == ComparableOutput(b.output)) continue;
    print(fmt::format("{}: the answers differ\n--- simulator (exit {})\n{}--- kernel (exit {})\n{}", a.text, a.exit,
                      a.output + a.error, b.exit, b.output));
    ++different;
  }
  if (real.Lost() > 0) {
    print(fmt::format("the kernel had no room for {} frames of the capture: try again, or with less traffic\n",
                      real.Lost()));
    ++different;
  }
  print(fmt::format("{} frames alike, {} differ; traffic and commands: {} of {} alike\n", alike, framesDiffer,
                    plan.workloads.size() + simulated.events.size() - (different - framesDiffer),
                    plan.workloads.size() + simulated.events.size()));
  return different;
}

/// Inside namespaces of its own.
VerifyVerdict RunOnKernel(const ClusterPlan& plan, const std::vector<PlanCommand>& commands,
                          const ObservedRun& simulated, const VerifyOptions& options, const Print& print) {
  const std::vector<std::string> missing = MissingInKernel(plan);
  for (const std::string& what : missing) print("missing: " + what + "\n");
  if (!missing.empty()) return VerifyVerdict::NothingRan;
  const NetnsNames names(plan);
  KernelLab lab(names);
  std::string why = lab.Build(commands);
  if (why.empty()) why = lab.WaitForCarriers(plan);
  if (!why.empty()) {
    print("the lab cannot be built: " + why + "\n");
    return VerifyVerdict::Failed;
  }
  KernelRun run(plan, names, lab);
  run.Run(simulated.endedAt);
  return CompareRuns(plan, simulated, run, options, print) == 0 ? VerifyVerdict::Alike : VerifyVerdict::Different;
}

}  // namespace

VerifyVerdict Verify(const ClusterPlan& base, const VerifyOptions& options, const Print& print) {
  const VerifiablePlan plan(base, options.everywhere);
  std::vector<std::string> reasons = WhyNotVerifiable(plan);
  std::string error = CheckFilters(plan);
  if (!error.empty()) reasons.push_back(error);
  for (const std::string& reason : reasons) print("cannot be verified: " + reason + "\n");
  if (!reasons.empty()) return VerifyVerdict::Refused;
  const auto commands = CommandsOf(plan, error, BreakableCables(plan));
  if (!commands) {
    print("cannot be verified: " + error + "\n");
    return VerifyVerdict::Refused;
  }
  const std::vector<std::string> missing = MissingOnThisMachine(plan, *commands);
  for (const std::string& what : missing) print("missing: " + what + "\n");
  if (!missing.empty()) return VerifyVerdict::NothingRan;

  const std::string release = KernelRelease();
  print(fmt::format("{}: the simulator against Linux {}\n", plan.name, release));
  for (const std::string& difference : KnownDifferences(release)) print("known to differ there: " + difference + "\n");
  for (const std::string& note : NotesOn(plan)) print("note: " + note + "\n");
  const ObservedRun simulated = ObserveRun(plan);
  const int code =
      RunIsolated([&] { return static_cast<int>(RunOnKernel(plan, *commands, simulated, options, print)); }, error);
  if (code < 0) {
    print("missing: namespaces of its own (" + error + ")\n");
    return VerifyVerdict::NothingRan;
  }
  if (code > static_cast<int>(VerifyVerdict::Failed)) {
    print(fmt::format("the run on the kernel was ended (status {})\n", code));
    return VerifyVerdict::Failed;
  }
  return static_cast<VerifyVerdict>(code);
}

}  // namespace overlaysim::verify
