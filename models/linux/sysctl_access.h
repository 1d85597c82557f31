#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "models/linux/neighbour.h"
#include "sim/base/units.h"

namespace overlaysim::kernel {

// What the settings of both families share.

/// One setting as text: read it, or write a whole number into it.
struct SysctlAccess {
  std::function<int64_t()> get;
  std::function<void(int64_t)> set;
};

template <typename T>
SysctlAccess SysctlNumber(T& field) {
  return {[&field] { return static_cast<int64_t>(field); }, [&field](int64_t v) { field = static_cast<T>(v); }};
}
/// A time, in units of `unit` nanoseconds.
SysctlAccess SysctlSpan(Nanoseconds& field, int64_t unit);

/// net.ipvX.neigh.DEV.KEY
std::optional<SysctlAccess> SysctlOfNeighbours(NeighbourParms& parms, std::string_view key);

/// Splits "net.ipv4.conf.flannel.1.rp_filter" behind the prefix into the device and the setting; a device's name may
/// have dots. False: it has not that form.
bool SplitSysctlDevice(std::string_view name, std::string_view prefix, std::string_view& device, std::string_view& key);

std::optional<int64_t> SysctlWholeNumber(std::string_view text);

}  // namespace overlaysim::kernel
