#include <fmt/format.h>

#include <memory>

#include "sim/cli/verbs.h"
#include "sim/import/export.h"
#include "sim/import/reader.h"
#include "sim/import/redact.h"
#include "sim/trace/files.h"

namespace overlaysim::cli {
namespace {

struct ImportArguments {
  std::vector<std::string> files;
  std::string out;
  bool redact = false;
};

int Import(const ImportArguments& arguments) {
  Diagnostics diagnostics;
  import::ImportReport report;
  import::ImportedCluster cluster = import::ImportFiles(arguments.files, diagnostics);
  std::optional<std::string> json;
  if (!diagnostics.HasErrors()) {
    if (arguments.redact) cluster = import::Redact(cluster);
    json = import::ToScenarioJson(cluster, report, diagnostics);
  }
  fmt::print(stderr, "{}", diagnostics.Format());
  if (!json || diagnostics.HasErrors()) return kUsage;
  if (arguments.out.empty()) {
    fmt::print(stderr, "{}", report.Format());
    fmt::print("{}", *json);
    return kOk;
  }
  if (const std::string error = ReplaceFile(arguments.out, *json); !error.empty()) return Complain(kUsage, error);
  fmt::print("{}written  {}   look:  overlaysim show nodes {}\n", report.Format(), arguments.out, arguments.out);
  return kOk;
}

}  // namespace

void AddImport(CLI::App& program, Action& run) {
  CLI::App* verb = AddVerb(
      program, "import", "Make a scenario of a cluster's own files, and say what was taken, assumed and ignored.",
      {"import nodes.json pods.json kube-flannel.yml -o staging.json",
       "import nodes.json pods-wide.txt --redact -o to-share.json", "import nodes.yaml net-conf.json > staging.json"});
  auto arguments = std::make_shared<ImportArguments>();
  verb->add_option("FILES", arguments->files,
                   "what kubectl get nodes|pods -o json|yaml|wide prints, kube-flannel.yml, net-conf.json")
      ->required();
  verb->add_option("-o,--output", arguments->out, "the scenario to write (default: standard output)")
      ->type_name("FILE");
  verb->add_flag("--redact", arguments->redact, "replace names and addresses, consistently");
  verb->callback([arguments, &run] { run = [arguments] { return Import(*arguments); }; });
}

}  // namespace overlaysim::cli
