#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sim/scenario/load.h"

namespace overlaysim::cli {

/// What the program ends with.
enum ExitCode : int {
  kOk = 0,
  kFailed = 1,        ///< an expectation failed, or a difference was found
  kUsage = 2,         ///< the call or the input is wrong, or the output cannot be written
  kNothingRan = 3,    ///< something needed is missing
  kInternal = 4,      ///< our own error
  kInterrupted = 130  ///< as a shell has it for SIGINT
};

/// A verb's work, once its arguments are read.
using Action = std::function<int()>;

// Each adds its verb to the program; `run` is set when the verb was given.
void AddRun(CLI::App& program, Action& run);
void AddTrace(CLI::App& program, Action& run);
void AddPing(CLI::App& program, Action& run);
void AddCapture(CLI::App& program, Action& run);
void AddShow(CLI::App& program, Action& run);
void AddVerify(CLI::App& program, Action& run);
void AddPlan(CLI::App& program, Action& run);
void AddImport(CLI::App& program, Action& run);
void AddResolve(CLI::App& program, Action& run);
void AddValidate(CLI::App& program, Action& run);
void AddSchema(CLI::App& program, Action& run);
void AddVersion(CLI::App& program, Action& run);

/// Help that starts with examples.
class Help : public CLI::Formatter {
 public:
  explicit Help(std::vector<std::string> examples) : m_examples(std::move(examples)) {}
  std::string make_description(const CLI::App* app) const override;

 private:
  std::vector<std::string> m_examples;
};

/// A verb whose help starts with these examples.
CLI::App* AddVerb(CLI::App& program, const std::string& name, const std::string& meaning,
                  const std::vector<std::string>& examples);
/// SCENARIO, --set and --var.
struct ScenarioArguments {
  std::string path;
  scenario::LoadOptions load;
  void AddTo(CLI::App& verb, bool withPath = true);
};
/// -o text|json (the first is the default), answered as whether it is json.
void AddFormat(CLI::App& verb, bool& json, const std::string& text);

/// Prints to standard error, as a person reads it: "overlaysim: …". Answers the exit code.
int Complain(int exitCode, const std::string& message);

}  // namespace overlaysim::cli
