#include "sim/scenario/scenario.h"

#include <filesystem>

namespace overlaysim::scenario {

SourcePlace Scenario::PlaceOf(Place place) const {
  return {sources.at(place.source), place.line, place.column, place.length};
}

std::string Scenario::PathOf(const Text& file) const {
  const std::filesystem::path path(*file);
  // Settings of the command line have no line; what they name is relative to the working directory.
  if (path.is_absolute() || file.place.line == 0) return path.lexically_normal();
  return (std::filesystem::path(sources.at(file.place.source)).parent_path() / path).lexically_normal();
}

}  // namespace overlaysim::scenario
