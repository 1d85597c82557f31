#pragma once

#include "models/engine/engine.h"
#include "models/host/stack.h"

namespace overlaysim::host {

template <typename F>
void Stack::After(Nanoseconds delay, F&& f) {
  engine::Schedule(delay, {Id(), 0, NextSequence()}, [this, function = std::forward<F>(f)]() mutable {
    Backlog::Guard guard(m_backlog);
    function();
  });
}

template <typename F>
void Stack::AfterQuietly(Nanoseconds delay, std::array<const void*, 2> touches, F&& f) {
  engine::Schedule(delay, {Id(), 0, NextSequence(), touches}, [this, function = std::forward<F>(f)]() mutable {
    Backlog::Guard guard(m_backlog, Backlog::Guard::kQuiet);
    function();
  });
}

}  // namespace overlaysim::host
