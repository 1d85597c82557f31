#pragma once

#include <vector>

#include "sim/scenario/type.h"

namespace overlaysim::scenario {

/// The table of fields of a whole scenario file; all other tables hang on it.
const ObjectType& ScenarioType();

/// ScenarioType() and every object below it, each once, in the order of the reference.
std::vector<const ObjectType*> AllObjects();

}  // namespace overlaysim::scenario
