#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "sim/import/imported_cluster.h"
#include "sim/import/value.h"

namespace overlaysim::import {

/// Whether an object of that kind ("IPPool") and API group is one of Calico's that is read here.
bool IsCalicoResource(std::string_view kind, std::string_view apiVersion);

/// Takes an IPPool, FelixConfiguration, BGPConfiguration, BGPPeer, BlockAffinity, IPAMBlock or Calico's own Node into `config`. Fields that are
/// not there keep Calico's defaults.
void ReadCalicoResource(const Value& object, uint32_t fileIndex, const ImportedCluster& cluster, CalicoConfig& config,
                        Diagnostics& diagnostics);

/// "IPPool 10.21.0.0/18 blockSize 26, ipipMode Always, natOutgoing true; mesh true": what was said, for people.
std::string Summary(const CalicoConfig& config);

}  // namespace overlaysim::import
