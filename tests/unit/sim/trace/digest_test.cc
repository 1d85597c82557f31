#include "sim/trace/digest.h"

#include <gtest/gtest.h>

#include <fstream>
#include <vector>

#include "support/temporary_directory.h"

namespace overlaysim {
namespace {

TEST(Sha256, MatchesThePublishedVectors) {
  // FIPS 180-2, appendix B.1, and the digest of nothing.
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Sha256, OfAFileIsThatOfItsBytes) {
  const test::TemporaryDirectory directory;
  const std::string big(3 << 20, 'x');  // several reads
  std::ofstream(directory / "big") << big;
  std::string error;
  EXPECT_EQ(Sha256OfFile(directory / "big", error), Sha256Hex(big));
  EXPECT_EQ(Sha256OfFile(directory / "missing", error), std::nullopt);
  EXPECT_NE(error.find("missing: No such file"), std::string::npos) << error;
  EXPECT_EQ(Sha256OfFile(directory.Path(), error), std::nullopt);
  EXPECT_NE(error.find("is a directory"), std::string::npos) << error;
}

TEST(Digest, KeepsInputsApart) {
  Digest one, other;
  one.Add("a", "bc");
  other.Add("ab", "c");
  EXPECT_NE(one.Hex(), other.Hex());
}

TEST(Digest, TakesAFileAsItsBytes) {
  const test::TemporaryDirectory directory;
  std::ofstream(directory / "f") << "content";
  Digest one, other;
  one.Add("f", "content");
  EXPECT_EQ(other.AddFile("f", directory / "f"), "");
  EXPECT_EQ(one.Hex(), other.Hex());
}

TEST(Crc32, MatchesTheCheckValue) {
  const std::string text = "123456789";
  // The check value of CRC-32/ISO-HDLC.
  EXPECT_EQ(Crc32({reinterpret_cast<const uint8_t*>(text.data()), text.size()}), 0xcbf43926U);
  EXPECT_EQ(Crc32({}), 0U);
}

}  // namespace
}  // namespace overlaysim
