#include "sim/run/typed_command.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "models/engine/engine.h"
#include "models/traffic/ping.h"
#include "sim/iproute2/command.h"

namespace overlaysim {
namespace {

/// A command that has ended when it has begun.
class Immediate : public traffic::Flow {
 public:
  explicit Immediate(std::function<iproute2::CommandResult()> run) : m_run(std::move(run)) {}
  void Start() override {
    const iproute2::CommandResult result = m_run();
    m_result.exit = result.exit;
    m_result.output = result.out;
    m_result.errorOutput = result.err;
    Done();
  }

 private:
  std::function<iproute2::CommandResult()> m_run;
};

std::unique_ptr<traffic::Flow> Answer(int exit, std::string error) {
  return std::make_unique<Immediate>([exit, error] { return iproute2::CommandResult{exit, "", error}; });
}

constexpr int64_t kMostPayload = 65507;  // what an IPv4 packet holds behind its own header and ICMP's

/// "0.2" seconds, without going through floating point.
std::optional<Nanoseconds> ParseSeconds(std::string_view text) { return Nanoseconds::Parse(std::string(text) + "s"); }

/// strtol() with base 0 or 10, and the words of strtol_or_err() for what is no number of that range.
struct Number {
  int64_t value = 0;
  std::string error;
};
Number ParseInRange(const std::string& text, int64_t low, int64_t high) {
  Number out;
  auto [next, error] = std::from_chars(text.data(), text.data() + text.size(), out.value);
  if (error != std::errc{} || next != text.data() + text.size())
    out.error = fmt::format("ping: invalid argument: '{}'\n", text);
  else if (out.value < low || out.value > high)
    out.error = fmt::format("ping: invalid argument: '{}': out of range: {} <= value <= {}\n", text, low, high);
  return out;
}

/// parsetos(): decimal, or hexadecimal behind 0x. None: not 0 to 255.
std::optional<uint8_t> ParseTos(std::string_view text) {
  const bool isHex = text.substr(0, 2) == "0x" || text.substr(0, 2) == "0X";
  if (isHex) text.remove_prefix(2);
  unsigned value = 0;
  auto [next, error] = std::from_chars(text.data(), text.data() + text.size(), value, isHex ? 16 : 10);
  if (error != std::errc{} || next != text.data() + text.size() || value > UINT8_MAX) return std::nullopt;
  return static_cast<uint8_t>(value);
}

template <typename T>
bool ParseNumber(std::string_view text, T& out) {
  auto [next, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && next == text.data() + text.size();
}

std::unique_ptr<traffic::Flow> MakePing(host::Stack& stack, const std::vector<std::string>& words, uint16_t icmpId,
                                        uint32_t flow, const std::function<Ipv4Address(std::string_view)>& resolve) {
  traffic::PingSettings s;
  s.id = icmpId;
  s.allowBroadcast = false;
  s.flow = flow;
  auto invalid = [](const std::string& what) { return Answer(1, "ping: invalid argument: '" + what + "'\n"); };
  for (size_t i = 1; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word.size() < 2 || word[0] != '-') {
      if (!s.destinationText.empty()) return Answer(2, "ping: only one destination is supported\n");
      s.destinationText = word;
      continue;
    }
    for (size_t at = 1; at < word.size(); ++at) {
      const char option = word[at];
      if (option == 'n' || option == '4' || option == '6') continue;
      bool* const flag = option == 'q'   ? &s.quiet
                         : option == 'O' ? &s.reportOutstanding
                         : option == 'D' ? &s.printTime
                         : option == 'b' ? &s.allowBroadcast
                                         : nullptr;
      if (flag) {
        *flag = true;
        continue;
      }
      if (std::string_view("aABCdefFhHlLmNprRSTUvV36").find(option) != std::string_view::npos)
        return Answer(2, fmt::format("ping: -{} is not supported yet\n", option));
      if (std::string_view("ciWwstMIQ").find(option) == std::string_view::npos)
        return Answer(2, fmt::format("ping: invalid option -- '{}'\n", option));
      std::string value = word.substr(at + 1);
      if (value.empty()) {
        if (++i == words.size()) return Answer(2, fmt::format("ping: option requires an argument -- '{}'\n", option));
        value = words[i];
      }
      std::optional<Nanoseconds> time;
      Number number;
      switch (option) {
        case 'c':
          number = ParseInRange(value, 1, INT64_MAX);
          if (!number.error.empty()) return Answer(1, number.error);
          s.count = static_cast<uint64_t>(number.value);
          break;
        case 'i':
        case 'W':
        case 'w':
          time = ParseSeconds(value);
          if (!time) return invalid(value);
          (option == 'i' ? s.interval : option == 'W' ? s.linger.emplace() : s.deadline.emplace()) = *time;
          break;
        case 's':
          number = ParseInRange(value, 0, kMostPayload);
          if (!number.error.empty()) return Answer(1, number.error);
          s.payload = static_cast<uint32_t>(number.value);
          break;
        case 't':
          number = ParseInRange(value, 0, UINT8_MAX);
          if (!number.error.empty()) return Answer(1, number.error);
          if (number.value == 0) return Answer(2, "ping: cannot set unicast time-to-live: Invalid argument\n");
          s.ttl = static_cast<uint8_t>(number.value);
          break;
        case 'Q':
          if (const auto tos = ParseTos(value))
            s.tos = *tos;
          else
            return Answer(2, fmt::format("ping: the decimal value of TOS bits must be in range 0-255: {}\n", value));
          break;
        case 'M':
          using Pmtu = host::SendRequest::Pmtu;
          if (value == "do")
            s.pmtu = Pmtu::Do;
          else if (value == "want")
            s.pmtu = Pmtu::Want;
          else if (value == "dont")
            s.pmtu = Pmtu::Dont;
          else
            return Answer(2, fmt::format("ping: invalid -M argument: {}\n", value));
          break;
        case 'I':
          if (auto address = IpAddress::Parse(value)) {
            const bool isOwn = address->IsV6() ? stack.Ns().Ipv6().IsLocalAddress(address->V6())
                                               : stack.Ns().IsLocalAddress(address->V4());
            if (!isOwn) return Answer(2, "ping: bind: Cannot assign requested address\n");
            s.source = *address;
          } else if (const kernel::Link* link = stack.Ns().FindLink(value)) {
            s.device = value;
            s.oif = link->ifindex;
          } else {
            return Answer(2, fmt::format("ping: SO_BINDTODEVICE {}: No such device\n", value));
          }
          break;
        default:
          break;
      }
      break;  // the value took the rest of the word
    }
  }
  if (s.destinationText.empty()) return Answer(1, "ping: usage error: Destination address required\n");
  const auto address = IpAddress::Parse(s.destinationText);
  s.destination = address ? *address : IpAddress(resolve(s.destinationText));
  if (s.destination.IsZero()) return Answer(2, fmt::format("ping: {}: Name or service not known\n", s.destinationText));
  if (s.count == 0 && !s.deadline)
    return Answer(2, "ping: in a simulation a count is needed: -c COUNT (or -w SECONDS)\n");
  return std::make_unique<traffic::Ping>(stack, s);
}

}  // namespace

std::unique_ptr<traffic::Flow> MakeTypedCommand(host::Stack& stack, iproute2::NamespaceSet& all,
                                                const std::string& line, uint16_t icmpId, uint32_t flow,
                                                const std::function<Ipv4Address(std::string_view)>& resolve) {
  const auto words = iproute2::SplitCommand(line);
  if (!words || words->empty()) return Answer(2, "syntax error in the command line\n");
  if (words->front() == "ping") return MakePing(stack, *words, icmpId, flow, resolve);
  if (iproute2::IsKnownCommand(line))
    return std::make_unique<Immediate>(
        [&stack, &all, line] { return iproute2::RunCommand(all, stack.Id(), line, engine::Now()); });
  return Answer(
      127,
      fmt::format("{}: command not found (this simulator has ping, ip, bridge, sysctl, ethtool, iptables and nstat)\n",
                  words->front()));
}

}  // namespace overlaysim
