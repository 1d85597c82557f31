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

enum class LinkHead : uint8_t { Link, Address };  ///< as `ip link` or as `ip addr` prints it
/// A device without the line break at its end.
void PrintLink(Output& out, const kernel::Namespace& ns, const kernel::Link& link, LinkHead head,
               const ShowOptions& options);
void PrintBriefLink(Output& out, const kernel::Namespace& ns, const kernel::Link& link, LinkHead head);
/// What `-d` adds to it.
void PrintLinkDetails(Output& out, const kernel::Namespace& ns, const kernel::Link& link);
/// What `-s` adds to it; `errors`: `-s -s`.
void PrintLinkStatistics(Output& out, const kernel::LinkStats& stats, bool errors);

/// A member whose key is also its word in the text.
void PrintNumber(Output& out, const char* key, int64_t value);

}  // namespace overlaysim::iproute2
