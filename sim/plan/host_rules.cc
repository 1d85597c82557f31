#include "sim/plan/host_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "sim/iproute2/iptables.h"
#include "sim/iproute2/nft.h"
#include "sim/plan/text_file.h"

namespace overlaysim::plan {
namespace {

using scenario::Text;
using scenario::TextLines;

std::string Joined(const TextLines& text) {
  std::string out;
  for (const Text& line : text.lines) out += line.value + "\n";
  return out;
}

/// The place of a line and column of the text in the scenario.
SourcePlace PlaceIn(const Context& context, const TextLines& text, const HostRulesProblem& problem) {
  size_t first = 1;
  for (const Text& item : text.lines) {
    const auto breaks = static_cast<size_t>(std::count(item->begin(), item->end(), '\n'));
    if (problem.line <= first + breaks) {
      SourcePlace place = context.scenario.PlaceOf(item.place);
      const bool isAsWritten = breaks == 0 && item->find_first_of("\"\\\t") == std::string::npos;
      if (!isAsWritten || place.line == 0) return place;
      place.column += static_cast<unsigned>(problem.column);  // behind the quotation mark
      place.length = static_cast<unsigned>(problem.length);
      return place;
    }
    first += breaks + 1;
  }
  return context.scenario.PlaceOf(text.lines.back().place);
}

void Report(const Context& context, const TextLines& text, const HostRules& rules, const HostRulesProblem& problem) {
  static constexpr const char* kPrograms[] = {"iptables-restore", "ip6tables-restore", "nft"};
  const char* program = kPrograms[static_cast<size_t>(rules.language)];
  if (const Text* name = text.File())
    return context.diagnostics.Error({context.scenario.PathOf(*name), static_cast<unsigned>(problem.line),
                                      static_cast<unsigned>(problem.column), static_cast<unsigned>(problem.length)},
                                     fmt::format("{}: {}", program, problem.text));
  context.diagnostics.Error(PlaceIn(context, text, problem),
                            fmt::format("{}, line {} of the text: {}", program, problem.line, problem.text));
}

}  // namespace

std::optional<HostRulesProblem> CarryHostRules(kernel::Namespace& ns, const HostRules& rules) {
  if (rules.language != HostRules::Language::Nft) {
    const bool isV6 = rules.language == HostRules::Language::Ip6tables;
    const auto problem =
        iproute2::IptablesRestore(ns, rules.text, true, isV6 ? kernel::FilterFamily::Ip6 : kernel::FilterFamily::Ip);
    if (!problem) return std::nullopt;
    return HostRulesProblem{problem->line, problem->column, problem->length, problem->text};
  }
  iproute2::NftOutput output;
  const auto problem = iproute2::CarryNft(ns, rules.text, output);
  if (!problem) return std::nullopt;
  return HostRulesProblem{problem->line, problem->column, problem->length, problem->text};
}

std::vector<HostRules> ReadHostRules(const Context& context, const scenario::Firewall& firewall,
                                     kernel::Namespace& ns) {
  std::vector<HostRules> out;
  for (const auto& [text, language] : {std::pair{&firewall.iptables, HostRules::Language::Iptables},
                                       std::pair{&firewall.ip6tables, HostRules::Language::Ip6tables},
                                       std::pair{&firewall.nft, HostRules::Language::Nft}}) {
    if (text->IsEmpty()) continue;
    const Text* name = text->File();
    auto content =
        name ? ReadTextFile(context, *name, "; a text has a blank or a line break in it, or is a list") : Joined(*text);
    if (!content) continue;
    HostRules& rules = out.emplace_back(HostRules{language, std::move(*content)});
    if (const auto problem = CarryHostRules(ns, rules)) Report(context, *text, rules, *problem);
  }
  return out;
}

}  // namespace overlaysim::plan
