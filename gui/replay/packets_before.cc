#include "gui/replay/packets_before.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <tuple>
#include <utility>

namespace overlaysim::replay {
namespace {

std::string_view ValueOf(const Layer& layer, std::string_view name) {
  const auto found =
      std::find_if(layer.fields.begin(), layer.fields.end(), [&](const Field& field) { return field.name == name; });
  return found == layer.fields.end() ? std::string_view() : std::string_view(found->value);
}

uint32_t NumberOf(std::string_view text) {
  uint32_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

int64_t PacketsBefore::SinceLast(int64_t timeNs) {
  const auto last = std::exchange(m_lastNs, timeNs);
  return last ? timeNs - *last : 0;
}

std::span<const TcpContext> PacketsBefore::Tcp(const Dissection& packet) {
  m_context.clear();
  std::string_view from, to;
  for (const Layer& layer : packet.layers) {
    if (layer.isQuoted) continue;
    if (layer.protocol == Protocol::Ipv4)
      std::tie(from, to) = std::pair(ValueOf(layer, "ip.src"), ValueOf(layer, "ip.dst"));
    if (layer.protocol == Protocol::Ipv6)
      std::tie(from, to) = std::pair(ValueOf(layer, "ipv6.src"), ValueOf(layer, "ipv6.dst"));
    if (layer.protocol != Protocol::Tcp) continue;
    const std::string sender = fmt::format("{} {}", from, ValueOf(layer, "tcp.srcport"));
    const std::string receiver = fmt::format("{} {}", to, ValueOf(layer, "tcp.dstport"));
    const auto [at, isNew] =
        m_connections.try_emplace(fmt::format("{} {}", std::min(sender, receiver), std::max(sender, receiver)));
    Connection& connection = at->second;
    const bool isSyn = ValueOf(layer, "tcp.flags.syn") == "1", isAnswer = ValueOf(layer, "tcp.flags.ack") == "1";
    const std::string_view sequence = ValueOf(layer, "tcp.seq_raw");
    const size_t known = connection.opener == sender ? 0 : 1;
    const bool isReused =
        !isNew && isSyn && !isAnswer && connection.opening[known].value_or(std::string(sequence)) != sequence;
    if (isNew || isReused) {
      connection = {};
      connection.stream = m_streams++;
      connection.opener = sender;
    }
    const size_t end = connection.opener == sender ? 0 : 1;
    const uint32_t window = NumberOf(ValueOf(layer, "tcp.window_size_value"));
    TcpContext context{connection.stream, window};
    if (isSyn) {
      const std::string_view shift = ValueOf(layer, "tcp.options.wscale.shift");
      connection.opening[end] = sequence;
      connection.scale[end] = shift.empty() ? -1 : static_cast<int>(std::min(NumberOf(shift), 14u));
    } else if (connection.scale[0] && connection.scale[1] && *connection.scale[0] >= 0 && *connection.scale[1] >= 0) {
      context.window = window << *connection.scale[end];
    }
    m_context.push_back(context);
  }
  return m_context;
}

}  // namespace overlaysim::replay
