#include "sim/run/typed_command.h"

#include <fmt/format.h>

#include "models/engine/engine.h"
#include "models/host/stack_inline.h"
#include "sim/iproute2/command.h"

namespace overlaysim {
namespace {

using typed::Answer;
using typed::FlowPtr;
using typed::Shell;

/// A command of iproute2, which has ended when it has begun.
class Immediate : public traffic::Flow {
 public:
  Immediate(const Shell& shell, iproute2::NamespaceSet& all, std::string line)
      : m_stack(shell.stack), m_all(all), m_line(std::move(line)) {}
  void Start() override {
    m_stack.Net().SettleFlows();
    const iproute2::CommandResult result = iproute2::RunCommand(m_all, m_stack.Id(), m_line, engine::Now());
    m_stack.Net().ForgetFlows();
    m_result.exit = result.exit;
    m_result.output = result.out;
    m_result.errorOutput = result.err;
    Done();
  }

 private:
  host::Stack& m_stack;
  iproute2::NamespaceSet& m_all;
  std::string m_line;
};

/// timeout(1) of coreutils 9.1: another command, for so long at most.
class Limited : public traffic::Flow {
 public:
  Limited(const Shell& shell, Nanoseconds limit, FlowPtr command)
      : m_stack(shell.stack), m_limit(limit), m_command(std::move(command)) {}
  void Start() override {
    m_command->onDone = [this] {
      m_result = m_command->Result();
      if (m_isOver) m_result.exit = kTimedOut;
      Done();
    };
    if (m_limit.count > 0)
      m_stack.After(m_limit, [this] {
        if (IsDone()) return;
        m_isOver = true;
        m_command->Terminate();
      });
    m_command->Start();
  }
  void Terminate() override { m_command->Terminate(); }

 private:
  static constexpr int kTimedOut = 124;
  host::Stack& m_stack;
  Nanoseconds m_limit;
  FlowPtr m_command;
  bool m_isOver = false;
};

/// The tool of that name, or null.
FlowPtr MakeTool(const Shell& shell, const std::vector<std::string>& words) {
  if (words.front() == "ping") return typed::MakePing(shell, words);
  if (words.front() == "traceroute") return typed::MakeTraceroute(shell, words);
  if (words.front() == "nc") return typed::MakeNetcat(shell, words);
  if (words.front() == "arping") return typed::MakeArping(shell, words);
  return nullptr;
}

FlowPtr MakeLimited(const Shell& shell, const std::vector<std::string>& words) {
  const std::string help = "Try 'timeout --help' for more information.\n";
  if (words.size() < 3) return Answer(125, help);
  const auto limit = typed::ParseSeconds(words[1]);
  if (!limit) return Answer(125, fmt::format("timeout: invalid time interval ‘{}’\n{}", words[1], help));
  FlowPtr command = MakeTool(shell, {words.begin() + 2, words.end()});
  if (!command)
    return Answer(127, fmt::format("timeout: failed to run command ‘{}’: No such file or directory\n", words[2]));
  return std::make_unique<Limited>(shell, *limit, std::move(command));
}

}  // namespace

FlowPtr MakeTypedCommand(const Shell& shell, iproute2::NamespaceSet& all, const std::string& line) {
  const auto words = iproute2::SplitCommand(line);
  if (!words || words->empty()) return Answer(2, "syntax error in the command line\n");
  if (words->front() == "timeout") return MakeLimited(shell, *words);
  if (FlowPtr tool = MakeTool(shell, *words)) return tool;
  if (iproute2::IsKnownCommand(line)) return std::make_unique<Immediate>(shell, all, line);
  return Answer(127, fmt::format("{}: command not found (this simulator has ping, traceroute, nc, arping, timeout, ip, "
                                 "bridge, sysctl, ethtool, iptables, ip6tables, nft, conntrack and nstat)\n",
                                 words->front()));
}

}  // namespace overlaysim
