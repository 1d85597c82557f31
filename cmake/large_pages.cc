// Part of each program whose memory is mimalloc's (overlaysim_use_allocator): pages of 2 MiB where the system lends
// them.

#include <mimalloc.h>

namespace {

[[maybe_unused]] const bool kAreLargePagesOn = [] {
  mi_option_enable(mi_option_large_os_pages);
  return true;
}();

}  // namespace
