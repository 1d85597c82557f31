#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>

#include "support/temporary_directory.h"
#include "support/tshark.h"

namespace overlaysim {
namespace {

struct Ran {
  int exitCode = -1;
  std::string output;
};

/// examples/vxlan-in-plain-ns3.cc, run as its reader runs it.
Ran RunExample(const std::string& arguments = "") {
  Ran ran;
  FILE* pipe = popen((OVERLAYSIM_BIN_DIR "/vxlan-in-plain-ns3 " + arguments).c_str(), "r");
  if (!pipe) return ran;
  std::array<char, 4096> block{};
  for (size_t n; (n = fread(block.data(), 1, block.size(), pipe)) > 0;) ran.output.append(block.data(), n);
  const int status = pclose(pipe);
  if (WIFEXITED(status)) ran.exitCode = WEXITSTATUS(status);
  return ran;
}

TEST(VxlanInPlainNs3, StockHostsTalkThroughTheTunnel) {
  const Ran ran = RunExample();
  EXPECT_EQ(ran.exitCode, 0);
  // Sent and received alike: an ARP request and an ARP answer of 28 bytes, and three of 20 + 8 + 1000.
  EXPECT_EQ(ran.output,
            "1000 bytes from 10.244.0.2\n1000 bytes from 10.244.0.2\n1000 bytes from 10.244.0.2\n"
            "vxlan: mtu 1450, TX 5 packets 3140 bytes, RX 5 packets 3140 bytes\n");
}

TEST(VxlanInPlainNs3, StockStackFragmentsAtTheDevicesMtu) {
  const Ran ran = RunExample("--size=3000");
  EXPECT_EQ(ran.exitCode, 0);
  // 3008 bytes of UDP in three packets of at most 1450, three times: 2 * 28 + 3 * (3 * 20 + 3008).
  EXPECT_NE(ran.output.find("TX 11 packets 9260 bytes, RX 11 packets 9260 bytes"), std::string::npos) << ran.output;
}

TEST(VxlanInPlainNs3, AttributesAreSetFromTheCommandLine) {
  const Ran ran = RunExample("--size=1423 --overlaysim::VxlanNetDevice::Mtu=1500 --overlaysim::VxlanNetDevice::Df=set");
  EXPECT_EQ(ran.exitCode, 0);
  // 1423 + 28 is one more than 1450; the frame that is dropped has an Ethernet header as well.
  EXPECT_EQ(ran.output.find("1465 bytes dropped: DF is set"), 0u) << ran.output;
}

TEST(VxlanInPlainNs3, CapturesAreWithoutFault) {
  if (!test::HasTshark()) GTEST_SKIP() << "tshark is not installed";
  const test::TemporaryDirectory directory;
  ASSERT_EQ(RunExample("--pcap='" + (directory / "run").string() + "'").exitCode, 0);
  const auto underlay = test::RunTshark(directory / "run-0-1.pcap");
  const auto overlay = test::RunTshark(directory / "run-0-2.pcap");
  EXPECT_EQ(underlay.BadChecksums() + overlay.BadChecksums(), 0u);
  EXPECT_EQ(underlay.Malformed() + overlay.Malformed(), 0u);
  const auto tunnelled = std::count_if(underlay.packets.begin(), underlay.packets.end(), [](const auto& packet) {
    return packet.protocols.find(":vxlan:eth:") != std::string::npos;
  });
  EXPECT_EQ(overlay.packets.size(), 10u);  // five each way
  EXPECT_EQ(static_cast<size_t>(tunnelled), overlay.packets.size());
}

}  // namespace
}  // namespace overlaysim
