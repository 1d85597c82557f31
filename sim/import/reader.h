#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/import/imported_cluster.h"

namespace overlaysim::import {

/// Reads a cluster's own files, each of any kind: `kubectl get nodes|pods -o json|yaml`, `kubectl get pods -o wide`
/// text, kube-flannel.yml, net-conf.json. The kind is told from the content. Every problem goes to `diagnostics`; a
/// file with a syntax error contributes what stood before it, so callers look at diagnostics.HasErrors() first.
///
/// An object that stands twice (same name, same uid or same content) is taken once; two different objects of one name
/// are an error, because the files then come from two clusters.
ImportedCluster ImportFiles(const std::vector<std::string>& paths, Diagnostics& diagnostics);

/// The same for one text in memory; `name` is what diagnostics call it.
ImportedCluster ImportText(const std::string& name, std::string_view text, Diagnostics& diagnostics);

}  // namespace overlaysim::import
