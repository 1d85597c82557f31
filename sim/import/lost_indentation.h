#pragma once

#include <optional>
#include <string_view>

#include "sim/import/parsers.h"

namespace overlaysim::import {

/// Recognises YAML of Kubernetes whose leading spaces were lost, as happens when a ConfigMap is copied out of a web
/// page. A YAML parser would complain about something else, or about nothing.
std::optional<SyntaxError> FindLostIndentation(std::string_view text);

}  // namespace overlaysim::import
