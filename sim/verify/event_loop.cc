#include "sim/verify/event_loop.h"

#include <poll.h>
#include <time.h>

#include <algorithm>
#include <vector>

namespace overlaysim::verify {
namespace {

Nanoseconds Monotonic() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return Seconds(now.tv_sec) + Nanoseconds{now.tv_nsec};
}

}  // namespace

void EventLoop::Begin(Nanoseconds after) { m_begin = Monotonic() + after; }

Nanoseconds EventLoop::Now() const { return Monotonic() - m_begin; }

void EventLoop::Run(Nanoseconds earliest, Nanoseconds end, const std::function<bool()>& isDone) {
  constexpr Nanoseconds kLongestWait = Milliseconds(10);  // isDone() is asked at least so often
  for (Nanoseconds now = Now(); now < end && !(earliest <= now && isDone()); now = Now()) {
    while (!m_timers.empty() && m_timers.begin()->first <= now) {
      Callback callback = std::move(m_timers.begin()->second);
      m_timers.erase(m_timers.begin());
      callback();
    }
    std::vector<pollfd> polls;
    for (const auto& [fd, watched] : m_files)
      polls.push_back({fd, static_cast<short>(watched.forWriting ? POLLOUT : POLLIN), 0});
    Nanoseconds wait = std::min(kLongestWait, end - now);
    if (!m_timers.empty()) wait = std::min(wait, m_timers.begin()->first - Now());
    wait = std::max(wait, Nanoseconds{0});
    const timespec span{0, static_cast<long>(wait.count)};
    if (ppoll(polls.data(), polls.size(), &span, nullptr) <= 0) continue;
    for (const pollfd& poll : polls) {
      const auto watched = m_files.find(poll.fd);
      if (poll.revents == 0 || watched == m_files.end()) continue;
      const Callback callback = watched->second.callback;  // a copy: it may forget itself
      callback();
    }
  }
}

}  // namespace overlaysim::verify
