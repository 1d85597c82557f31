#pragma once

#include <string_view>

#include "sim/import/object_reader.h"

namespace overlaysim::import {

/// Whether this is the head of a table that `kubectl get` printed.
bool LooksLikeKubectlTable(std::string_view text);

/// Reads `kubectl get pods [-A] -o wide`. Columns are found by the head; cells may hold single spaces ("3 (5h ago)").
void ReadKubectlTable(std::string_view text, ObjectReader& reader, const ImportedCluster& cluster,
                      Diagnostics& diagnostics);

}  // namespace overlaysim::import
