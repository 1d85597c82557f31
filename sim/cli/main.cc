#include <fmt/format.h>

#include <algorithm>
#include <exception>

#include "sim/base/diagnostics.h"
#include "sim/cli/verbs.h"

namespace overlaysim::cli {
namespace {

/// What to say of a call that the parser refuses; with the verb that may have been meant.
int Refuse(const CLI::App& program, const CLI::ParseError& error, int argc, char** argv) {
  std::vector<std::string> verbs;
  for (const CLI::App* verb : program.get_subcommands(nullptr)) verbs.push_back(verb->get_name());
  if (argc < 2) return Complain(kUsage, fmt::format("say what to do: {} (--help has examples)", JoinNames(verbs)));
  const std::string given = argv[1];
  const bool isVerb = std::find(verbs.begin(), verbs.end(), given) != verbs.end();
  if (isVerb || given[0] == '-')
    return Complain(kUsage, fmt::format("{}\nsee overlaysim {}--help", error.what(), isVerb ? given + " " : ""));
  const std::string near = DidYouMean(given, verbs);
  return Complain(kUsage,
                  fmt::format("there is no verb \"{}\"{} (known: {})", given,
                              near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near), JoinNames(verbs)));
}

int Main(int argc, char** argv) {
  CLI::App program("Simulates Kubernetes overlay networks, packet by packet.", "overlaysim");
  program.formatter(std::make_shared<Help>(std::vector<std::string>{
      "run scenarios/tutorial/two-nodes.json", "trace scenarios/tutorial/two-nodes.json pod-a pod-b",
      "show route node1 scenarios/tutorial/two-nodes.json"}));
  program.require_subcommand(1);
  Action action;
  for (auto add : {AddRun, AddTrace, AddPing, AddCapture, AddShow, AddVerify, AddPlan, AddImport, AddResolve,
                   AddValidate, AddSchema, AddVersion})
    add(program, action);
  try {
    program.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return program.exit(help);
  } catch (const CLI::ParseError& error) {
    return Refuse(program, error, argc, argv);
  }
  const int exitCode = action();
  if (std::fflush(stdout) != 0) return Complain(kUsage, "standard output cannot be written");
  return exitCode;
}

}  // namespace
}  // namespace overlaysim::cli

int main(int argc, char** argv) {
  try {
    return overlaysim::cli::Main(argc, argv);
  } catch (const std::exception& error) {
    return overlaysim::cli::Complain(overlaysim::cli::kInternal, fmt::format("internal error: {}", error.what()));
  }
}
