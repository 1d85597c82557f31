#include <fmt/format.h>

#include <algorithm>

#include "sim/base/random.h"
#include "sim/plan/flow_sizes.h"
#include "sim/plan/rack_matrix.h"
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
  TrafficPlanner(const Context& context, const EndpointFinder& finder, ClusterPlan& plan, const CompiledPlan* cluster)
      : m_context(context), m_finder(finder), m_plan(plan), m_cluster(cluster) {}

  void Plan(const Traffic& traffic, size_t index) {
    switch (traffic.type.value) {
      case TrafficType::Ping:
      case TrafficType::Echo:
      case TrafficType::Udp:
      case TrafficType::Tcp:
      case TrafficType::Rpc:
      case TrafficType::Bulk:
        return PlanPairs(traffic, index);
      case TrafficType::Inject:
        return PlanInject(traffic);
      case TrafficType::Command:
        return PlanCommand(traffic);
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
        if (!traffic.pairs.value.by.empty()) {
          DrawByMatrix(traffic, from, to, random, pairs);
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

  void DrawByMatrix(const Traffic& traffic, const std::vector<Endpoint>& from, const std::vector<Endpoint>& to,
                    RandomStream& random, std::vector<Pair>& pairs) const {
    const scenario::Place& place = traffic.pairs.place;
    if (!m_cluster) return m_context.Error(place, "a lab has no racks");
    const auto matrix = RackMatrix::Read(m_context, *m_cluster, {traffic.pairs.value.by, place}, from, to);
    for (uint64_t i = 0; matrix && i < *traffic.pairs.value.count; ++i) pairs.push_back(matrix->Draw(random));
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
    if (pairs.empty()) return;
    if (traffic.type.value == TrafficType::Bulk) return PlanBulk(traffic, index, from.size(), pairs);
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
        case TrafficType::Rpc:
          if (!CompleteRpc(traffic, workload)) return;
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
    const size_t units = UnitsOf(unit, sources, pairs);
    __extension__ using Wide = __int128;
    const Wide total = static_cast<Wide>(rate.value.milliCount) * static_cast<Wide>(units);
    const Wide span =
        total > 0 ? static_cast<Wide>(1'000'000'000'000) * static_cast<Wide>(ofAll ? 1 : pairs) / total : 0;
    return {static_cast<int64_t>(span)};
  }

  std::optional<Nanoseconds> IntervalOf(const Traffic& traffic, size_t sources, size_t pairs) const {
    if (traffic.rate) {
      const scenario::Rate& rate = traffic.rate->value;
      if (rate.events) return SpanOf({*rate.events, traffic.rate->place}, traffic.per, sources, pairs, false);
      if (rate.bits)
        return BitSpan(*rate.bits, traffic.per ? traffic.per->value : scenario::Per::Pair, traffic, sources, pairs,
                       traffic.rate->place);
    }
    return traffic.interval ? traffic.interval->value : Nanoseconds{};
  }

  static size_t UnitsOf(scenario::Per per, size_t sources, size_t pairs) {
    return per == scenario::Per::Total ? 1 : per == scenario::Per::Source ? sources : pairs;
  }

  /// The mean time between two flows of all pairs together; nullopt: none is said. Zero, with an error, if none can be.
  std::optional<Nanoseconds> GapOf(const Traffic& traffic, size_t sources, size_t pairs, uint64_t meanBytes) const {
    __extension__ using Wide = __int128;
    constexpr Wide kSecond = 1'000'000'000;
    Wide bits = 0, milliFlows = 0;
    scenario::Per per = scenario::Per::Source;
    if (traffic.load) {
      bits = LoadOf(*traffic.load).count;
    } else if (traffic.rate) {
      per = traffic.per ? traffic.per->value : scenario::Per::Pair;
      if (traffic.rate->value.bits) bits = traffic.rate->value.bits->count;
      if (traffic.rate->value.events) milliFlows = traffic.rate->value.events->milliCount;
    } else if (traffic.start.value.poisson) {
      per = traffic.start.value.per ? traffic.start.value.per->value : scenario::Per::Total;
      milliFlows = traffic.start.value.poisson->value.milliCount;
    } else {
      return std::nullopt;
    }
    const Wide units = static_cast<Wide>(UnitsOf(per, sources, pairs));
    const Wide gap = bits > 0         ? static_cast<Wide>(meanBytes) * 8 * kSecond / (bits * units)
                     : milliFlows > 0 ? kSecond * 1000 / (milliFlows * units)
                                      : 0;
    if (gap > 0) return Nanoseconds{static_cast<int64_t>(gap)};
    m_context.Error(traffic.load   ? traffic.load->value.place
                    : traffic.rate ? traffic.rate->place
                                   : traffic.start.value.poisson->place,
                    "a rate above zero, and below a flow each nanosecond, is needed");
    return Nanoseconds{};
  }

  BitsPerSecond LoadOf(const scenario::Load& load) const {
    const scenario::LinkSettings& link = load.of.value == scenario::LinkKind::HostLink
                                             ? m_context.scenario.underlay.hostLink
                                             : m_context.scenario.underlay.fabricLink;
    __extension__ using Wide = __int128;
    return {static_cast<int64_t>(static_cast<Wide>(link.rate.value.count) * load.value.value.millionths / 1'000'000)};
  }

  /// Until when packets, requests and flows begin that are not counted; nullopt, with an error: nothing says so.
  std::optional<Nanoseconds> EndOf(const Traffic& traffic) const {
    if (traffic.during) return traffic.during->value[1];
    if (m_context.scenario.duration) return m_context.scenario.duration->value;
    m_context.Error(traffic.place, "\"count\", \"during\" or the scenario's \"duration\" is needed: how much is sent");
    return std::nullopt;
  }

  /// Flows of drawn sizes that begin at drawn times: a Poisson process over all pairs, each of which is as likely. Each
  /// is a TCP connection of its own.
  void PlanBulk(const Traffic& traffic, size_t index, size_t sources, const std::vector<Pair>& pairs) {
    const auto sizes = FlowSizes::Read(m_context, *traffic.sizes);
    if (!sizes) return;
    const auto gap = GapOf(traffic, sources, pairs.size(), sizes->MeanBytes());
    if (gap && gap->count == 0) return;
    const uint64_t seed = m_context.scenario.seed.value;
    RandomStream sizeStream(seed, "traffic/sizes", index), startStream(seed, "traffic/start", index),
        pairStream(seed, "traffic/arrivals", index);
    const bool isCounted = traffic.count || !gap;
    const uint64_t most = isCounted ? (traffic.count ? traffic.count->value : 1) * pairs.size() : kMaxWorkloads + 1;
    const auto end = isCounted ? std::nullopt : EndOf(traffic);
    if (!isCounted && !end) return;
    Nanoseconds start = traffic.during ? traffic.during->value[0] : traffic.start.value.at.value;
    for (uint64_t i = 0; i < most; ++i) {
      if (gap) start += Nanoseconds{startStream.Exponential(gap->count)};
      if (end && *end <= start) break;
      if (m_plan.workloads.size() == kMaxWorkloads)
        return m_context.Error(traffic.place, "more than {} flows", kMaxWorkloads);
      const Pair& pair = pairs[gap ? pairStream.Below(pairs.size()) : i % pairs.size()];
      Workload workload = Common(traffic, *pair.first, *pair.second);
      workload.kind = WorkloadKind::Tcp;
      workload.isBulk = true;
      workload.start = start;
      workload.up = sizes->Draw(sizeStream);
      m_plan.workloads.push_back(std::move(workload));
    }
  }

  /// Time between two packets of a pair so that the payload makes up that rate.
  std::optional<Nanoseconds> BitSpan(BitsPerSecond rate, scenario::Per per, const Traffic& traffic, size_t sources,
                                     size_t pairs, const scenario::Place& place) const {
    const auto& given = traffic.type.value == TrafficType::Rpc ? traffic.request : traffic.payload;
    const int64_t payload = given ? given->value.count : 0;
    if (rate.count <= 0 || payload <= 0) {
      m_context.Error(place, "a rate above zero and a payload are needed");
      return std::nullopt;
    }
    const size_t units = UnitsOf(per, sources, pairs);
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

  bool CompleteRpc(const Traffic& traffic, Workload& w) const {
    w.kind = WorkloadKind::Rpc;
    for (const auto& [size, bytes] : {std::pair{&traffic.request, &w.up}, {&traffic.reply, &w.down}}) {
      *bytes = static_cast<uint64_t>((*size)->value.count);
      if ((*size)->value.count >= 0 && (*size)->value.count <= kMaxPayloadBytes) continue;
      m_context.Error((*size)->place,
                      "a message of {} does not fit into a datagram (at most {}B), and larger ones are "
                      "not supported yet",
                      (*size)->value.ToString(), kMaxPayloadBytes);
      return false;
    }
    const bool isCounted = traffic.count || (w.interval.count == 0 && !traffic.during);
    if (!isCounted || traffic.during) {
      w.until = EndOf(traffic);
      if (!w.until) return false;
    }
    if (isCounted) {
      w.count = traffic.count ? traffic.count->value : 1;
    } else if (w.interval.count > 0) {
      const int64_t span = (*w.until - w.start).count;
      w.count = static_cast<uint64_t>(std::max<int64_t>((span + w.interval.count - 1) / w.interval.count, 1));
    } else {
      w.count = UINT32_MAX;
    }
    return true;
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
  const CompiledPlan* m_cluster;  ///< null: a lab
};

}  // namespace

void PlanTraffic(const Context& context, const EndpointFinder& finder, ClusterPlan& plan, const CompiledPlan* cluster) {
  TrafficPlanner planner(context, finder, plan, cluster);
  for (size_t i = 0; i < context.scenario.traffic.size(); ++i) planner.Plan(context.scenario.traffic[i], i);
}

}  // namespace overlaysim::plan
