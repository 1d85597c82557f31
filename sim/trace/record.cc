#include "sim/trace/record.h"

#include <array>

namespace overlaysim {
namespace {

struct StageInfo {
  const char* name;
  const char* meaning;
};

constexpr std::array<StageInfo, static_cast<size_t>(Stage::Count)> kStages{{
#define OVERLAYSIM_X(name, meaning) {#name, meaning},
    OVERLAYSIM_STAGES(OVERLAYSIM_X)
#undef OVERLAYSIM_X
}};

struct VerdictInfo {
  const char* name;
  Fate fate;
  const char* kernelReason;
  const char* kernelFunction;
  const char* condition;
};

constexpr std::array<VerdictInfo, static_cast<size_t>(Verdict::Count)> kVerdicts{{
#define OVERLAYSIM_X(name, fate, reason, function, condition) {#name, Fate::fate, reason, function, condition},
    OVERLAYSIM_VERDICTS(OVERLAYSIM_X)
#undef OVERLAYSIM_X
}};

constexpr VerdictInfo kUnknownVerdict{"?", Fate::Ongoing, "", "", "?"};

const VerdictInfo& InfoOf(Verdict verdict) {
  return verdict < Verdict::Count ? kVerdicts[static_cast<size_t>(verdict)] : kUnknownVerdict;
}

}  // namespace

const char* StageName(Stage stage) { return stage < Stage::Count ? kStages[static_cast<size_t>(stage)].name : "?"; }

const char* StageMeaning(Stage stage) {
  return stage < Stage::Count ? kStages[static_cast<size_t>(stage)].meaning : "?";
}

const char* VerdictName(Verdict verdict) { return InfoOf(verdict).name; }

const char* VerdictCondition(Verdict verdict) { return InfoOf(verdict).condition; }

std::optional<Verdict> FindVerdict(std::string_view name) {
  for (size_t i = 0; i < kVerdicts.size(); ++i)
    if (name == kVerdicts[i].name) return static_cast<Verdict>(i);
  return std::nullopt;
}

Fate FateOf(Verdict verdict) { return InfoOf(verdict).fate; }

std::string KernelDrop(Stage stage, Verdict verdict) {
  const VerdictInfo& info = InfoOf(verdict);
  if (*info.kernelReason == '\0' || stage == Stage::Send || stage == Stage::RouteOutput) return {};
  // A VTEP's UDP socket checks the sum of what is longer than 76 bytes itself, and ip_fragment() gives no reason for
  // DF.
  if (verdict == Verdict::UdpChecksum && stage == Stage::Decapsulate) return "UDP_CSUM at udp_queue_rcv_one_skb";
  if (verdict == Verdict::LinkDown && stage == Stage::Receive) return {};
  if (verdict == Verdict::FragNeeded && stage == Stage::VxlanRoute) return {};  // the frame itself becomes the answer
  if (verdict == Verdict::FragNeeded && stage == Stage::Fragment) return "NOT_SPECIFIED at ip_fragment.constprop.0";
  if (*info.kernelFunction == '\0') return info.kernelReason;
  return std::string(info.kernelReason) + " at " + info.kernelFunction;
}

}  // namespace overlaysim
