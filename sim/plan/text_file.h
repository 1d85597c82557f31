#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/plan/context.h"

namespace overlaysim::plan {

/// The text of a file that the scenario names, at most 1 MiB; nullopt, with an error, when it cannot be read. `hint`
/// follows in the message.
std::optional<std::string> ReadTextFile(const Context& context, const scenario::Text& name, std::string_view hint = "");

/// A line of a CSV file.
struct CsvLine {
  unsigned number = 0;  ///< in the file, from 1
  std::vector<std::string> fields;
};
/// The lines behind the heading, without empty ones and comments ("#"). Each must have as many fields as the heading.
std::optional<std::vector<CsvLine>> ReadCsv(const Context& context, const scenario::Text& name,
                                            const std::vector<std::string>& heading);

/// "0.25", "1.5e-3", "42" in units of 10^-12 (more digits are cut off); nullopt: no number from 0 to 9,000,000.
std::optional<int64_t> ParseFraction(std::string_view text);
inline constexpr int64_t kFractionUnit = 1'000'000'000'000;

}  // namespace overlaysim::plan
