#include "sim/trace/record_template.h"

#include <gtest/gtest.h>

#include "trace_file_helpers.h"

namespace overlaysim {
namespace {

/// Two steps of a packet: its front of six bytes of which two are its own, and a TTL counted down.
struct Steps {
  TraceRecord sent{.cause = 9, .flow = 3, .netns = 4, .sizeBytes = 100, .stage = Stage::Send};
  TraceRecord forwarded{.flow = 3,
                        .netns = 5,
                        .ifindex = 2,
                        .sizeBytes = 100,
                        .row = 7,
                        .tableVersion = 8,
                        .stage = Stage::Forward,
                        .table = kernel::Table::Route};

  /// What is recorded of the packet with that number, one by one.
  void AppendTo(TraceWriter& writer, uint8_t number) {
    sent.journey = forwarded.journey = number;
    sent.timeNs = forwarded.timeNs = 1000 * number;
    sent.cause = 100u + number;
    const std::vector<uint8_t> front{0x45, 0, number, 1, 2, number};
    const std::vector<uint8_t> before{64}, after{63};
    writer.Append(sent, {0, {}, front});
    writer.Append(forwarded, {8, before, after});
  }

  std::shared_ptr<RecordTemplate> Template() const {
    auto made = std::make_shared<RecordTemplate>();
    const std::vector<uint8_t> front{0x45, 0, 77, 1, 2, 77};
    const std::vector<uint8_t> before{64}, after{63};
    const std::vector<RecordTemplate::Varying> varying{{.at = 2, .from = 1, .bytes = 1},
                                                       {.at = 5, .from = 1, .bytes = 1}};
    made->Add(sent, {0, {}, front}, varying);
    made->Add(forwarded, {8, before, after}, {});
    return made;
  }
};

void AppendRepeated(TraceWriter& writer, const std::shared_ptr<RecordTemplate>& records, uint8_t number) {
  const std::vector<uint8_t> image{0, number};
  writer.Append(records, {.timeNs = 1000 * number, .journey = number, .cause = 100u + number, .image = image.data()});
}

TEST(RecordTemplate, PutsWhatIsThePacketsOwn) {
  const test::TemporaryDirectory directory;
  Steps steps;
  const auto records = steps.Template();
  EXPECT_EQ(records->Count(), 2u);
  EXPECT_TRUE(records->HasCause());
  {
    TraceWriter one(directory / "one"), repeated(directory / "repeated");
    for (uint8_t number = 1; number < 50; ++number) {
      steps.AppendTo(one, number);
      if (number % 5 == 0)
        steps.AppendTo(repeated, number);
      else
        AppendRepeated(repeated, records, number);
    }
    EXPECT_EQ(repeated.Totals(), one.Totals());
    EXPECT_EQ(repeated.RecordCount(), 98u);
  }
  EXPECT_EQ(BytesOf(directory / "repeated"), BytesOf(directory / "one"));
}

// A chunk ends with the record that makes it full, also in the midst of what is repeated.
TEST(RecordTemplate, ChunksEndWhereTheyWouldWithout) {
  const test::TemporaryDirectory directory;
  Steps steps;
  const auto records = steps.Template();
  {
    TraceWriter one(directory / "one"), repeated(directory / "repeated");
    for (TraceWriter* writer : {&one, &repeated}) writer->Append({.timeNs = 1, .journey = 1});  // an odd number
    for (uint32_t i = 0; i < trace_format::kMaxChunkRecords; ++i) {
      steps.AppendTo(one, 1);
      AppendRepeated(repeated, records, 1);
    }
  }
  const std::vector<uint8_t> bytes = BytesOf(directory / "one");
  EXPECT_TRUE(BytesOf(directory / "repeated") == bytes);
  std::string error;
  const auto reader = TraceReader::Open(directory / "repeated", error);
  ASSERT_TRUE(reader) << error;
  EXPECT_EQ(reader->RecordChunks().size(), 3u);  // 2 * 65,536 + 1 records
}

TEST(RecordTemplate, CountsTheBytesOfAll) {
  const uint64_t before = RecordTemplate::BytesInUse();
  {
    const auto records = Steps().Template();
    EXPECT_EQ(RecordTemplate::BytesInUse(), before + records->Size());
  }
  EXPECT_EQ(RecordTemplate::BytesInUse(), before);
}

}  // namespace
}  // namespace overlaysim
