#include "gui/document/check_scenario.h"

#include <utility>

#include "sim/import/reader.h"
#include "sim/plan/compile.h"
#include "sim/scenario/load.h"

namespace overlaysim::document {

ScenarioCheck CheckScenario(const std::string& path, std::string text) {
  ScenarioCheck check;
  Diagnostics diagnostics;
  scenario::LoadOptions options;
  options.text = std::move(text);
  options.keepGoing = true;
  const auto scenario = scenario::LoadScenario(path, options, diagnostics);
  if (scenario && !diagnostics.HasErrors()) {
    const auto load = [](const std::vector<std::string>& paths, Diagnostics& d) {
      return import::ImportFiles(paths, d);
    };
    if (const auto plan = CompilePlan(*scenario, load, diagnostics)) check.understood = plan->understood;
  }
  check.problems = diagnostics.All();
  return check;
}

}  // namespace overlaysim::document
