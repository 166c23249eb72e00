#include "daemon/capture/hex_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/daemon/capture/capture_files.h"
#include "tests/support/temp_folder.h"

namespace hilera::capture {
namespace {

using testing::contents;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::write_file;

class HexFile : public ::testing::Test {
 protected:
  [[nodiscard]] std::vector<std::string> read(std::string_view text) const { return contents(write_file(path_, text)); }
  [[nodiscard]] std::string error(std::string_view what) const { return path_ + std::string(what); }

 private:
  testing_support::TempFolder folder_;
  std::string path_ = folder_.path() + "/frames.hex";
};

TEST_F(HexFile, HasADatagramALine) {
  EXPECT_THAT(read("00ff10\nABcd\n"), ElementsAre("00ff10", "abcd"));
}

TEST_F(HexFile, MayHaveSpacesCommentsAndEmptyLines) {
  EXPECT_THAT(read("# from the bench\n\n00 ff\t10 # three bytes\r\n   \n7f"), ElementsAre("00ff10", "7f"));
}

TEST_F(HexFile, MayBeginWithShortLines) {
  EXPECT_THAT(read("\n\n0a\n"), ElementsAre("0a"));
  EXPECT_THAT(read("0a\n0b\n0c"), ElementsAre("0a", "0b", "0c"));
  EXPECT_THAT(read("0a"), ElementsAre("0a"));
}

TEST_F(HexFile, MayBeEmpty) {
  EXPECT_THAT(read(""), IsEmpty());
}

TEST_F(HexFile, WhatIsWrongIsNamedWithItsLine) {
  EXPECT_THAT(read("00\nhello\n"), ElementsAre("00", error(":2: neither a pcap file nor hexadecimal digits")));
  EXPECT_THAT(read("00\n\n123\n"), ElementsAre("00", error(":3: an odd number of digits")));
  EXPECT_THAT(read(std::string(2 * 65536, '0')), ElementsAre(error(":1: longer than a datagram can be")));
}

TEST_F(HexFile, ThatIsNotThereIsAnError) {
  EXPECT_THROW(open_file("/nowhere/frames.hex"), CaptureError);
  EXPECT_THAT(contents("/"), ElementsAre("/: cannot be read"));
}

}  // namespace
}  // namespace hilera::capture
