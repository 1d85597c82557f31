#pragma once

#include <algorithm>

namespace overlaysim::layout {

/// Places on the canvas: x to the right, y downwards, in units of which a node's box is 160 wide.
struct Point {
  double x = 0, y = 0;
  bool operator==(const Point&) const = default;
};

struct Box {
  double x = 0, y = 0, width = 0, height = 0;

  double Right() const { return x + width; }
  double Bottom() const { return y + height; }
  Point Centre() const { return {x + width / 2, y + height / 2}; }
  bool IsEmpty() const { return width <= 0 || height <= 0; }
  bool Contains(Point p) const { return p.x >= x && p.x < Right() && p.y >= y && p.y < Bottom(); }
  bool Intersects(const Box& other) const {
    return x < other.Right() && other.x < Right() && y < other.Bottom() && other.y < Bottom();
  }
  Box Grown(double by) const { return {x - by, y - by, width + 2 * by, height + 2 * by}; }
  /// The smallest box around both; an empty one adds nothing.
  Box United(const Box& other) const {
    if (IsEmpty()) return other;
    if (other.IsEmpty()) return *this;
    const double left = std::min(x, other.x), top = std::min(y, other.y);
    return {left, top, std::max(Right(), other.Right()) - left, std::max(Bottom(), other.Bottom()) - top};
  }
  bool operator==(const Box&) const = default;
};

}  // namespace overlaysim::layout
