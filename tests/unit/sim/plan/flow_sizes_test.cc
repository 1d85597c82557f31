#include "sim/plan/flow_sizes.h"

#include <fstream>

#include "planning.h"
#include "sim/plan/text_file.h"
#include "support/temporary_directory.h"

namespace overlaysim {
namespace {

using plan::FlowSizes;

struct Read {
  scenario::Scenario scenario;
  Diagnostics diagnostics;
  std::optional<FlowSizes> sizes;

  explicit Read(const std::string& text) { sizes = FlowSizes::Read({scenario, diagnostics}, {text}); }
};

std::string Written(const test::TemporaryDirectory& directory, const std::string& text) {
  std::ofstream(directory / "sizes.csv") << text;
  return (directory / "sizes.csv").string();
}

TEST(FlowSizes, OneSizeIsThatSize) {
  Read read("1MB");
  ASSERT_TRUE(read.sizes) << read.diagnostics.Format();
  RandomStream stream(1, "test");
  EXPECT_EQ(read.sizes->Draw(stream), 1'000'000u);
  EXPECT_EQ(read.sizes->MeanBytes(), 1'000'000u);
}

TEST(FlowSizes, KnownDistributionsHaveTheirMean) {
  // The sum over the lines of (share - share before) * (size + size before) / 2
  EXPECT_EQ(Read("websearch").sizes->MeanBytes(), 1'711'550u);
  EXPECT_EQ(Read("datamining").sizes->MeanBytes(), 7'470'236u);
}

TEST(FlowSizes, DrawsBetweenTheLinesOfAFile) {
  test::TemporaryDirectory directory;
  Read read(Written(directory,
                    "size_bytes,cdf\n# a quarter of 100 bytes, the rest evenly from there to 300\n100,0.25\n300,1\n"));
  ASSERT_TRUE(read.sizes) << read.diagnostics.Format();
  EXPECT_EQ(read.sizes->MeanBytes(), 175u);  // 0.25 * 100 + 0.75 * 200
  RandomStream stream(1, "test");
  uint64_t sum = 0, lowest = 0;
  for (int i = 0; i < 100'000; ++i) {
    const uint64_t size = read.sizes->Draw(stream);
    EXPECT_GE(size, 100u);
    EXPECT_LT(size, 300u);
    sum += size;
    lowest += size == 100;
  }
  EXPECT_NEAR(static_cast<double>(sum) / 100'000, 175, 1);
  EXPECT_NEAR(static_cast<double>(lowest), 25'000, 600);
}

TEST(FlowSizes, SaysWhatIsWrong) {
  test::TemporaryDirectory directory;
  EXPECT_NE(Read("websarch").diagnostics.Format().find("did you mean \"websearch\"?"), std::string::npos);
  EXPECT_NE(Read("0B").diagnostics.Format().find("a flow has 1 to"), std::string::npos);
  EXPECT_NE(Read("nowhere.csv").diagnostics.Format().find("cannot be read"), std::string::npos);
  for (const auto& [text, message] : {std::pair{"size,cdf\n1,1\n", "the first line must be \"size_bytes,cdf\""},
                                      {"size_bytes,cdf\n100,0.5\n50,1\n", "sizes and shares must not fall"},
                                      {"size_bytes,cdf\n100,1.5\n", "\"1.5\" is no share from 0 to 1"},
                                      {"size_bytes,cdf\n1e3,1\n", "\"1e3\" is no number of bytes"},
                                      {"size_bytes,cdf\n100,0.5\n", "must be a size above zero with the share 1"},
                                      {"size_bytes,cdf\n100\n", "2 fields are needed"},
                                      {"size_bytes,cdf\n", "has no lines"}})
    EXPECT_NE(Read(Written(directory, text)).diagnostics.Format().find(message), std::string::npos) << message;
}

TEST(ParseFraction, TakesDecimalsAndExponents) {
  EXPECT_EQ(plan::ParseFraction("1"), plan::kFractionUnit);
  EXPECT_EQ(plan::ParseFraction("0.25"), plan::kFractionUnit / 4);
  EXPECT_EQ(plan::ParseFraction("2.5e-1"), plan::kFractionUnit / 4);
  EXPECT_EQ(plan::ParseFraction("1.5E+2"), plan::kFractionUnit * 150);
  EXPECT_EQ(plan::ParseFraction("0.183530916706236"), 183530916706);  // what is finer is cut off
  EXPECT_EQ(plan::ParseFraction("1e-20"), 0);
  for (const char* bad : {"", ".", "-1", "1,5", "1e", "nan", "99999999", "1e7"})
    EXPECT_FALSE(plan::ParseFraction(bad)) << bad;
}

}  // namespace
}  // namespace overlaysim
