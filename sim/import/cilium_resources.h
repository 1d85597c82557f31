#pragma once

#include <string>
#include <string_view>

#include "sim/import/imported_cluster.h"
#include "sim/import/value.h"

namespace overlaysim::import {

/// A CiliumNode (pkg/k8s/apis/cilium.io/v2/types.go).
bool IsCiliumNode(std::string_view kind, std::string_view apiVersion);
void ReadCiliumNode(const Value& object, uint32_t fileIndex, ImportedCluster& cluster, Diagnostics& diagnostics);

/// The data of the ConfigMap cilium-config, which the agent reads (pkg/option/config.go).
void ReadCiliumConfigMap(const Value& data, uint32_t fileIndex, const ImportedCluster& cluster, CiliumConfig& config,
                         Diagnostics& diagnostics);

/// Values of Cilium's Helm chart (install/kubernetes/cilium/values.yaml), told by their keys.
bool LooksLikeCiliumValues(const Value& object);
void ReadCiliumValues(const Value& object, uint32_t fileIndex, const ImportedCluster& cluster, CiliumConfig& config,
                      Diagnostics& diagnostics);

/// With cluster-pool IPAM it is the CiliumNodes that say which addresses a node has for its pods: they complete the
/// Nodes of the same name, or stand for them. After all files are read.
void ApplyCiliumNodes(ImportedCluster& cluster);

/// What the files say, in one line: "routingMode native, mtu 1400".
std::string Summary(const CiliumConfig& config);

}  // namespace overlaysim::import
