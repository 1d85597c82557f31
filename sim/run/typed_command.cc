#include "sim/run/typed_command.h"

#include <fmt/format.h>

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

/// "0.2" seconds, without going through floating point.
std::optional<Nanoseconds> ParseSeconds(std::string_view text) { return Nanoseconds::Parse(std::string(text) + "s"); }

template <typename T>
bool ParseNumber(std::string_view text, T& out) {
  auto [next, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && next == text.data() + text.size();
}

std::unique_ptr<traffic::Flow> MakePing(host::Stack& stack, const std::vector<std::string>& words, uint16_t icmpId,
                                        uint32_t flow, const std::function<Ipv4Address(std::string_view)>& resolve) {
  traffic::PingSettings s;
  s.id = icmpId;
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
      if (option == 'n' || option == '4') continue;
      if (option == 'q') {
        s.quiet = true;
        continue;
      }
      if (std::string_view("ciWwstMIQ").find(option) == std::string_view::npos)
        return Answer(2, fmt::format("ping: invalid option -- '{}'\n", option));
      std::string value = word.substr(at + 1);
      if (value.empty()) {
        if (++i == words.size()) return Answer(2, fmt::format("ping: option requires an argument -- '{}'\n", option));
        value = words[i];
      }
      std::optional<Nanoseconds> time;
      unsigned number = 0;
      switch (option) {
        case 'c':
          if (!ParseNumber(value, s.count) || s.count == 0) return invalid(value);
          break;
        case 'i':
        case 'W':
        case 'w':
          time = ParseSeconds(value);
          if (!time) return invalid(value);
          (option == 'i' ? s.interval : option == 'W' ? s.linger.emplace() : s.deadline.emplace()) = *time;
          break;
        case 's':
          if (!ParseNumber(value, s.payload) || s.payload > 65507) return invalid(value);
          break;
        case 't':
          if (!ParseNumber(value, number) || number < 1 || number > 255) return invalid(value);
          s.ttl = static_cast<uint8_t>(number);
          break;
        case 'Q':
          if (!ParseNumber(value, number) || number > 255) return invalid(value);
          s.tos = static_cast<uint8_t>(number);
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
            return Answer(2, "ping: invalid -M argument\n");
          break;
        case 'I':
          if (auto address = Ipv4Address::Parse(value)) {
            s.source = *address;
          } else if (const kernel::Link* link = stack.Ns().FindLink(value)) {
            s.source = stack.Ns().SelectAddress(link->ifindex, {}, kernel::kScopeGlobal);
          } else {
            return Answer(2, fmt::format("ping: unknown iface: {}\n", value));
          }
          break;
        default:
          break;
      }
      break;  // the value took the rest of the word
    }
  }
  if (s.destinationText.empty()) return Answer(1, "ping: usage error: Destination address required\n");
  const auto address = Ipv4Address::Parse(s.destinationText);
  s.destination = address ? *address : resolve(s.destinationText);
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
