#pragma once

#include <string_view>

namespace overlaysim::typed {

/// What the tools of Debian 12 print of themselves, with the end of the last line.
extern const std::string_view kPingUsage;
extern const std::string_view kNetcatVersion;  ///< of `nc -h`, which then prints usage and summary
extern const std::string_view kNetcatUsage;
extern const std::string_view kNetcatSummary;
extern const std::string_view kTracerouteUsage;
extern const std::string_view kArpingUsage;

}  // namespace overlaysim::typed
