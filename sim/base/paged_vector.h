#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

namespace overlaysim {

/// A vector of which only those pages take memory that something was written to.
template <typename T>
class PagedVector {
 public:
  explicit PagedVector(size_t size = 0) { Resize(size); }
  size_t Size() const { return m_size; }
  /// Never fewer than there are.
  void Resize(size_t size) {
    m_size = size;
    m_pages.resize((size + kPage - 1) / kPage);
  }
  /// nullptr: nothing was written on its page yet.
  const T* Find(size_t i) const {
    const auto& page = m_pages[i / kPage];
    return page ? &(*page)[i % kPage] : nullptr;
  }
  T& operator[](size_t i) {
    auto& page = m_pages[i / kPage];
    if (!page) page = std::make_unique<Page>();
    return (*page)[i % kPage];
  }

 private:
  static constexpr size_t kPage = 64;
  using Page = std::array<T, kPage>;

  size_t m_size = 0;
  std::vector<std::unique_ptr<Page>> m_pages;
};

}  // namespace overlaysim
