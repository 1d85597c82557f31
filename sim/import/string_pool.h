#pragma once

#include <memory>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace overlaysim::import {

/// Keeps one copy of each text. What Intern() returned stays valid as long as the pool lives.
class StringPool {
 public:
  StringPool() = default;
  StringPool(const StringPool&) = delete;
  StringPool& operator=(const StringPool&) = delete;

  std::string_view Intern(std::string_view text);

 private:
  std::vector<std::unique_ptr<char[]>> m_blocks;
  char* m_next = nullptr;  ///< where the next text goes
  size_t m_free = 0;       ///< bytes left there
  std::unordered_set<std::string_view> m_texts;
};

}  // namespace overlaysim::import
