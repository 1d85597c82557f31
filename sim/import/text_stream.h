#pragma once

#include <istream>
#include <streambuf>
#include <string_view>

namespace overlaysim::import {

/// A stream over text that stays where it is; std::istringstream would copy it.
class TextStream : private std::streambuf, public std::istream {
 public:
  explicit TextStream(std::string_view text) : std::istream(static_cast<std::streambuf*>(this)) {
    char* begin = const_cast<char*>(text.data());  // a streambuf that is only read from never writes
    setg(begin, begin, begin + text.size());
  }
};

}  // namespace overlaysim::import
