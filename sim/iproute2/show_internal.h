#pragma once

#include <string>

#include "sim/iproute2/show.h"

namespace overlaysim::iproute2 {

// Pieces that several of the show_*.cc files print.

/// The text with its line breaks and tabs as single blanks, and none at its end.
std::string OneLine(std::string text);

/// `-o`: the line breaks within a row as backslashes.
std::string WithBackslashes(std::string row);

bool Accepts(const LinkFilter& filter, const kernel::Link& link);

/// "<BROADCAST,MULTICAST,UP,LOWER_UP> "
void PrintFlags(Output& out, const kernel::Namespace& ns, const kernel::Link& link);
/// "eth0@if4: ", in JSON what it is linked to and its name. `text` formats the name.
void PrintName(Output& out, const kernel::Namespace& ns, const kernel::Link& link, const char* text);

enum class LinkHead : uint8_t { Link, Address, Ipv6Dump };  ///< as `ip link`, `ip addr` or `ip -6 addr` prints it
/// A device without the line break at its end.
void PrintLink(Output& out, const kernel::Namespace& ns, const kernel::Link& link, LinkHead head,
               const ShowOptions& options);
void PrintBriefLink(Output& out, const kernel::Namespace& ns, const kernel::Link& link, LinkHead head);
/// What `-d` adds to it.
/// `withIpv6`: also how its IPv6 addresses are made, as without `-4` and `-6`.
void PrintLinkDetails(Output& out, const kernel::Namespace& ns, const kernel::Link& link, bool withIpv6);
/// What `-s` adds to it; `errors`: `-s -s`.
void PrintLinkStatistics(Output& out, const kernel::LinkStats& stats, bool errors);

/// A member whose key is also its word in the text.
void PrintNumber(Output& out, const char* key, int64_t value);

}  // namespace overlaysim::iproute2
