#pragma once

#include <functional>
#include <map>

#include "sim/base/units.h"

namespace overlaysim::verify {

/// Things to do at times and when something can be read, in real time. One thread.
class EventLoop {
 public:
  using Callback = std::function<void()>;

  /// Time 0 is `after` from now.
  void Begin(Nanoseconds after);
  Nanoseconds Now() const;  ///< since time 0; negative before
  /// Times that are past are now. What has the same time is done in the order in which it was given.
  void At(Nanoseconds when, Callback callback) { m_timers.emplace(when, std::move(callback)); }
  /// Calls while `fd` can be read (or written); what was given for it before is forgotten.
  void OnReadable(int fd, Callback callback) { m_files[fd] = {std::move(callback), false}; }
  void OnWritable(int fd, Callback callback) { m_files[fd] = {std::move(callback), true}; }
  void Forget(int fd) { m_files.erase(fd); }
  /// Runs until `end`, or from `earliest` on as soon as isDone() says so.
  void Run(Nanoseconds earliest, Nanoseconds end, const std::function<bool()>& isDone);

 private:
  struct Watched {
    Callback callback;
    bool forWriting = false;
  };
  std::multimap<Nanoseconds, Callback> m_timers;
  std::map<int, Watched> m_files;
  Nanoseconds m_begin;  ///< of CLOCK_MONOTONIC
};

}  // namespace overlaysim::verify
