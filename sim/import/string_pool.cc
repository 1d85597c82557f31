#include "sim/import/string_pool.h"

#include <algorithm>
#include <cstring>

namespace overlaysim::import {

namespace {
constexpr size_t kBlockBytes = 1 << 16;
}

std::string_view StringPool::Intern(std::string_view text) {
  if (text.empty()) return {};
  if (auto known = m_texts.find(text); known != m_texts.end()) return *known;
  if (m_free < text.size()) {
    m_free = std::max(kBlockBytes, text.size());
    m_blocks.push_back(std::make_unique<char[]>(m_free));
    m_next = m_blocks.back().get();
  }
  std::memcpy(m_next, text.data(), text.size());
  std::string_view kept(m_next, text.size());
  m_next += text.size();
  m_free -= text.size();
  return *m_texts.insert(kept).first;
}

}  // namespace overlaysim::import
