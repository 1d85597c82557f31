#include "sim/iproute2/command.h"

#include <fmt/format.h>

#include <cctype>

#include "sim/iproute2/words.h"

namespace overlaysim::iproute2 {
namespace {

struct Program {
  const char* name;
  void (*run)(Session&, Words&);
};
constexpr Program kPrograms[] = {
    {"ip", RunIp},
    {"bridge", RunBridge},
    {"sysctl", RunSysctl},
    {"ethtool", RunEthtool},
    {"iptables", RunIptables},
    {"iptables-save", RunIptablesSave},
    {"ip6tables", RunIp6tables},
    {"ip6tables-save", RunIp6tablesSave},
    {"nft", RunNft},
    {"conntrack", RunConntrack},
    {"nstat", RunNstat},
    {"wg", RunWg},
    {"cat", RunCat},
};

const Program* FindProgram(std::string_view word) {
  const size_t slash = word.rfind('/');
  if (slash != std::string_view::npos) word.remove_prefix(slash + 1);
  for (const Program& program : kPrograms)
    if (word == program.name) return &program;
  return nullptr;
}

CommandResult RunWords(NamespaceSet& all, kernel::Namespace* current, std::vector<std::string> line, Nanoseconds now) {
  if (line.empty()) return {};
  const Program* program = FindProgram(line.front());
  if (!program) return {127, "", fmt::format("{}: command not found\n", line.front())};
  Session session{.all = all, .current = current, .now = now};
  session.show.now = now;
  session.show.netnsName = [&all](NetnsId id) {
    const kernel::Namespace* ns = all.Get(id);
    return ns ? ns->Name() : std::string();
  };
  Words words(std::move(line));
  words.Next();
  try {
    program->run(session, words);
  } catch (const Failure& failure) {
    session.result.exit = failure.exit;
    session.result.err += failure.err;
  }
  return session.result;
}

std::string JsonNames(const std::vector<std::string>& names, Format format) {
  Output out(format);
  out.OpenArray();
  for (const std::string& name : names) {
    out.OpenObject();
    out.String("name", "{}\n", name);
    out.CloseObject();
  }
  out.CloseArray();
  return out.Take();
}

kernel::Namespace& RequireNetns(Session& session, const std::string& name) {
  kernel::Namespace* ns = session.all.Find(name);
  if (!ns) throw Failure{255, fmt::format("Cannot open network namespace \"{}\": No such file or directory\n", name)};
  return *ns;
}

/// The options before the object that `ip` and `bridge` share; false: not one of them.
bool TakeOption(Session& session, Words& words, std::string_view option) {
  ShowOptions& show = session.show;
  if (option == "-4") {
    show.family = Family::Inet;
  } else if (option == "-6") {
    show.family = Family::Inet6;
  } else if (Abbreviates(option, "-details")) {
    show.details = true;
  } else if (Abbreviates(option, "-json")) {
    show.format = Format::Json;
  } else if (Abbreviates(option, "-stats") || Abbreviates(option, "-statistics")) {
    ++show.statistics;
  } else if (Abbreviates(option, "-oneline")) {
    show.oneLine = true;
  } else if (Abbreviates(option, "-netns")) {
    session.current = &RequireNetns(session, words.Next());
  } else if (Abbreviates(option, "-color") || option.rfind("-color=", 0) == 0) {
    // no colours here
  } else if (Abbreviates(option, "-family")) {
    const std::string family = words.Next();
    if (family != "inet" && family != "inet6") NotSupported(fmt::format("the family \"{}\"", family));
    show.family = family == "inet" ? Family::Inet : Family::Inet6;
  } else {
    return false;
  }
  return true;
}

/// Options of iproute2 that we do without.
bool IsOtherOption(std::string_view option) {
  for (const char* other : {"-human-readable", "-iec", "-resolve", "-Numeric", "-timestamp", "-tshort", "-batch",
                            "-all", "-loops", "-rcvbuf", "-force", "-echo", "-compressvlans"})
    if (option.size() > 1 && option != "-n" && option != "-c" && option != "-a" && option != "-t" && option != "-f" &&
        Abbreviates(option, other))
      return true;
  return false;
}

/// Eats the options; a word with two dashes counts as one with a single dash.
void TakeOptions(Session& session, Words& words, const char* program, std::string_view version) {
  bool wantsPretty = false;
  while (!words.Done() && words.Peek().size() > 1 && words.Peek()[0] == '-') {
    std::string option = words.Next();
    if (option[1] == '-') option.erase(0, 1);
    if (Abbreviates(option, "-Version")) {
      session.result.out += version;
      throw Failure{0, ""};
    }
    if (option != "-b" && Abbreviates(option, "-brief")) {
      session.show.brief = true;
    } else if (Abbreviates(option, "-pretty")) {
      wantsPretty = true;
    } else if (IsOtherOption(option)) {
      NotSupported(fmt::format("the option \"{}\"", option));
    } else if (!TakeOption(session, words, option)) {
      throw Failure{255, fmt::format("Option \"{}\" is unknown, try \"{} {}help\".\n", option, program,
                                     program == std::string_view("ip") ? "-" : "")};
    }
  }
  if (wantsPretty && session.show.format == Format::Json) session.show.format = Format::PrettyJson;
}

}  // namespace

std::optional<std::vector<std::string>> SplitCommand(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  bool inWord = false;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '\'' || c == '"') {
      inWord = true;
      for (++i; i < line.size() && line[i] != c; ++i) {
        if (c == '"' && line[i] == '\\' && i + 1 < line.size() && (line[i + 1] == '"' || line[i + 1] == '\\')) ++i;
        word += line[i];
      }
      if (i == line.size()) return std::nullopt;
    } else if (c == '\\' && i + 1 < line.size()) {
      inWord = true;
      word += line[++i];
    } else if (std::isspace(static_cast<unsigned char>(c))) {
      if (inWord) words.push_back(std::move(word));
      word.clear();
      inWord = false;
    } else {
      inWord = true;
      word += c;
    }
  }
  if (inWord) words.push_back(std::move(word));
  return words;
}

bool IsKnownCommand(std::string_view line) {
  auto words = SplitCommand(line);
  while (words && words->size() > 4 && FindProgram(words->front()) == &kPrograms[0] && (*words)[1] == "netns" &&
         (*words)[2] == "exec")
    words->erase(words->begin(), words->begin() + 4);
  return words && !words->empty() && FindProgram(words->front());
}

CommandResult RunCommand(NamespaceSet& all, NetnsId current, std::string_view line, Nanoseconds now) {
  auto words = SplitCommand(line);
  if (!words) return {2, "", "a quote that does not end\n"};
  return RunWords(all, current.IsNone() ? nullptr : all.Get(current), std::move(*words), now);
}

void RunIp(Session& session, Words& words) {
  TakeOptions(session, words, "ip", "ip utility, iproute2-6.1.0, libbpf 1.1.2\n");
  struct Object {
    const char* name;
    void (*run)(Session&, Words&);
  };
  // in the order in which an abbreviation is looked up
  static constexpr Object kObjects[] = {
      {"address", IpAddressCommand}, {"route", IpRoute}, {"rule", IpRule},   {"neighbor", IpNeighbour},
      {"neighbour", IpNeighbour},    {"link", IpLink},   {"netns", IpNetns}, {"xfrm", IpXfrm},
  };
  static constexpr const char* kOthers[] = {"addrlabel",   "amt",      "fou",     "ila",    "ioam",   "l2tp",
                                            "macsec",      "maddress", "monitor", "mptcp",  "mroute", "mrule",
                                            "netconf",     "nexthop",  "ntable",  "ntbl",   "sr",     "tap",
                                            "tcp_metrics", "token",    "tunnel",  "tuntap", "vrf"};
  if (words.Done()) throw Failure{255, "Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }\n"};
  const std::string word = words.Next();
  for (const Object& object : kObjects)
    if (Abbreviates(word, object.name)) return object.run(session, words);
  for (const char* other : kOthers)
    if (word == other) NotSupported(fmt::format("\"ip {}\"", word));
  throw Failure{1, fmt::format("Object \"{}\" is unknown, try \"ip help\".\n", word)};
}

void TakeBridgeOptions(Session& session, Words& words) {
  session.rtnetlinkExit = 255;
  TakeOptions(session, words, "bridge", "bridge utility, 6.1.0\n");
}

void IpNetns(Session& session, Words& words) {
  if (words.Done() || words.TakeAbbreviated({"list", "show", "lst"})) {
    session.result.out += JsonNames(session.all.Names(), session.show.format);
    return;
  }
  if (words.TakeAbbreviated({"add"})) {
    if (words.Done()) throw Failure{1, "No netns name specified\n"};
    const std::string name = words.Next();
    if (name.find('/') != std::string::npos || name == "." || name == "..")
      throw Failure{255, fmt::format("Invalid netns name \"{}\"\n", name)};
    if (session.all.Find(name))
      throw Failure{1, fmt::format("Cannot create namespace file \"/run/netns/{}\": File exists\n", name)};
    if (!session.all.Add(name)) NotSupported("adding a namespace to a running cluster");
  } else if (words.TakeAbbreviated({"delete"})) {
    if (words.Done()) throw Failure{1, "No netns name specified\n"};
    const std::string name = words.Next();
    kernel::Namespace* ns = session.all.Find(name);
    if (!ns)
      throw Failure{1,
                    fmt::format("Cannot remove namespace file \"/run/netns/{}\": No such file or directory\n", name)};
    std::vector<int> veths;
    for (const kernel::Link* link : ns->Links())
      if (link->kind == kernel::LinkKind::Veth) veths.push_back(link->ifindex);
    for (int ifindex : veths) DeleteLink(session.all, *ns, ifindex);  // one that went with its other end is no error
    if (!session.all.Remove(ns->Id())) NotSupported("deleting a namespace of a running cluster");
  } else if (words.TakeAbbreviated({"exec"})) {
    if (words.Done()) throw Failure{1, "No netns name specified\n"};
    const std::string name = words.Next();
    if (words.Done()) throw Failure{1, "No command specified\n"};
    kernel::Namespace& ns = RequireNetns(session, name);
    if (!FindProgram(words.Peek()))
      throw Failure{1, fmt::format("exec of \"{}\" failed: No such file or directory\n", words.Peek())};
    session.result = RunWords(session.all, &ns, words.Rest(), session.now);
  } else {
    throw Failure{255, fmt::format("Command \"{}\" is unknown, try \"ip netns help\".\n", words.Peek())};
  }
}

}  // namespace overlaysim::iproute2
