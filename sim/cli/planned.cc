#include "sim/cli/planned.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>

namespace overlaysim::cli {

std::optional<LoadedPlan> Load(const ScenarioArguments& arguments,
                               const std::function<void(scenario::Scenario&)>& edit) {
  Diagnostics diagnostics;
  auto loaded = LoadPlan(arguments.path, arguments.load, diagnostics, edit);
  fmt::print(stderr, "{}", diagnostics.Format());
  return loaded;
}

NetnsId FindNamespace(const ClusterPlan& plan, const std::string& name) {
  constexpr size_t kConsidered = 2000;  // for a suggestion, more would only take time
  const NetnsId found = plan.Find(name);
  if (found) return found;
  std::vector<std::string> names;
  for (size_t i = 0; i < plan.NetnsCount() && i < kConsidered; ++i) names.push_back(plan.Info(NetnsId(i)).name);
  const std::string near = DidYouMean(name, names);
  Complain(kUsage, fmt::format("there is no node, pod or switch \"{}\"{}", name,
                               near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near)));
  return {};
}

namespace {

extern "C" void OnSignal(int) { InterruptRun(); }

void Handle(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // a second Ctrl+C ends the program at once
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

InterruptGuard::InterruptGuard() { Handle(OnSignal); }
InterruptGuard::~InterruptGuard() { Handle(SIG_DFL); }

std::function<void(const RunProgress&)> TerminalProgress() {
  if (!isatty(STDERR_FILENO)) return {};
  using Clock = std::chrono::steady_clock;
  return [begin = Clock::now(), last = Clock::now()](const RunProgress& p) mutable {
    const auto now = Clock::now();
    if (now - last < std::chrono::milliseconds(200)) return;
    last = now;
    const double seconds = std::chrono::duration<double>(now - begin).count();
    std::string line = fmt::format("{:.3f} s simulated, {:.0f} events/s", static_cast<double>(p.simulated.count) / 1e9,
                                   static_cast<double>(p.events) / seconds);
    if (p.expectedEnd > p.simulated && p.simulated.count > 0)
      line += fmt::format(", about {:.0f} s left", seconds * static_cast<double>((p.expectedEnd - p.simulated).count) /
                                                       static_cast<double>(p.simulated.count));
    fmt::print(stderr, "\r\033[K{}", line);
    std::fflush(stderr);
  };
}

std::function<void(const RunProgress&)> ProgressLines() {
  using Clock = std::chrono::steady_clock;
  return [last = Clock::now()](const RunProgress& p) mutable {
    const auto now = Clock::now();
    if (now - last < std::chrono::milliseconds(200)) return;
    last = now;
    fmt::print(stderr, "{{\"simulatedNs\":{},\"expectedEndNs\":{},\"events\":{}}}\n", p.simulated.count,
               p.expectedEnd.count, p.events);
    std::fflush(stderr);
  };
}

void EndTerminalProgress() {
  if (isatty(STDERR_FILENO)) fmt::print(stderr, "\r\033[K");
}

}  // namespace overlaysim::cli
