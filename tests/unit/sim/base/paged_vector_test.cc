#include "sim/base/paged_vector.h"

#include <gtest/gtest.h>

namespace overlaysim {
namespace {

TEST(PagedVector, HasWhatWasWritten) {
  PagedVector<int> numbers(1000);
  numbers[0] = 7;
  numbers[999] = 8;
  EXPECT_EQ(7, *numbers.Find(0));
  EXPECT_EQ(8, *numbers.Find(999));
  EXPECT_EQ(0, *numbers.Find(1));  // on the same page
}

TEST(PagedVector, UntouchedPagesAreNotThere) {
  PagedVector<int> numbers(1000);
  numbers[500] = 1;
  EXPECT_EQ(nullptr, numbers.Find(0));
  EXPECT_EQ(nullptr, numbers.Find(999));
}

TEST(PagedVector, KeepsWhatItHasWhenItGrows) {
  PagedVector<int> numbers(1);
  numbers[0] = 7;
  int* place = &numbers[0];
  numbers.Resize(100000);
  EXPECT_EQ(100000u, numbers.Size());
  EXPECT_EQ(place, &numbers[0]);
  EXPECT_EQ(7, *place);
}

}  // namespace
}  // namespace overlaysim
