// Any text as a scenario: it is refused with a place and a message, or understood, and then what we print of it is
// understood again as the same.
#include <cstdint>
#include <string>
#include <string_view>

#include "sim/base/check.h"
#include "sim/scenario/load.h"

using namespace overlaysim;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Diagnostics diagnostics;
  const auto scenario = scenario::LoadScenarioText(text, "input.json", {}, diagnostics);
  OVERLAYSIM_CHECK(scenario.has_value() == !diagnostics.HasErrors(), "{} errors", diagnostics.ErrorCount());
  if (!scenario) {
    OVERLAYSIM_CHECK(!diagnostics.Format().empty(), "a refusal without a word");
    return 0;
  }
  const std::string json = scenario::ToJson(*scenario);
  Diagnostics again;
  const auto same = scenario::LoadScenarioText(json, "printed.json", {}, again);
  OVERLAYSIM_CHECK(same.has_value(), "what we print is not understood:\n{}\n{}", json, again.Format());
  OVERLAYSIM_CHECK(scenario::ToJson(*same) == json, "printed twice, it differs:\n{}", json);
  return 0;
}
