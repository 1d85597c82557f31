// Any text as a cluster's own file: it is read, or refused with a message.
#include <cstdint>
#include <string_view>

#include "sim/base/check.h"
#include "sim/import/reader.h"

using namespace overlaysim;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Diagnostics diagnostics;
  import::ImportText("input", text, diagnostics);
  OVERLAYSIM_CHECK(diagnostics.All().empty() == diagnostics.Format().empty(), "problems and what is said of them differ");
  return 0;
}
