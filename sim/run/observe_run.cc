#include "sim/run/observe_run.h"

#include "models/engine/engine.h"
#include "models/host/stack.h"
#include "sim/base/check.h"
#include "sim/run/simulation.h"
#include "sim/trace/capture_filter.h"

namespace overlaysim {
namespace {

/// Keeps the frames of captured devices.
class Keeper final : public host::Observer {
 public:
  Keeper(Simulation& simulation, ObservedRun& out) : m_simulation(simulation), m_out(out) {
    for (const CapturePoint& point : simulation.Plan().captures) {
      FilterError why;
      auto filter = CaptureFilter::Compile(point.filter, why);
      OVERLAYSIM_CHECK(filter, "filter \"{}\": {}", point.filter, why.ToString());
      m_filters.push_back(std::move(*filter));
    }
    m_out.frames.resize(m_filters.size());
    host::Network& net = simulation.Net();
    net.observer = this;
    net.onMade = [this](host::Stack& stack) {
      for (const kernel::Link* link : stack.Ns().Links()) Begin(stack, *link);
      stack.SetTableListener([this, &stack](const kernel::TableChange& change) {
        if (change.table == kernel::Table::Link && change.op == kernel::TableChange::Op::Add)
          Begin(stack, *static_cast<const kernel::Link*>(change.row));
      });
    };
  }
  ~Keeper() override {
    host::Network& net = m_simulation.Net();
    net.observer = nullptr;
    net.onMade = nullptr;
    for (size_t i = 0; i < net.Count(); ++i)
      if (host::Stack* stack = net.FindMade(NetnsId(i))) stack->SetTableListener(nullptr);
  }

  void OnRecord(const TraceRecord&, const HeaderChange&, bool) override {}
  uint32_t NextPacket(uint64_t) override { return 0; }
  void OnFrame(const host::Stack& stack, const kernel::Link& link, const wire::Frame& frame, bool) override {
    const auto& points = m_simulation.Plan().captures;
    const std::span<const uint8_t> bytes{frame.Data(), frame.Size()};
    for (size_t i = 0; i < points.size(); ++i)
      if (points[i].netns == stack.Id() && points[i].device == link.name && m_filters[i].Matches(bytes))
        m_out.frames[i].push_back({engine::Now(), {bytes.begin(), bytes.end()}});
  }

 private:
  void Begin(host::Stack& stack, const kernel::Link& link) {
    for (const CapturePoint& point : m_simulation.Plan().captures)
      if (point.netns == stack.Id() && point.device == link.name) stack.SetCaptured(link.ifindex, true);
  }

  Simulation& m_simulation;
  ObservedRun& m_out;
  std::vector<CaptureFilter> m_filters;
};

}  // namespace

ObservedRun ObserveRun(const ClusterPlan& plan) {
  ObservedRun out;
  Simulation simulation(plan);
  {
    Keeper keeper(simulation, out);
    simulation.Run();
  }
  for (const Workload& workload : plan.workloads) {
    ObservedRun::Flow& flow = out.flows.emplace_back();
    const traffic::Flow* ran = simulation.FlowOf(workload.id);
    if (!ran) continue;
    const traffic::FlowResult& result = ran->Result();
    flow = {result.deliveredPackets, result.deliveredBytes, result.output + result.errorOutput, result.exit};
  }
  out.events = simulation.Outcomes();
  out.endedAt = simulation.EndedAt();
  out.complete = !simulation.WasInterrupted();
  return out;
}

}  // namespace overlaysim
