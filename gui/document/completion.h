#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace overlaysim::document {

struct Completion {
  std::string text;         ///< what is put in, quotes included: "\"traffic\": ", "\"flannel\""
  std::string label;        ///< traffic
  std::string description;  ///< what the reference says of it
};

struct CompletionList {
  size_t from = 0;  ///< offset where the word to replace begins; it ends at the cursor
  std::vector<Completion> items;
  std::string about;  ///< which object or key it is: "traffic of type \"ping\""
};

/// What may stand at the cursor in a scenario's text, from the table of fields; the text around may be unfinished.
CompletionList CompleteAt(std::string_view text, size_t cursor);

}  // namespace overlaysim::document
