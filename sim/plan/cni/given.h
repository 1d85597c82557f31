#pragma once

#include <optional>

#include "sim/import/imported_cluster.h"
#include "sim/scenario/scenario.h"

namespace overlaysim::plan {

/// A value that somebody wrote: in the scenario, else in the cluster's own file, else the scenario's default (which
/// stands nowhere), else nothing.
template <typename T, typename U>
std::optional<T> Given(const scenario::Optional<T>& written, const import::Setting<U>* imported) {
  if (written && written->place.source != 0) return written->value;
  if (imported && imported->IsGiven()) return static_cast<T>(imported->value);
  return written ? std::optional<T>(written->value) : std::nullopt;
}

}  // namespace overlaysim::plan
