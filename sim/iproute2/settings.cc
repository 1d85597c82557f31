// The programs `sysctl`, `ethtool` and `nstat`.

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "sim/iproute2/words.h"

namespace overlaysim::iproute2 {
namespace {

/// A setting's name with dots between its parts. When the first separator of `given` is a slash, dots are part of names
/// (sysctl(8), slashes_to_dots()).
std::string DottedName(std::string given) {
  const size_t first = given.find_first_of("./");
  if (first != std::string::npos && given[first] == '/')
    for (char& c : given) c = c == '/' ? '.' : c == '.' ? '/' : c;
  return given;
}

std::string ProcPath(std::string dotted) {
  for (char& c : dotted) c = c == '.' ? '/' : c == '/' ? '.' : c;
  return "/proc/sys/" + dotted;
}

std::string Trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

struct SysctlOptions {
  bool write = false, quiet = false, valueOnly = false, nameOnly = false, ignoreUnknown = false;
};

void Complain(Session& session, std::string message) {
  session.result.exit = 1;
  session.result.err += std::move(message);
}

void PrintSetting(Session& session, const SysctlOptions& options, const std::string& name, const std::string& value) {
  if (options.quiet) return;
  if (options.nameOnly)
    session.result.out += name + "\n";
  else if (options.valueOnly)
    session.result.out += value + "\n";
  else
    session.result.out += fmt::format("{} = {}\n", name, value);
}

void OneSetting(Session& session, const SysctlOptions& options, const std::string& word, size_t position) {
  const size_t equals = word.find('=');
  const std::string name = DottedName(Trimmed(word.substr(0, equals)));
  kernel::Namespace& ns = session.Ns();
  const auto unknown = [&] {
    if (!options.ignoreUnknown)
      Complain(session, fmt::format("sysctl: cannot stat {}: No such file or directory\n", ProcPath(name)));
  };
  if (equals == std::string::npos) {
    if (options.write)
      return Complain(session, fmt::format("sysctl: command line({}): invalid syntax, continuing...\n", position));
    const auto value = ns.GetSysctl(name);
    if (!value) return unknown();
    return PrintSetting(session, options, name, *value);
  }
  const std::string value = Trimmed(word.substr(equals + 1));
  const int error = ns.SetSysctl(name, value);
  if (error == ENOENT) return unknown();
  if (error != 0) return Complain(session, fmt::format("sysctl: setting key \"{}\": {}\n", name, std::strerror(error)));
  PrintSetting(session, options, name, value);
}

}  // namespace

void RunSysctl(Session& session, Words& words) {
  SysctlOptions options;
  std::vector<std::string> settings;
  while (!words.Done()) {
    const std::string word = words.Next();
    if (word.size() < 2 || word[0] != '-') {
      settings.push_back(word);
      continue;
    }
    static constexpr std::pair<const char*, char> kLong[] = {
        {"--write", 'w'}, {"--quiet", 'q'}, {"--values", 'n'}, {"--names", 'N'}, {"--ignore", 'e'}};
    std::string letters = word.substr(1);
    for (const auto& [name, letter] : kLong)
      if (word == name) letters = letter;
    for (char letter : letters) {
      switch (letter) {
        case 'w':
          options.write = true;
          break;
        case 'q':
          options.quiet = true;
          break;
        case 'n':
          options.valueOnly = true;
          break;
        case 'N':
          options.nameOnly = true;
          break;
        case 'e':
          options.ignoreUnknown = true;
          break;
        default:
          NotSupported(fmt::format("\"sysctl {}\"", word));
      }
    }
  }
  if (settings.empty()) throw Failure{1, "\nUsage:\n sysctl [options] [variable[=value] ...]\n"};
  for (size_t i = 0; i < settings.size(); ++i) OneSetting(session, options, settings[i], i);
}

void RunEthtool(Session& session, Words& words) {
  if (!words.Take("-K") && !words.Take("--features") && !words.Take("--offload"))
    NotSupported("\"ethtool\" other than \"ethtool -K DEVICE FEATURE on|off\"");
  if (words.Done()) throw Failure{1, "ethtool: bad command line argument(s)\nFor more information run ethtool -h\n"};
  kernel::Namespace& ns = session.Ns();
  kernel::Link* link = ns.FindLink(words.Next());
  if (!link) throw Failure{92, "netlink error: no device matches name (offset 24)\nnetlink error: No such device\n"};
  // Of these only the transmit checksum changes what a capture shows; packets are never merged or cut here.
  static constexpr const char* kFeatures[] = {"rx",
                                              "tx",
                                              "sg",
                                              "tso",
                                              "ufo",
                                              "gso",
                                              "gro",
                                              "lro",
                                              "rxvlan",
                                              "txvlan",
                                              "ntuple",
                                              "rxhash",
                                              "rx-checksumming",
                                              "tx-checksumming",
                                              "scatter-gather",
                                              "tcp-segmentation-offload",
                                              "generic-segmentation-offload",
                                              "generic-receive-offload",
                                              "large-receive-offload",
                                              "rx-checksum",
                                              "tx-checksum-ip-generic",
                                              "tx-scatter-gather",
                                              "tx-tcp-segmentation",
                                              "tx-udp-segmentation",
                                              "tx-generic-segmentation",
                                              "rx-gro",
                                              "rx-udp-gro-forwarding",
                                              "rx-gro-list",
                                              "tx-gso-list",
                                              "tx-udp_tnl-segmentation",
                                              "tx-udp_tnl-csum-segmentation"};
  while (!words.Done()) {
    const std::string feature = words.Next();
    const std::string value = words.Done() ? "(null)" : words.Next();
    if (value != "on" && value != "off")
      throw Failure{
          1, fmt::format("ethtool (-K): flag '{}' for parameter '(null)' is not followed by 'on' or 'off'\n", value)};
    if (std::none_of(std::begin(kFeatures), std::end(kFeatures), [&](const char* f) { return feature == f; }))
      throw Failure{92, "netlink error: bit name not found (offset 56)\nnetlink error: Operation not supported\n"};
    if (feature == "tx" || feature == "tx-checksumming" || feature == "tx-checksum-ip-generic")
      link->txChecksum = value == "on";
  }
  ns.LinkChanged(link->ifindex);
}

void RunNstat(Session& session, Words& words) {
  bool zeros = false, json = false;
  while (!words.Done()) {
    const std::string word = words.Next();
    if (word.size() < 2 || word[0] != '-') NotSupported("\"nstat\" with a pattern");
    for (char c : word == "--json" ? std::string("j") : word == "--zeros" ? std::string("z") : word.substr(1)) {
      if (c == 'z')
        zeros = true;
      else if (c == 'j')
        json = true;
      else if (c != 'a' && c != 's' && c != 'r' && c != 'n')  // values are absolute here: there is no history
        NotSupported(fmt::format("\"nstat -{}\"", c));
    }
  }
  session.result.out += CountersShow(session.Ns(), zeros, json ? Format::Json : Format::Text);
}

}  // namespace overlaysim::iproute2
