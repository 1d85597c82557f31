#include "sim/trace/capture_merge.h"

#include <gtest/gtest.h>

#include <fstream>

#include "sim/trace/capture_reader.h"
#include "sim/trace/capture_writer.h"
#include "support/temporary_directory.h"

namespace overlaysim {
namespace {

/// A frame of one byte, at its place in the order of all.
struct Frame {
  RankOrder order;
  uint8_t byte;
};

class CaptureMerge : public ::testing::Test {
 protected:
  CapturePart Write(const std::string& name, const std::vector<Frame>& frames) {
    const CapturePart part{directory / (name + ".pcapng"), directory / (name + ".order")};
    PcapngWriter writer(part.packets, "test");
    CaptureOrderWriter order(part.order);
    writer.AddInterface({.name = "node1/eth0"});
    writer.AddInterface({.name = "node2/eth0"});
    for (const Frame& frame : frames) {
      writer.Write({.interface = frame.byte % 2u, .time = {frame.order.timeNs}, .bytes = {&frame.byte, 1}});
      order.Write(frame.order);
    }
    order.Flush();
    return part;
  }
  std::string Merged(const std::vector<CapturePart>& parts) {
    EXPECT_EQ(MergeCaptures(parts, directory / "all.pcapng"), "");
    return BytesOf("all.pcapng");
  }
  std::string BytesOf(const std::string& name) {
    std::string why;
    return ReadWholeFile(directory / name, 1 << 20, why).value_or(why);
  }
  test::TemporaryDirectory directory;
};

TEST_F(CaptureMerge, IsByteForByteWhatOneProcessWrites) {
  const Frame a{{10, 1, 1, 0}, 1}, b{{10, 1, 2, 0}, 2}, c{{10, 2, 0, 0}, 3}, d{{11, 0, 0, 0}, 4}, e{{11, 0, 0, 1}, 5};
  Write("whole", {a, b, c, d, e});
  EXPECT_EQ(Merged({Write("0", {b, e}), Write("1", {a, c, d}), Write("2", {})}), BytesOf("whole.pcapng"));
}

TEST_F(CaptureMerge, OfNothingIsACaptureWithItsInterfaces) {
  Write("whole", {});
  EXPECT_EQ(Merged({Write("0", {}), Write("1", {})}), BytesOf("whole.pcapng"));
}

TEST_F(CaptureMerge, KeepsTheOrderWithinAPart) {
  // What an event makes for its own instant has the place of that event.
  const Frame late{{10, 9, 0, 0}, 1}, madeByIt{{10, 9, 0, 0}, 2}, between{{10, 5, 0, 0}, 3};
  Write("whole", {between, late, madeByIt});
  EXPECT_EQ(Merged({Write("0", {late, madeByIt}), Write("1", {between})}), BytesOf("whole.pcapng"));
}

TEST_F(CaptureMerge, SaysWhatIsCutShort) {
  const CapturePart part = Write("0", {{{10, 1, 1, 0}, 1}});
  std::filesystem::resize_file(part.order, 31);
  EXPECT_EQ(MergeCaptures({part}, directory / "all.pcapng"), part.packets.string() + " has frames without an order");
  std::filesystem::resize_file(part.packets, std::filesystem::file_size(part.packets) - 1);
  EXPECT_EQ(MergeCaptures({part}, directory / "all.pcapng"), part.packets.string() + " is cut short");
}

}  // namespace
}  // namespace overlaysim
