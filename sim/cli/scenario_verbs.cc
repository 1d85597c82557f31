// The verbs that only read: validate, resolve, schema, version.

#include <fmt/format.h>

#include <memory>

#include "sim/cli/planned.h"
#include "sim/run/version.h"
#include "sim/trace/run_directory.h"

namespace overlaysim::cli {
namespace {

int Validate(const ScenarioArguments& arguments) {
  const auto loaded = Load(arguments);
  if (!loaded) return kUsage;
  if (const std::string error = CheckFilters(*loaded->plan); !error.empty()) return Complain(kUsage, error);
  fmt::print("{}: valid · {}\n", arguments.path, loaded->plan->understood);
  return kOk;
}

int Resolve(const ScenarioArguments& arguments) {
  Diagnostics diagnostics;
  const auto scenario = scenario::LoadScenario(arguments.path, arguments.load, diagnostics);
  fmt::print(stderr, "{}", diagnostics.Format());
  if (!scenario) return kUsage;
  fmt::print("{}", scenario::ResolvedText(*scenario));
  return kOk;
}

int Schema() {
  fmt::print("{}", scenario::SchemaText());
  return kOk;
}

std::string VersionText() {
  return fmt::format("overlaysim {} (model {}, scenario format 1, run directory format {})", kProgramVersion,
                     kModelVersion, RunManifest::kFormat);
}

int Version() {
  fmt::print("{}\n", VersionText());
  return kOk;
}

/// A verb whose only arguments are those of a scenario.
void AddScenarioVerb(CLI::App* verb, int (*work)(const ScenarioArguments&), Action& run) {
  auto arguments = std::make_shared<ScenarioArguments>();
  arguments->AddTo(*verb);
  verb->callback([arguments, work, &run] { run = [arguments, work] { return work(*arguments); }; });
}

}  // namespace

void AddValidate(CLI::App& program, Action& run) {
  AddScenarioVerb(AddVerb(program, "validate", "Report every problem of a scenario, and run nothing.",
                          {"validate scenarios/tutorial/two-nodes.json",
                           "validate staging.json --set underlay.spines=4", "validate staging.json --var load=60%"}),
                  Validate, run);
}

void AddResolve(CLI::App& program, Action& run) {
  AddScenarioVerb(AddVerb(program, "resolve", "Print the whole scenario as understood, each value with its origin.",
                          {"resolve scenarios/tutorial/two-nodes.json", "resolve staging.json --set underlay.spines=4",
                           "resolve staging.json --var load=60% > as-run.jsonc"}),
                  Resolve, run);
}

void AddSchema(CLI::App& program, Action& run) {
  CLI::App* verb = AddVerb(program, "schema", "Print the JSON Schema of scenario files, for editors and validators.",
                           {"schema > scenario.schema.json", "schema | jq '.definitions | keys'",
                            "schema | check-jsonschema --schemafile - my.json"});
  verb->callback([&run] { run = Schema; });
}

void AddVersion(CLI::App& program, Action& run) {
  CLI::App* verb = AddVerb(program, "version", "Print the versions of the program, its model and its files.",
                           {"version", "version --help", "--version"});
  verb->callback([&run] { run = Version; });
  program.set_version_flag("--version", VersionText());
}

}  // namespace overlaysim::cli
