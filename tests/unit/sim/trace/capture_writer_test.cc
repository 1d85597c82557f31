#include "sim/trace/capture_writer.h"

#include <gtest/gtest.h>

#include "packets.h"
#include "sim/trace/capture_reader.h"
#include "support/temporary_directory.h"
#include "support/tshark.h"
#include "trace_file_helpers.h"

namespace overlaysim {
namespace {

void WriteExample(const std::filesystem::path& path) {
  PcapngWriter writer(path, "overlaysim 0.1.0");
  const auto eth0 = writer.AddInterface({.name = "node1/eth0", .filter = "udp port 8472"});
  writer.Write({eth0, Nanoseconds{1234567890}, VxlanPing(), CaptureDirection::Outbound, "pod-a > pod-b, journey 1"});
  const auto pod = writer.AddInterface({.name = "pod-a/eth0", .description = "in the pod", .snapLength = 64});
  writer.Write({pod, Seconds(5000000000), Ping(), CaptureDirection::Unknown, ""});
}

TEST(PcapngWriter, IsReadBackAsWritten) {
  const test::TemporaryDirectory directory;
  WriteExample(directory / "c.pcapng");
  std::string error;
  const auto file = ReadCapture(directory / "c.pcapng", error);
  ASSERT_TRUE(file) << error;
  EXPECT_EQ(file->damage, "");
  EXPECT_EQ(file->application, "overlaysim 0.1.0");
  ASSERT_EQ(file->interfaces.size(), 2U);
  EXPECT_EQ(file->interfaces[0].name, "node1/eth0");
  EXPECT_EQ(file->interfaces[0].filter, "udp port 8472");
  EXPECT_EQ(file->interfaces[0].snapLength, 262144U);
  EXPECT_EQ(file->interfaces[1].description, "in the pod");
  ASSERT_EQ(file->frames.size(), 2U);
  EXPECT_EQ(file->frames[0].time.count, 1234567890);
  EXPECT_EQ(file->frames[0].bytes, VxlanPing());
  EXPECT_EQ(file->frames[0].direction, CaptureDirection::Outbound);
  EXPECT_EQ(file->frames[0].comment, "pod-a > pod-b, journey 1");
  EXPECT_EQ(file->frames[1].interface, 1U);
  EXPECT_EQ(file->frames[1].time, Seconds(5000000000));
  EXPECT_EQ(file->frames[1].bytes.size(), 64U) << "cut at the snap length";
  EXPECT_EQ(file->frames[1].originalLength, 98U);
}

TEST(PcapngWriter, HasTheSectionHeaderAndNothingOfTheHost) {
  const test::TemporaryDirectory directory;
  { PcapngWriter writer(directory / "c", "ab"); }
  EXPECT_EQ(BytesOf(directory / "c"),
            (std::vector<uint8_t>{0x0a, 0x0d, 0x0d, 0x0a, 40,   0,    0,    0,     // type, length
                                  0x4d, 0x3c, 0x2b, 0x1a, 1,    0,    0,    0,     // byte order, version 1.0
                                  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,  // section length: not given
                                  4,    0,    2,    0,    'a',  'b',  0,    0,     // shb_userappl
                                  0,    0,    0,    0,    40,   0,    0,    0}));  // end of options, length
}

TEST(PcapngWriter, LeavesAReadableFileWhenItIsKilled) {
  const test::TemporaryDirectory directory;
  PcapngWriter writer(directory / "c", "overlaysim");
  const auto device = writer.AddInterface({.name = "node1/eth0"});
  writer.Write({device, {1}, Ping(), CaptureDirection::Unknown, ""});
  writer.Flush();
  std::string error;
  const auto file = ReadCapture(directory / "c", error);  // while the writer still has it open
  ASSERT_TRUE(file) << error;
  EXPECT_EQ(file->frames.size(), 1U);
  EXPECT_EQ(file->damage, "");
}

TEST(PcapngWriter, SaysWhyItCannotWrite) {
  const test::TemporaryDirectory directory;
  PcapngWriter writer(directory.Path(), "overlaysim");
  EXPECT_FALSE(writer.Ok());
  EXPECT_NE(writer.Error().find("Is a directory"), std::string::npos) << writer.Error();
}

TEST(PcapWriter, IsReadBackWithNanoseconds) {
  const test::TemporaryDirectory directory;
  PcapWriter(directory / "c.pcap").Write(Nanoseconds{3000000007}, Ping());
  std::string error;
  const auto file = ReadCapture(directory / "c.pcap", error);
  ASSERT_TRUE(file) << error;
  ASSERT_EQ(file->frames.size(), 1U);
  EXPECT_EQ(file->frames[0].time.count, 3000000007);
  EXPECT_EQ(file->frames[0].bytes, Ping());
  EXPECT_EQ(BytesOf(directory / "c.pcap").size(), 24 + 16 + 98U);
}

TEST(Tshark, ReadsOurFilesWithoutComplaint) {
  if (!test::HasTshark()) GTEST_SKIP() << "tshark is not installed";
  const test::TemporaryDirectory directory;
  {
    PcapngWriter writer(directory / "c.pcapng", "overlaysim");
    const auto eth0 = writer.AddInterface({.name = "node1/eth0"});
    writer.Write({eth0, Nanoseconds{1234567890}, VxlanPing(), CaptureDirection::Outbound, "journey 1"});
    const auto pod = writer.AddInterface({.name = "pod-a/eth0"});
    writer.Write({pod, Nanoseconds{1234567891}, Ping(), CaptureDirection::Unknown, ""});
  }
  const auto report = test::RunTshark(directory / "c.pcapng");
  EXPECT_EQ(report.exitCode, 0) << report.messages;
  ASSERT_EQ(report.packets.size(), 2U) << report.messages;
  EXPECT_EQ(report.packets[0].interface, "node1/eth0");
  EXPECT_EQ(report.packets[0].time, "1.234567890");
  EXPECT_EQ(report.packets[0].comment, "journey 1");
  EXPECT_EQ(report.packets[0].protocols, "eth:ethertype:ip:udp:vxlan:eth:ethertype:ip:icmp:data");
  EXPECT_EQ(report.packets[1].interface, "pod-a/eth0");
  EXPECT_EQ(report.Malformed(), 0U);
  EXPECT_EQ(report.BadChecksums(), 0U);

  PcapWriter(directory / "c.pcap").Write(Nanoseconds{7}, VxlanPing());
  const auto classic = test::RunTshark(directory / "c.pcap");
  ASSERT_EQ(classic.packets.size(), 1U) << classic.messages;
  EXPECT_EQ(classic.packets[0].time, "0.000000007");
}

// The control: what tshark is asked for in every other test would be seen if it were there.
TEST(Tshark, ReportsPlantedFaults) {
  if (!test::HasTshark()) GTEST_SKIP() << "tshark is not installed";
  const test::TemporaryDirectory directory;
  struct Fault {
    const char* what;
    std::vector<uint8_t> frame;
    bool malformed, badChecksum;
  };
  std::vector<Fault> faults;
  const auto flipped = [](std::vector<uint8_t> frame, size_t at) {
    frame.at(at) ^= 0x01;
    return frame;
  };
  faults.push_back({"none", VxlanPing(), false, false});
  faults.push_back({"outer IPv4 checksum", flipped(VxlanPing(), 14 + 10), false, true});
  faults.push_back({"outer UDP checksum", flipped(VxlanPing(), 14 + 20 + 6), false, true});
  faults.push_back({"inner IPv4 checksum", flipped(VxlanPing(), 50 + 14 + 10), false, true});
  faults.push_back({"inner ICMP payload", flipped(VxlanPing(), 50 + 97), false, true});
  faults.push_back({"TCP checksum", flipped(TcpSyn(), 14 + 20 + 16), false, true});
  auto cut = VxlanPing();
  cut.resize(50 + 14 + 8);  // in the middle of the inner IPv4 header, with outer lengths that claim no more
  SetOuterLengths(cut);
  faults.push_back({"inner header cut short", cut, true, false});
  {
    PcapngWriter writer(directory / "faults.pcapng", "overlaysim");
    const auto device = writer.AddInterface({.name = "control/eth0"});
    for (const Fault& fault : faults) writer.Write({device, {0}, fault.frame, CaptureDirection::Unknown, fault.what});
  }
  const auto report = test::RunTshark(directory / "faults.pcapng");
  ASSERT_EQ(report.packets.size(), faults.size()) << report.messages;
  for (size_t i = 0; i < faults.size(); ++i) {
    EXPECT_EQ(report.packets[i].malformed, faults[i].malformed) << faults[i].what << " " << report.packets[i].protocols;
    EXPECT_EQ(report.packets[i].badChecksum, faults[i].badChecksum) << faults[i].what;
  }
}

}  // namespace
}  // namespace overlaysim
