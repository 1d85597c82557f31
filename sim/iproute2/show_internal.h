#pragma once

#include <string>

namespace overlaysim::iproute2 {

/// The text with its line breaks and tabs as single blanks, and none at its end.
std::string OneLine(std::string text);

/// `-o`: the line breaks within a row as backslashes.
std::string WithBackslashes(std::string row);

}  // namespace overlaysim::iproute2
