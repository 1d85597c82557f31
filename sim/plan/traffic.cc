#include <fmt/format.h>

#include <algorithm>

#include "sim/base/random.h"
#include "sim/plan/timeline.h"
#include "sim/scenario/enums.h"

namespace overlaysim::plan {
namespace {

using scenario::Traffic;
using scenario::TrafficType;

constexpr size_t kMaxWorkloads = 5'000'000;
constexpr int64_t kMaxPayloadBytes = 65535 - 20 - 8;  // of an IPv4 packet with a UDP or ICMP header

using Pair = std::pair<const Endpoint*, const Endpoint*>;

class TrafficPlanner {
 public:
  TrafficPlanner(const Context& context, const EndpointFinder& finder, ClusterPlan& plan)
      : m_context(context), m_finder(finder), m_plan(plan) {}

  void Plan(const Traffic& traffic, size_t index) {
    switch (traffic.type.value) {
      case TrafficType::Ping:
      case TrafficType::Echo:
      case TrafficType::Udp:
      case TrafficType::Tcp:
        return PlanPairs(traffic, index);
      case TrafficType::Inject:
        return PlanInject(traffic);
      case TrafficType::Command:
        return PlanCommand(traffic);
      case TrafficType::Rpc:
      case TrafficType::Bulk:
        m_context.Error(
            traffic.type.place,
            "traffic of type \"{}\" is not supported yet (supported: ping, echo, udp, tcp, inject, command)",
            scenario::WordOf(traffic.type.value));
    }
  }

 private:
  std::vector<Pair> PairsOf(const Traffic& traffic, const std::vector<Endpoint>& from, const std::vector<Endpoint>& to,
                            RandomStream& random) const {
    std::vector<Pair> pairs;
    const bool single = from.size() == 1 && to.size() == 1;
    auto usable = [&](const Endpoint& a, const Endpoint& b) { return single || a.netns != b.netns; };
    // One of `to` other than `source`; null: there is none.
    auto draw = [&](const Endpoint& source) -> const Endpoint* {
      const size_t start = random.Below(to.size());
      for (size_t i = 0; i < to.size(); ++i)
        if (const Endpoint& drawn = to[(start + i) % to.size()]; usable(source, drawn)) return &drawn;
      return nullptr;
    };
    switch (traffic.pairs.value.kind) {
      case scenario::PairKind::All:
        if (from.size() * to.size() > kMaxWorkloads) {
          m_context.Error(traffic.pairs.place.source != 0 ? traffic.pairs.place : traffic.place,
                          "{} sources and {} destinations make more than {} pairs; say \"pairs\": \"random\"",
                          from.size(), to.size(), kMaxWorkloads);
          break;
        }
        for (const Endpoint& a : from)
          for (const Endpoint& b : to)
            if (usable(a, b)) pairs.emplace_back(&a, &b);
        break;
      case scenario::PairKind::InOrder:
        for (size_t i = 0; i < std::min(from.size(), to.size()); ++i) pairs.emplace_back(&from[i], &to[i]);
        break;
      case scenario::PairKind::Random: {
        const uint64_t count = traffic.pairs.value.count.value_or(from.size());
        if (count > kMaxWorkloads) {
          m_context.Error(traffic.pairs.place, "more than {} pairs", kMaxWorkloads);
          break;
        }
        for (uint64_t i = 0; i < count; ++i) {
          const Endpoint& source = traffic.pairs.value.count ? from[random.Below(from.size())] : from[i];
          if (const Endpoint* destination = draw(source)) pairs.emplace_back(&source, destination);
        }
        break;
      }
    }
    if (pairs.empty() && !m_context.diagnostics.HasErrors())
      m_context.Error(traffic.place, "\"from\" and \"to\" make no pair");
    return pairs;
  }

  void PlanPairs(const Traffic& traffic, size_t index) {
    if (!traffic.from || !traffic.to) {
      m_context.Error(traffic.place, "traffic of type \"{}\" needs \"from\" and \"to\"",
                      scenario::WordOf(traffic.type.value));
      return;
    }
    const std::vector<Endpoint> from = m_finder.Find(*traffic.from, false);
    const std::vector<Endpoint> to = m_finder.Find(*traffic.to, true);
    if (from.empty() || to.empty()) return;
    RandomStream pairStream(m_context.scenario.seed.value, "traffic/pairs", index);
    RandomStream startStream(m_context.scenario.seed.value, "traffic/start", index);
    const std::vector<Pair> pairs = PairsOf(traffic, from, to, pairStream);
    if (m_plan.workloads.size() + pairs.size() > kMaxWorkloads) {
      m_context.Error(traffic.place, "more than {} flows", kMaxWorkloads);
      return;
    }
    const auto interval = IntervalOf(traffic, from.size(), pairs.size());
    if (!interval) return;
    Nanoseconds start = traffic.start.value.at.value;
    if (traffic.during) start = traffic.during->value[0];
    for (const Pair& pair : pairs) {
      Workload workload = Common(traffic, *pair.first, *pair.second);
      workload.interval = *interval;
      workload.start = start;
      if (traffic.start.value.poisson) {
        const Nanoseconds mean =
            SpanOf(*traffic.start.value.poisson, traffic.start.value.per, from.size(), pairs.size(), true);
        start += Nanoseconds{startStream.Exponential(mean.count)};
      }
      switch (traffic.type.value) {
        case TrafficType::Udp:
          CompleteUdp(traffic, workload);
          break;
        case TrafficType::Tcp:
          CompleteTcp(traffic, workload);
          break;
        default:
          CompletePing(traffic, workload);
          break;
      }
      m_plan.workloads.push_back(std::move(workload));
    }
  }

  Workload Common(const Traffic& traffic, const Endpoint& from, const Endpoint& to) const {
    Workload w;
    w.id = FlowId(m_plan.workloads.size());
    w.from = from.netns;
    w.fromName = from.name;
    w.to = to.netns;
    w.toName = to.name;
    w.destination = m_finder.AddressOf(to, *traffic.to, traffic.family);
    w.name = traffic.name ? traffic.name->value
                          : fmt::format("{} {} -> {}", scenario::WordOf(traffic.type.value), from.name, to.name);
    if (traffic.source) w.source = traffic.source->value;
    if (traffic.sport) w.sourcePort = traffic.sport->value;
    if (traffic.port) w.destinationPort = traffic.port->value;
    if (traffic.ttl) w.ttl = traffic.ttl->value;
    if (traffic.tos) w.tos = traffic.tos->value;
    if (traffic.autoFlowLabel) w.autoFlowLabel = traffic.autoFlowLabel->value;
    w.df = traffic.df && traffic.df->value == scenario::Df::Do;
    w.want = traffic.df && traffic.df->value == scenario::Df::Want;
    if (traffic.wait) w.timeout = traffic.wait->value;
    return w;
  }

  /// The mean time between two events of one pair, at this rate per source, pair or in total.
  static Nanoseconds SpanOf(const scenario::Located<PerSecond>& rate, const scenario::Optional<scenario::Per>& per,
                            size_t sources, size_t pairs, bool ofAll) {
    // Thousandths of an event per second for all pairs together.
    const scenario::Per unit = per ? per->value : ofAll ? scenario::Per::Total : scenario::Per::Pair;
    const size_t units = unit == scenario::Per::Total ? 1 : unit == scenario::Per::Source ? sources : pairs;
    __extension__ using Wide = __int128;
    const Wide total = static_cast<Wide>(rate.value.milliCount) * static_cast<Wide>(units);
    const Wide span =
        total > 0 ? static_cast<Wide>(1'000'000'000'000) * static_cast<Wide>(ofAll ? 1 : pairs) / total : 0;
    return {static_cast<int64_t>(span)};
  }

  std::optional<Nanoseconds> IntervalOf(const Traffic& traffic, size_t sources, size_t pairs) const {
    if (traffic.load) {
      const scenario::LinkSettings& link = traffic.load->of.value == scenario::LinkKind::HostLink
                                               ? m_context.scenario.underlay.hostLink
                                               : m_context.scenario.underlay.fabricLink;
      __extension__ using Wide = __int128;
      const auto bits = static_cast<int64_t>(static_cast<Wide>(link.rate.value.count) *
                                             traffic.load->value.value.millionths / 1'000'000);
      return BitSpan({bits}, scenario::Per::Source, traffic, sources, pairs, traffic.load->value.place);
    }
    if (traffic.rate) {
      const scenario::Rate& rate = traffic.rate->value;
      if (rate.events) return SpanOf({*rate.events, traffic.rate->place}, traffic.per, sources, pairs, false);
      if (rate.bits)
        return BitSpan(*rate.bits, traffic.per ? traffic.per->value : scenario::Per::Pair, traffic, sources, pairs,
                       traffic.rate->place);
    }
    return traffic.interval ? traffic.interval->value : Nanoseconds{};
  }

  /// Time between two packets of a pair so that the payload makes up that rate.
  std::optional<Nanoseconds> BitSpan(BitsPerSecond rate, scenario::Per per, const Traffic& traffic, size_t sources,
                                     size_t pairs, const scenario::Place& place) const {
    const int64_t payload = traffic.payload ? traffic.payload->value.count : 0;
    if (rate.count <= 0 || payload <= 0) {
      m_context.Error(place, "a rate above zero and a payload are needed");
      return std::nullopt;
    }
    const size_t units = per == scenario::Per::Total ? 1 : per == scenario::Per::Source ? sources : pairs;
    __extension__ using Wide = __int128;
    return Nanoseconds{static_cast<int64_t>(static_cast<Wide>(payload) * 8 * 1'000'000'000 * static_cast<Wide>(pairs) /
                                            (static_cast<Wide>(rate.count) * static_cast<Wide>(units)))};
  }

  /// How many packets: what is given or, with `during`, as many as begin in that span.
  static uint64_t CountOf(const Traffic& traffic, const scenario::Optional<uint64_t>& given, Nanoseconds interval) {
    if (given) return given->value;
    if (!traffic.during || interval.count <= 0) return 1;
    const int64_t span = (traffic.during->value[1] - traffic.during->value[0]).count;
    return static_cast<uint64_t>((span + interval.count - 1) / interval.count);
  }

  uint32_t PayloadOf(const Traffic& traffic) const {
    const int64_t payload = traffic.payload ? traffic.payload->value.count : 0;
    if (payload >= 0 && payload <= kMaxPayloadBytes) return static_cast<uint32_t>(payload);
    m_context.Error(traffic.payload->place, "a payload of {} does not fit into an IPv4 packet (at most {}B)",
                    traffic.payload->value.ToString(), kMaxPayloadBytes);
    return 0;
  }

  void CompletePing(const Traffic& traffic, Workload& w) const {
    w.kind = WorkloadKind::Ping;
    w.pingPayload = traffic.type.value == TrafficType::Ping;
    w.count = CountOf(traffic, traffic.count, w.interval);
    w.payload = PayloadOf(traffic);
    if (traffic.id) w.icmpId = traffic.id->value;
    if (traffic.seq) w.icmpFirstSeq = traffic.seq->value;
  }

  void CompleteUdp(const Traffic& traffic, Workload& w) const {
    w.kind = WorkloadKind::Udp;
    w.count = CountOf(traffic, traffic.packets, w.interval);
    w.payload = PayloadOf(traffic);
    Listen(traffic, w);
  }

  void CompleteTcp(const Traffic& traffic, Workload& w) const {
    w.kind = WorkloadKind::Tcp;
    if (traffic.up) w.up = static_cast<uint64_t>(std::max<int64_t>(traffic.up->value.count, 0));
    if (traffic.down) w.down = static_cast<uint64_t>(std::max<int64_t>(traffic.down->value.count, 0));
    Listen(traffic, w);
  }

  void Listen(const Traffic& traffic, Workload& w) const {
    if (!traffic.listen) return;
    const scenario::Listen& listen = *traffic.listen;
    if (listen.on.value == "none")
      w.to = NetnsId();
    else if (!listen.on.value.empty())
      if (auto on = m_finder.FindOne(listen.on, false)) w.to = on->netns;
    if (listen.address) w.listenAddress = listen.address->value;
    if (listen.port) w.listenPort = listen.port->value;
    if (listen.wait) w.timeout = listen.wait->value;
  }

  void PlanInject(const Traffic& traffic) {
    if (!traffic.on || traffic.frames.empty()) {
      m_context.Error(traffic.place, "traffic of type \"inject\" needs \"on\" and \"frames\"");
      return;
    }
    const auto device = m_finder.FindDevice(*traffic.on);
    if (!device) return;
    Workload w;
    w.id = FlowId(m_plan.workloads.size());
    w.kind = WorkloadKind::Inject;
    w.name = traffic.name ? traffic.name->value : fmt::format("inject at {}", traffic.on->value);
    w.from = device->where.front().netns;
    w.fromName = device->where.front().name;
    const auto ns = m_plan.Materialise(w.from);
    const kernel::Link* link = ns->FindLink(device->device);
    if (device->where.size() > 1 || !link) {
      std::vector<std::string> names;
      for (const kernel::Link* l : ns->Links()) names.push_back(l->name);
      m_context.Error(traffic.on->place, "\"{}\" is not one device{}", traffic.on->value,
                      Suggestion(device->device, names));
      return;
    }
    w.injectIfindex = link->ifindex;
    w.start = traffic.start.value.at.value;
    if (traffic.interval) w.interval = traffic.interval->value;
    for (const scenario::Text& text : traffic.frames) {
      std::vector<uint8_t> frame;
      if (ParseHex(text, frame)) w.frames.push_back(std::move(frame));
    }
    w.count = w.frames.size();
    Listen(traffic, w);
    m_plan.workloads.push_back(std::move(w));
  }

  bool ParseHex(const scenario::Text& text, std::vector<uint8_t>& frame) const {
    int high = -1;
    for (char c : text.value) {
      if (c == ' ' || c == ':') continue;
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) {
        m_context.Error(text.place, "a frame is written in hex, and '{}' is no hex digit", c);
        return false;
      }
      if (high < 0) {
        high = digit;
      } else {
        frame.push_back(static_cast<uint8_t>(high << 4 | digit));
        high = -1;
      }
    }
    constexpr size_t kMinFrameBytes = 14, kMaxFrameBytes = 65535 + 14;
    if (high >= 0 || frame.size() < kMinFrameBytes || frame.size() > kMaxFrameBytes) {
      m_context.Error(text.place, "a frame has {} to {} whole bytes", kMinFrameBytes, kMaxFrameBytes);
      return false;
    }
    return true;
  }

  void PlanCommand(const Traffic& traffic) {
    if (!traffic.on || !traffic.command) {
      m_context.Error(traffic.place, "traffic of type \"command\" needs \"on\" and \"command\"");
      return;
    }
    const auto on = m_finder.FindOne(*traffic.on, false);
    if (!on) return;
    Workload w;
    w.id = FlowId(m_plan.workloads.size());
    w.kind = WorkloadKind::Command;
    if (traffic.id) w.icmpId = traffic.id->value;
    w.name = traffic.name ? traffic.name->value : traffic.command->value;
    w.from = on->netns;
    w.fromName = on->name;
    w.command = traffic.command->value;
    w.start = traffic.start.value.at.value;
    m_plan.workloads.push_back(std::move(w));
  }

  const Context& m_context;
  const EndpointFinder& m_finder;
  ClusterPlan& m_plan;
};

}  // namespace

void PlanTraffic(const Context& context, const EndpointFinder& finder, ClusterPlan& plan) {
  TrafficPlanner planner(context, finder, plan);
  for (size_t i = 0; i < context.scenario.traffic.size(); ++i) planner.Plan(context.scenario.traffic[i], i);
}

}  // namespace overlaysim::plan
