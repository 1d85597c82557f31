// Real files of real clusters, which may not be copied here: only their names and what was found in them are in the
// golden file.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "sim/import/calico_resources.h"
#include "sim/import/check.h"
#include "sim/import/net_conf.h"
#include "sim/import/reader.h"

namespace overlaysim::import {
namespace {

const std::filesystem::path kClusters = OVERLAYSIM_SOURCE_DIR "/../shared/data/clusters";
const char* const kGolden = OVERLAYSIM_SOURCE_DIR "/tests/data/clusters/real_files.golden";

/// What became of a file: the values that were taken, or why there are none.
struct Outcome {
  std::string reason;  ///< "" when it was imported
  std::string values;
};

Outcome Import(const std::filesystem::path& path) {
  Diagnostics diagnostics;
  const ImportedCluster cluster = ImportFiles({path.string()}, diagnostics);
  CheckCluster(cluster, diagnostics);
  Outcome outcome;
  const auto usable =
      std::count_if(cluster.nodes.begin(), cluster.nodes.end(), [](const Node& n) { return !n.podCidrs.empty(); });
  if (usable == 0 && cluster.pods.empty() && !cluster.flannel && !cluster.calico) {
    outcome.reason = cluster.nodes.empty() ? diagnostics.All().front().message : "nodes without a pod CIDR";
    outcome.reason = outcome.reason.substr(0, outcome.reason.find(": "));  // without the kinds that it holds instead
    return outcome;
  }
  std::string& out = outcome.values;
  if (cluster.flannel) out += fmt::format("  flannel: {}\n", Summary(*cluster.flannel));
  if (cluster.calico) out += fmt::format("  calico: {}\n", Summary(*cluster.calico));
  if (cluster.cni) {
    std::vector<std::string> types;
    for (const CniConfig::Plugin& plugin : cluster.cni->plugins) types.push_back(plugin.type);
    out += fmt::format("  cni: {} ({})\n", cluster.cni->name, JoinNames(types));
  }
  for (const Node& node : cluster.nodes) {
    std::vector<std::string> cidrs;
    for (const IpPrefix& cidr : node.podCidrs) cidrs.push_back(cidr.ToString());
    out += fmt::format("  node {}: {}, podCIDR {}", node.name,
                       node.UnderlayAddress() ? node.UnderlayAddress()->ToString() : "no address",
                       cidrs.empty() ? "none" : JoinNames(cidrs));
    if (node.flannel.vtepMac) out += ", VtepMAC " + node.flannel.vtepMac->ToString();
    if (!node.zone.empty()) out += fmt::format(", zone {}", node.zone);
    out += "\n";
  }
  if (!cluster.pods.empty()) {
    const auto placed =
        std::count_if(cluster.pods.begin(), cluster.pods.end(), [](const Pod& p) { return p.IsPlaced(); });
    const auto host =
        std::count_if(cluster.pods.begin(), cluster.pods.end(), [](const Pod& p) { return p.hostNetwork; });
    out += fmt::format("  pods: {}, {} placed, {} with hostNetwork\n", cluster.pods.size(), placed, host);
  }
  for (const Diagnostic& d : diagnostics.All()) {
    const char* word = d.severity == Severity::Error ? "error" : d.severity == Severity::Warning ? "warning" : "note";
    out += fmt::format("  {}:{}: {}: {}\n", d.place.line, d.place.column, word, d.message);
  }
  return outcome;
}

TEST(RealFiles, AreImportedOrRefusedWithAReason) {
  if (!std::filesystem::exists(kClusters)) GTEST_SKIP() << "../shared/data/clusters is not here";
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kClusters)) {
    if (entry.is_regular_file() && entry.path().parent_path() != kClusters) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::string found = "Imported\n\n";
  std::map<std::string, std::string> refused;
  for (const auto& path : paths) {
    const std::string name = std::filesystem::relative(path, kClusters).string();
    const Outcome outcome = Import(path);
    if (outcome.reason.empty()) {
      found += name + "\n" + outcome.values;
    } else {
      refused[outcome.reason] += "  " + name + "\n";
    }
  }
  found += "\nNot imported, by reason\n";
  for (const auto& [reason, names] : refused) found += "\n" + reason + "\n" + names;
  if (std::getenv("OVERLAYSIM_UPDATE_GOLDEN")) std::ofstream(kGolden, std::ios::binary) << found;
  std::ifstream in(kGolden, std::ios::binary);
  std::stringstream golden;
  golden << in.rdbuf();
  EXPECT_EQ(found, golden.str())
      << "OVERLAYSIM_UPDATE_GOLDEN=1 writes what was found; look at the difference before committing it";
}

TEST(RealFiles, EveryNetConfOfAManifestIsTaken) {
  if (!std::filesystem::exists(kClusters)) GTEST_SKIP() << "../shared/data/clusters is not here";
  size_t manifests = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kClusters / "flannel-configs")) {
    if (!entry.is_regular_file()) continue;
    Diagnostics diagnostics;
    const ImportedCluster cluster = ImportFiles({entry.path().string()}, diagnostics);
    EXPECT_FALSE(diagnostics.HasErrors()) << diagnostics.Format();
    EXPECT_TRUE(cluster.flannel) << entry.path();
    ++manifests;
  }
  EXPECT_EQ(manifests, 37u);  // as its README.md counts them
}

}  // namespace
}  // namespace overlaysim::import
