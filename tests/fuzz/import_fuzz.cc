// Any text as a cluster's own file: it is read, or refused with a message; what was read can be checked, redacted and
// turned into a scenario.
#include <cstdint>
#include <string_view>

#include "sim/base/check.h"
#include "sim/import/check.h"
#include "sim/import/export.h"
#include "sim/import/reader.h"
#include "sim/import/redact.h"

using namespace overlaysim;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Diagnostics diagnostics;
  const import::ImportedCluster cluster = import::ImportText("input", text, diagnostics);
  import::CheckCluster(cluster, diagnostics);
  const import::ImportedCluster redacted = import::Redact(cluster);
  OVERLAYSIM_CHECK(redacted.nodes.size() == cluster.nodes.size() && redacted.pods.size() == cluster.pods.size(),
                   "redacting lost something");
  import::ImportReport report;
  import::ToScenarioJson(redacted, report, diagnostics);
  OVERLAYSIM_CHECK(diagnostics.All().empty() == diagnostics.Format().empty(),
                   "problems and what is said of them differ");
  return 0;
}
