#include "sim/verify/command_policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace overlaysim::verify {
namespace {

using Words = std::vector<std::string>;

bool StartsWith(std::string_view word, std::string_view start) { return word.substr(0, start.size()) == start; }

template <size_t N>
bool IsOneOf(std::string_view word, const std::array<std::string_view, N>& all) {
  return std::find(all.begin(), all.end(), word) != all.end();
}

/// Whether `word` abbreviates one of the words, as ip(8) allows it.
template <size_t N>
bool Abbreviates(std::string_view word, const std::array<std::string_view, N>& all) {
  return !word.empty() && std::any_of(all.begin(), all.end(), [&](auto full) { return StartsWith(full, word); });
}

std::string CheckIp(const Words& argv) {
  static constexpr std::array<std::string_view, 14> kOptions = {"-4",          "-6", "-d",       "-details", "-j",
                                                                "-json",       "-p", "-pretty",  "-s",       "-stats",
                                                                "-statistics", "-o", "-oneline", "-br"};
  static constexpr std::array<std::string_view, 6> kObjects = {"link", "address",   "route",
                                                               "rule", "neighbour", "neighbor"};
  static constexpr std::array<std::string_view, 2> kBridgeObjects = {"fdb", "link"};
  static constexpr std::array<std::string_view, 5> kKinds = {"veth", "bridge", "vxlan", "dummy", "bridge_slave"};
  size_t at = 1;
  while (at < argv.size() && StartsWith(argv[at], "-")) {
    if (!IsOneOf(argv[at], kOptions)) return fmt::format("the option \"{}\"", argv[at]);
    ++at;
  }
  if (at == argv.size()) return "a call without an object";
  const bool isKnown = argv[0] == "ip" ? Abbreviates(argv[at], kObjects) : Abbreviates(argv[at], kBridgeObjects);
  if (!isKnown) return fmt::format("\"{} {}\"", argv[0], argv[at]);
  for (++at; at < argv.size(); ++at) {
    const std::string& word = argv[at];
    if (StartsWith(word, "xdp") || word == "bpf" || word == "object" || word == "pinned" || word == "vf")
      return fmt::format("the word \"{}\"", word);
    if (word == "type" && at + 1 < argv.size() && argv[0] == "ip" && !IsOneOf(argv[at + 1], kKinds) &&
        Abbreviates(argv[1], std::array<std::string_view, 1>{"link"}))
      return fmt::format("the link type \"{}\"", argv[at + 1]);
  }
  return {};
}

std::string CheckSysctl(const Words& argv) {
  for (size_t at = 1; at < argv.size(); ++at) {
    const std::string name = argv[at].substr(0, argv[at].find('='));
    if (StartsWith(name, "-")) {
      if (name.find_first_not_of("wnqeN", 1) != std::string::npos) return fmt::format("the option \"{}\"", name);
      continue;
    }
    if (!(StartsWith(name, "net.") || StartsWith(name, "net/")) || name.find("..") != std::string::npos ||
        name.find_first_of("*?[") != std::string::npos)
      return fmt::format("the setting \"{}\" (only those below net.)", name);
  }
  return {};
}

std::string CheckEthtool(const Words& argv) {
  static constexpr std::array<std::string_view, 6> kCalls = {
      "-K", "-k", "--features", "--offload", "--show-features", "--show-offload"};
  return argv.size() > 1 && IsOneOf(argv[1], kCalls) ? "" : "ethtool other than with -K or -k";
}

std::string CheckIptables(const Words& argv) {
  for (const std::string& word : argv) {
    if (StartsWith(word, "--mo") || StartsWith(word, "-M")) return fmt::format("the option \"{}\"", word);  // runs it
    if (word == "bpf" || word == "cgroup" || StartsWith(word, "--object") || StartsWith(word, "--path"))
      return fmt::format("the word \"{}\"", word);  // reads a file
  }
  return {};
}

/// Its options read files; `include` does too.
std::string CheckNft(const Words& argv) {
  for (size_t at = 1; at < argv.size(); ++at)
    if (StartsWith(argv[at], "-") || argv[at].find("include") != std::string::npos)
      return fmt::format("the word \"{}\"", argv[at]);
  return {};
}

/// Letters that are refused among a program's options.
std::string CheckLetters(const Words& argv, std::string_view refused) {
  for (size_t at = 1; at < argv.size(); ++at) {
    const std::string& word = argv[at];
    if (StartsWith(word, "--")) return fmt::format("the option \"{}\"", word);
    if (StartsWith(word, "-") && word.find_first_of(refused, 1) != std::string::npos)
      return fmt::format("the option \"{}\"", word);
  }
  return {};
}

std::string CheckAnything(const Words&) { return {}; }
std::string CheckNc(const Words& argv) { return CheckLetters(argv, "ceUFXxTI"); }

struct Program {
  std::string_view name;
  std::string (*check)(const Words&);
};
constexpr Program kPrograms[] = {
    {"ip", CheckIp},           {"bridge", CheckIp},           {"sysctl", CheckSysctl},
    {"ethtool", CheckEthtool}, {"iptables", CheckIptables},   {"ip6tables", CheckIptables},
    {"nft", CheckNft},         {"nstat", CheckAnything},      {"ping", CheckAnything},
    {"arping", CheckAnything}, {"traceroute", CheckAnything}, {"tracepath", CheckAnything},
    {"nc", CheckNc},
};

/// Takes `ip netns exec NAME` and the option `-n NAME` out of the words.
void TakeNamespace(PermittedCommand& command) {
  Words& argv = command.argv;
  while (argv.size() > 4 && argv[0] == "ip" && argv[1] == "netns" && argv[2] == "exec") {
    command.netns = argv[3];
    argv.erase(argv.begin(), argv.begin() + 4);
  }
  if (argv.size() < 2 || (argv[0] != "ip" && argv[0] != "bridge")) return;
  for (size_t at = 1; at + 1 < argv.size() && StartsWith(argv[at], "-"); ++at)
    if (argv[at] == "-n" || argv[at] == "-netns") {
      command.netns = argv[at + 1];
      argv.erase(argv.begin() + static_cast<std::ptrdiff_t>(at), argv.begin() + static_cast<std::ptrdiff_t>(at) + 2);
      return;
    }
}

}  // namespace

bool Permit(const std::vector<std::string>& argv, PermittedCommand& out, std::string& why) {
  out = {"", argv};
  if (argv.empty()) {
    why = "an empty command";
    return false;
  }
  TakeNamespace(out);
  for (const Program& program : kPrograms) {
    if (out.argv[0] != program.name) continue;
    why = program.check(out.argv);
    return why.empty();
  }
  why = fmt::format("the program \"{}\"", out.argv[0]);
  return false;
}

}  // namespace overlaysim::verify
