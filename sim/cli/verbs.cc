#include "sim/cli/verbs.h"

#include <iostream>
#include <iterator>

#include <fmt/format.h>

#include <cstdio>

namespace overlaysim::cli {

std::string Help::make_description(const CLI::App* app) const {
  std::string out = "Examples:\n";
  for (const std::string& example : m_examples) out += "  overlaysim " + example + "\n";
  return out + "\n" + app->get_description() + "\n";
}

CLI::App* AddVerb(CLI::App& program, const std::string& name, const std::string& meaning,
                  const std::vector<std::string>& examples) {
  CLI::App* verb = program.add_subcommand(name, meaning);
  verb->formatter(std::make_shared<Help>(examples));
  return verb;
}

void ScenarioArguments::AddTo(CLI::App& verb, bool withPath) {
  if (withPath) verb.add_option("SCENARIO", path, "the scenario's file")->required();
  verb.add_flag_callback(
      "--stdin", [this] { load.text = std::string(std::istreambuf_iterator<char>(std::cin), {}); },
      "read the scenario's text from standard input, as if it stood in the file SCENARIO");
  verb.add_option("--set", load.set, "change a value: --set underlay.spines=4")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  verb.add_option("--var", load.var, "give a variable of the scenario another value: --var load=60%")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
}

void AddFormat(CLI::App& verb, bool& json, const std::string& text) {
  verb.add_option_function<std::string>(
          "-o,--output", [&json](const std::string& format) { json = format == "json"; },
          "how to print: " + text + " or json")
      ->check(CLI::IsMember({text, std::string("json")}))
      ->type_name("FORMAT");
}

int Complain(int exitCode, const std::string& message) {
  fmt::print(stderr, "overlaysim: {}\n", message);
  return exitCode;
}

}  // namespace overlaysim::cli
