#include "sim/trace/capture_reader.h"

#include <gtest/gtest.h>

#include "packets.h"
#include "sim/trace/little_endian.h"
#include "support/temporary_directory.h"
#include "trace_file_helpers.h"

namespace overlaysim {
namespace {

std::vector<uint8_t> ExampleBytes() {
  const test::TemporaryDirectory directory;
  {
    PcapngWriter writer(directory / "c", "overlaysim");
    const auto device = writer.AddInterface({.name = "node1/eth0"});
    writer.Write({device, Nanoseconds{1}, Ping(), CaptureDirection::Inbound, "one"});
    writer.Write({device, Nanoseconds{2}, Ping(), CaptureDirection::Inbound, "two"});
  }
  return BytesOf(directory / "c");
}

TEST(CaptureReader, ReadsAFileThatIsCutAnywhere) {
  const auto bytes = ExampleBytes();
  for (size_t size = 0; size < bytes.size(); ++size) {
    std::string error;
    const auto file = ReadCapture(std::span(bytes).first(size), error);
    if (!file) {
      EXPECT_LT(size, 12U);
      EXPECT_NE(error, "");
    } else {
      EXPECT_LT(file->frames.size(), 2U);
    }
  }
}

TEST(CaptureReader, SaysWhereDamageBegins) {
  const auto bytes = ExampleBytes();
  std::string error;
  const auto file = ReadCapture(std::span(bytes).first(bytes.size() - 1), error);
  ASSERT_TRUE(file) << error;
  EXPECT_EQ(file->frames.size(), 1U);
  // The second frame's block: 32 with the end, 98 padded to 100, flags 8, comment 4 + 4, end of options 4.
  EXPECT_EQ(file->damage, "at byte " + std::to_string(bytes.size() - (32 + 100 + 8 + 8 + 4)) +
                              ": a block that is cut off or malformed");
}

TEST(CaptureReader, ReadsTheOtherByteOrder) {
  std::vector<uint8_t> bytes = {0x0a, 0x0d, 0x0d, 0x0a, 0,    0,    0,    28,   0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0,
                                0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0,    0,    0,    28,  // section header
                                0,    0,    0,    1,    0,    0,    0,    20,   0,    1,    0,    0,    0, 0, 0, 0,
                                0,    0,    0,    20,  // interface, microseconds
                                0,    0,    0,    6,    0,    0,    0,    36,   0,    0,    0,    0,    0, 0, 0, 0,
                                0,    0,    0,    3,  // frame at 3 us
                                0,    0,    0,    2,    0,    0,    0,    9,    0xaa, 0xbb, 0,    0,    0, 0, 0, 36};
  std::string error;
  const auto file = ReadCapture(bytes, error);
  ASSERT_TRUE(file) << error;
  EXPECT_EQ(file->damage, "");
  ASSERT_EQ(file->frames.size(), 1U);
  EXPECT_EQ(file->frames[0].time, Microseconds(3));
  EXPECT_EQ(file->frames[0].bytes, (std::vector<uint8_t>{0xaa, 0xbb}));
  EXPECT_EQ(file->frames[0].originalLength, 9U);
}

TEST(CaptureReader, ReadsClassicMicroseconds) {
  std::vector<uint8_t> bytes;
  AppendLe<uint32_t>(bytes, 0xa1b2c3d4);
  AppendLe<uint32_t>(bytes, 0x00040002);
  AppendLe<uint64_t>(bytes, 0);
  AppendLe<uint32_t>(bytes, 65535);
  AppendLe<uint32_t>(bytes, 1);
  for (const uint32_t v : {2U, 5U, 1U, 1U}) AppendLe(bytes, v);
  bytes.push_back(0xcc);
  std::string error;
  const auto file = ReadCapture(bytes, error);
  ASSERT_TRUE(file) << error;
  ASSERT_EQ(file->frames.size(), 1U);
  EXPECT_EQ(file->frames[0].time, Seconds(2) + Microseconds(5));
}

TEST(CaptureReader, RefusesFramesOfUnknownInterfaces) {
  auto bytes = ExampleBytes();
  const auto good = ReadCapture(bytes, *std::make_unique<std::string>());
  ASSERT_EQ(good->frames.size(), 2U);
  const size_t last = bytes.size() - (32 + 100 + 8 + 8 + 4);
  bytes[last + 8] = 7;  // its interface
  std::string error;
  const auto file = ReadCapture(bytes, error);
  EXPECT_EQ(file->frames.size(), 1U);
  EXPECT_NE(file->damage, "");
}

TEST(CaptureReader, RefusesForeignFiles) {
  std::string error;
  const std::vector<uint8_t> foreign(64, 'x');
  EXPECT_FALSE(ReadCapture(foreign, error));
  EXPECT_EQ(error, "is neither a pcapng nor a pcap file, or is cut off within its header");
  EXPECT_FALSE(ReadCapture(std::filesystem::path("/nonexistent/c.pcap"), error));
  EXPECT_EQ(error, "/nonexistent/c.pcap: No such file or directory");
}

}  // namespace
}  // namespace overlaysim
