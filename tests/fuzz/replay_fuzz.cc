// Any bytes as a plan, as a packet, as a filter, as a capture: each is refused with a word, or read without harm.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "gui/replay/capture_index.h"
#include "gui/replay/dissector.h"
#include "gui/replay/fields.h"
#include "gui/replay/filter.h"
#include "gui/replay/finder.h"
#include "gui/replay/packet_ends.h"
#include "gui/replay/topology.h"
#include "sim/base/check.h"

using namespace overlaysim;
using namespace overlaysim::replay;

namespace {

void ReadAsPlan(std::string_view text) {
  std::string error;
  const auto plan = Topology::FromJson(text, error);
  if (!plan) {
    OVERLAYSIM_CHECK(!error.empty(), "a refusal without a word");
    return;
  }
  for (uint32_t id = 0; id < plan->netns.size(); ++id) {
    OVERLAYSIM_CHECK(plan->HostOf(id) < plan->netns.size(), "a host beyond the list");
    const uint32_t rack = plan->RackOf(id);
    OVERLAYSIM_CHECK(rack == Topology::kNone || rack < plan->netns.size(), "a rack beyond the list");
    for (const uint32_t pod : plan->PodsOf(id)) OVERLAYSIM_CHECK(plan->HostOf(pod) == id, "a pod of another node");
    for (const uint32_t cable : plan->CablesOf(id)) OVERLAYSIM_CHECK(cable < plan->cables.size(), "a cable beyond the list");
  }
  Finder(*plan).Find(text.substr(0, 8), 10);
}

void ReadAsPacket(std::span<const uint8_t> bytes) {
  static const Topology kNoPlan;
  constexpr uint16_t kPorts[] = {4789, 8472};
  for (const LinkLayer first : {LinkLayer::Ethernet, LinkLayer::Ip})
    for (const uint32_t more : {0u, 100u}) {
      const auto wireBytes = static_cast<uint32_t>(bytes.size() + more);
      const Dissection packet = Dissect(bytes, first, wireBytes, kPorts);
      for (const Layer& layer : packet.layers) {
        OVERLAYSIM_CHECK(FindField(layer.filterName), "header {} has no known name", layer.filterName);
        for (const Field& field : layer.fields) {
          OVERLAYSIM_CHECK(FindField(field.name), "field {} is not known", field.name);
          OVERLAYSIM_CHECK(uint64_t{field.offset} + field.length <= bytes.size(), "{} at {}+{} of {}", field.name,
                           field.offset, field.length, bytes.size());
        }
      }
      EndsOf(kNoPlan, &packet, 1, 0);
    }
}

void ReadAsFilter(std::string_view text) {
  static const Topology kNoPlan;
  constexpr uint16_t kPorts[] = {8472};
  constexpr uint8_t kPacket[] = {0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 7, 0, 9, 0, 8, 0, 0};
  static const Dissection kDissection = Dissect(kPacket, LinkLayer::Ip, sizeof(kPacket), kPorts);
  static const TraceRecord kRecord;
  FilterError error;
  const auto filter = Filter::Compile(text, error);
  if (filter)
    filter->Matches({.plan = &kNoPlan, .packet = &kDissection, .record = &kRecord, .number = 1, .place = "node1/eth0"});
  else
    OVERLAYSIM_CHECK(!error.message.empty() && error.column + error.length <= text.size(), "a mistake at {}+{} of {}",
                     error.column, error.length, text.size());
  const Completions completions = CompleteFilter(text, text.size() / 2, &kNoPlan);
  OVERLAYSIM_CHECK(completions.begin + completions.length <= text.size(), "completes beyond the text");
}

void ReadAsCapture(std::span<const uint8_t> bytes) {
  std::string error;
  auto index = CaptureIndex::Open(MemorySource(bytes), error);
  if (!index) {
    OVERLAYSIM_CHECK(!error.empty(), "a refusal without a word");
    return;
  }
  while (index->Continue(64)) {
  }
  ReadFrame frame;
  for (uint64_t i = 0; i < index->Count(); ++i)
    if (index->Read(i, frame)) OVERLAYSIM_CHECK(frame.interface < index->Interfaces().size(), "an unknown interface");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const uint8_t> bytes(data, size);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  ReadAsPlan(text);
  ReadAsPacket(bytes);
  ReadAsFilter(text);
  ReadAsCapture(bytes);
  return 0;
}
