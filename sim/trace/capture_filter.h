#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "sim/base/addresses.h"
#include "sim/trace/capture_writer.h"

namespace overlaysim {

/// Why a capture filter is refused, and where.
struct FilterError {
  size_t column = 0;  ///< from 1; 0: the expression as a whole
  size_t length = 0;  ///< characters to underline
  std::string message;

  std::string ToString() const;  ///< "column 6: no pod or node ..."
};

/// The address of a pod or node by its name as people write it ("pod-a", "shop/cart-1", "node1"); nullopt: nobody has
/// it.
using NameResolver = std::function<std::optional<Ipv4Address>(std::string_view name)>;

/// A tcpdump expression with every name of a pod or node replaced by its address. What libpcap would look up elsewhere
/// is refused: names that the resolver does not know, names of ports and networks, MAC addresses by name. Names of
/// protocols after `proto` become their numbers. A name that is also a keyword is written with a backslash, as in
/// tcpdump (`host \tcp`).
std::optional<std::string> ResolveFilterNames(std::string_view expression, const NameResolver& resolve,
                                              FilterError& error);

/// A tcpdump expression, compiled by libpcap.
class CaptureFilter {
 public:
  CaptureFilter(CaptureFilter&&) noexcept;
  CaptureFilter& operator=(CaptureFilter&&) noexcept;
  ~CaptureFilter();

  /// "" matches everything. Names must have been resolved: one that is left is an error, and nobody is asked about it.
  static std::optional<CaptureFilter> Compile(std::string_view expression, FilterError& error,
                                              LinkType linkType = LinkType::Ethernet);
  bool Matches(std::span<const uint8_t> frame) const;

 private:
  struct Program;
  explicit CaptureFilter(std::unique_ptr<Program> program);
  std::unique_ptr<Program> m_program;  ///< nullptr: matches everything
};

}  // namespace overlaysim
