#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <system_error>

#include "daemon/capture/pcap_reader.h"
#include "daemon/capture/pcap_writer.h"
#include "tests/daemon/capture/capture_files.h"
#include "tests/support/temp_folder.h"

namespace hilera::capture {
namespace {

using namespace std::chrono_literals;
using greenrt::SocketAddress;
using ingest::testing::from_hex;
using testing::contents;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::read_all;
using testing::write_file;

constexpr std::string_view kRest =
    "000000000000000000000400"
    "65000000";  // of a header, link type raw
constexpr std::string_view kIpv4 =
    "4500001e00004000401100c0c0000207c6336409"
    "0fa013a3000a0000"
    "6869";

std::string text_of(std::string_view hex) {
  const auto bytes = from_hex(hex);
  return std::string(ingest::as_text(bytes));
}

class PcapFile : public ::testing::Test {
 protected:
  [[nodiscard]] std::string file(std::string_view hex) const { return write_file(path_, text_of(hex)); }
  [[nodiscard]] std::vector<std::string> read(std::string_view hex) const { return contents(file(hex)); }

  // A file with one packet, little-endian, stamps in microseconds.
  static std::string with(std::string_view packet, std::string_view size = "1e0000001e000000") {
    return std::string("d4c3b2a102000400")
        .append(kRest)
        .append(
            "00f15365"
            "0f000000")
        .append(size)
        .append(packet);
  }

  testing_support::TempFolder folder_;
  std::string path_ = folder_.path() + "/frames.pcap";
};

TEST_F(PcapFile, HasDatagramsWithTimeAndAddresses) {
  const auto reader = open_file(file(with(kIpv4)));
  const auto all = read_all(*reader);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(*all[0].time, Time(1700000000s + 15us));
  EXPECT_EQ(all[0].source->to_string(), "192.0.2.7:4000");
  EXPECT_EQ(all[0].destination->to_string(), "198.51.100.9:5027");
  EXPECT_EQ(reader->left_out(), LeftOut{});
}

TEST_F(PcapFile, MayHaveItsBytesInEitherOrder) {
  const auto all = read_all(*open_file(file(std::string("a1b2c3d400020004") +
                                            "0000000000000000"
                                            "00040000"
                                            "00000065"
                                            "6553f100"
                                            "0000000f"
                                            "0000001e"
                                            "0000001e" +
                                            std::string(kIpv4))));
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(*all[0].time, Time(1700000000s + 15us));
}

TEST_F(PcapFile, MayCountNanoseconds) {
  const auto all = read_all(*open_file(file(std::string("4d3cb2a102000400").append(kRest) +
                                            "00f15365"
                                            "983a0000"
                                            "1e000000"
                                            "1e000000" +
                                            std::string(kIpv4))));
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(*all[0].time, Time(1700000000s + 15us));
}

TEST_F(PcapFile, WhatIsNoWholeDatagramIsCounted) {
  std::string tcp(kIpv4);
  tcp.replace(18, 2, "06");
  std::string fragment(kIpv4);
  fragment.replace(12, 4, "2000");
  const std::string header =
      "00f15365"
      "0f000000"
      "1e000000"
      "1e000000";
  const std::string cut = std::string(
                              "00f15365"
                              "0f000000"
                              "14000000"
                              "1e000000")
                              .append(kIpv4.substr(0, 40));
  const auto reader = open_file(file(with(tcp) + header + fragment + cut + header + std::string(kIpv4)));
  EXPECT_EQ(read_all(*reader).size(), 1u);
  EXPECT_EQ(reader->left_out(), (LeftOut{.not_udp = 1, .fragments = 1, .cut = 1}));
}

TEST_F(PcapFile, ThatWasInterruptedEndsThere) {
  const std::string whole = with(kIpv4);
  for (std::size_t bytes = 24; bytes < whole.size() / 2; ++bytes) {
    const auto reader = open_file(file(whole.substr(0, 2 * bytes)));
    EXPECT_THAT(read_all(*reader), IsEmpty());
    EXPECT_EQ(reader->left_out().cut, bytes == 24 ? 0u : 1u) << bytes;
  }
}

TEST_F(PcapFile, ThatIsDamagedIsAnError) {
  EXPECT_THAT(read(with(kIpv4, "ffffff7f1e000000")),
              ElementsAre(HasSubstr("is damaged: a packet of 2147483647 bytes")));
  EXPECT_THAT(read("d4c3b2a102000400"), ElementsAre(HasSubstr("ends within the header")));
  EXPECT_THAT(read("d4c3b2a102000400"
                   "000000000000000000000400"
                   "93000000"),
              ElementsAre(HasSubstr("link type 147, which is not known")));
}

TEST_F(PcapFile, OfTheNewerFormatIsRefusedWithAHint) {
  EXPECT_THAT(read("0a0d0d0a1c0000004d3c2b1a"), ElementsAre(HasSubstr("editcap -F pcap")));
}

TEST_F(PcapFile, ThatIsWrittenCanBeRead) {
  const auto source = SocketAddress::parse("192.0.2.7", 4000);
  const auto destination = SocketAddress::parse("198.51.100.9", 5027);
  const std::vector<std::byte> longest(65507, std::byte{0x5a});
  PcapWriter writer(path_);
  writer.add(Time(1700000000s + 15us), *source, *destination, from_hex("686921"));
  writer.add(Time(1700000001s), *source, *destination, {});
  writer.add(Time(1700000002s), *source, *destination, longest);
  writer.flush();
  const auto all = read_all(*open_file(path_));
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(*all[0].time, Time(1700000000s + 15us));
  EXPECT_EQ(all[0].source, source);
  EXPECT_EQ(all[0].destination, destination);
  EXPECT_EQ(all[0].bytes, from_hex("686921"));
  EXPECT_THAT(all[1].bytes, IsEmpty());
  EXPECT_EQ(all[2].bytes, longest);
}

TEST_F(PcapFile, ThatCannotBeWrittenIsAnError) {
  EXPECT_THROW(PcapWriter(folder_.path() + "/nowhere/frames.pcap"), std::system_error);
  PcapWriter full("/dev/full");
  EXPECT_THROW(full.flush(), std::system_error);
}

}  // namespace
}  // namespace hilera::capture
