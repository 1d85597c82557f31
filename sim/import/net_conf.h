#pragma once

#include <string>
#include <string_view>

#include "sim/import/imported_cluster.h"
#include "sim/import/value.h"

namespace overlaysim::import {

/// Whether this object is a net-conf.json: no Kubernetes object, and a key that only flannel's configuration has.
bool LooksLikeNetConf(const Value& object);

/// Reads net-conf.json as flannel does: keys in any case (Go's encoding/json), of a repeated key the last, unknown ones
/// ignored, but said. Places in `object` are those of the file `fileIndex` of `cluster`.
FlannelConfig ReadNetConf(const Value& object, uint32_t fileIndex, const ImportedCluster& cluster,
                          Diagnostics& diagnostics);

/// "Network 10.244.0.0/16, Backend vxlan, VNI 1, …": what is given, defaults left out but for the backend.
std::string Summary(const FlannelConfig& config);

/// Reads a CNI configuration or a list of plugins.
CniConfig ReadCniConf(const Value& object, uint32_t fileIndex);

/// Left for an installer or a masking tool to fill in: "${pod_cidr}", "{{ .Network }}", "__MTU__", "***HIDDEN***/25".
bool IsPlaceholder(std::string_view text);

}  // namespace overlaysim::import
