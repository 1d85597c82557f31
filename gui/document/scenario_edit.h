#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace overlaysim::document {

/// One replacement in a scenario's text: what a person could have typed, so that undo takes it back as one.
struct TextEdit {
  size_t offset = 0;
  size_t length = 0;  ///< bytes that go
  std::string text;   ///< bytes that come
  bool operator==(const TextEdit&) const = default;
};

std::string Applied(std::string_view text, const TextEdit& edit);

// Each answers nullopt when the text is no JSON or has something else at that place. `path` are the keys of objects
// from the root on. Lines and indentation follow what stands around.

/// Puts the item (JSON) at the end of the list, which is made where it is missing.
std::optional<TextEdit> AppendItem(std::string_view text, const std::vector<std::string>& path, std::string_view item);
/// Takes out the first item that is that string, or an object whose member "name" is.
std::optional<TextEdit> RemoveNamed(std::string_view text, const std::vector<std::string>& path, std::string_view name);
/// Takes the first cable between the two out of underlay.links.
std::optional<TextEdit> RemoveLink(std::string_view text, std::string_view a, std::string_view b);
/// Takes the first line of traffic from the one to the other out.
std::optional<TextEdit> RemoveTraffic(std::string_view text, std::string_view from, std::string_view to);

// Items of a scenario's lists.
std::string Quoted(std::string_view text);                          ///< as a JSON string
std::string PodJson(std::string_view name, std::string_view node);  ///< name: "pod-a" or "shop/cart"
/// Those kinds of traffic that need no more than two ends.
enum class TrafficKind : uint8_t { Ping, Udp, Tcp, Rpc, Bulk };
std::string TrafficJson(TrafficKind kind, std::string_view from, std::string_view to);
std::string LinkJson(std::string_view a, std::string_view b);

/// What a click can do to a cluster that runs, as an item of "events".
struct EventWish {
  int64_t atNs = 0;
  std::optional<int64_t> forNs;
  enum class Kind : uint8_t { FailLink, FailNode, SlowLink, DelayLink, SetMtu, Exec } kind = Kind::FailLink;
  std::string a, b;   ///< the two ends of the link; or the node, pod or switch
  std::string value;  ///< "1Gbps", "10ms", "1400", or the command
};
std::string EventJson(const EventWish& wish);
/// The command that drops packets to a port, for `Exec`: "iptables -I INPUT -p udp --dport 8472 -j DROP".
std::string BlockPortCommand(std::string_view chain, std::string_view protocol, uint16_t port);

}  // namespace overlaysim::document
