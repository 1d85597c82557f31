#include "sim/plan/context.h"

#include <fmt/format.h>

namespace overlaysim::plan {

std::string Suggestion(std::string_view word, const std::vector<std::string>& candidates) {
  constexpr size_t kListed = 12;
  std::string out;
  if (const std::string near = DidYouMean(word, candidates); !near.empty())
    out = fmt::format("; did you mean \"{}\"?", near);
  if (!candidates.empty() && candidates.size() <= kListed) out += fmt::format(" ({})", JoinNames(candidates));
  return out;
}

}  // namespace overlaysim::plan
