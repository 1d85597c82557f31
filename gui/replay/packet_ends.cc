#include "gui/replay/packet_ends.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace overlaysim::replay {

PacketEnds EndsOf(const Topology& plan, const Dissection* packet, uint64_t journey, uint32_t flow) {
  PacketEnds ends;
  if (packet) {
    for (const Layer& layer : packet->layers) {
      if (layer.isQuoted) break;
      const auto value = [&](std::string_view name) {
        for (const Field& field : layer.fields)
          if (field.name == name) return field.value;
        return std::string();
      };
      switch (layer.protocol) {
        case Protocol::Ethernet:
          ends.fromAddress = value("eth.src");
          ends.toAddress = value("eth.dst");
          break;
        case Protocol::Arp:
          if (std::string sender = value("arp.src.proto_ipv4"); !sender.empty()) {
            ends.fromAddress = std::move(sender);
            ends.toAddress = value("arp.dst.proto_ipv4");
          }
          break;
        case Protocol::Ipv4:
          ends.fromAddress = value("ip.src");
          ends.toAddress = value("ip.dst");
          break;
        case Protocol::Ipv6:
          ends.fromAddress = value("ipv6.src");
          ends.toAddress = value("ipv6.dst");
          break;
        default:
          break;
      }
    }
    ends.from = plan.OwnerOf(ends.fromAddress);
    ends.to = plan.OwnerOf(ends.toAddress);
  }
  if (!ends.fromAddress.empty()) return ends;
  const auto maker = static_cast<uint32_t>(journey >> 32) - 1;
  if (journey >> 32 == 0 || maker >= plan.netns.size()) return ends;
  ends.from = maker;
  const auto workload = std::find_if(plan.workloads.begin(), plan.workloads.end(),
                                     [&](const Workload& w) { return w.id == flow; });
  if (workload == plan.workloads.end() || !workload->from || !workload->to) return ends;
  if (maker == *workload->from) ends.to = *workload->to;
  if (maker == *workload->to) ends.to = *workload->from;
  return ends;
}

std::string JourneyName(const Topology& plan, uint64_t journey) {
  const auto maker = static_cast<uint32_t>(journey >> 32) - 1;  // how the simulation numbers them
  if (journey >> 32 == 0 || maker >= plan.netns.size()) return fmt::format("packet {}", journey);
  return fmt::format("{}#{}", plan.netns[maker].name, static_cast<uint32_t>(journey));
}

uint64_t JourneyNamed(const Topology& plan, std::string_view name) {
  const size_t hash = name.rfind('#');
  if (hash == std::string_view::npos) return 0;
  const Netns* maker = plan.Find(name.substr(0, hash));
  uint32_t number = 0;
  const char* end = name.data() + name.size();
  if (!maker || std::from_chars(name.data() + hash + 1, end, number).ptr != end) return 0;
  return (uint64_t{maker->id} + 1) << 32 | number;
}

}  // namespace overlaysim::replay
