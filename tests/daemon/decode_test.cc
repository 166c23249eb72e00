#include "daemon/decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "daemon/capture/pcap_writer.h"
#include "tests/ingest/hex.h"
#include "tests/ingest/teltonika_vectors.h"
#include "tests/support/temp_folder.h"

namespace hilera {
namespace {

using greenrt::SocketAddress;
using ingest::testing::from_hex;
using ingest::testing::kCodec8Example;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// data-small of clients/vectors.txt, and its key.
constexpr std::string_view kTagged =
    "4e4601210307534e2d30303031000000070000002a0000018bcfe5687b0004000111055d955269196364720d2c375bff1593e8";
constexpr std::string_view kKeys = "SN-0001 3 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
// The same device without a tag, number 43.
constexpr std::string_view kUntagged = "4e4601010007534e2d30303031000000070000002b0000018bcfe5687b000400011105";

class Decode : public ::testing::Test {
 protected:
  std::string write(const std::string& name, std::string_view text) {
    const std::string path = folder_.path() + "/" + name;
    std::ofstream(path, std::ios::binary) << text;
    ::chmod(path.c_str(), 0600);
    return path;
  }
  DecodeTally decode(const std::string& file) { return decode_file(file, listeners_, out_); }
  DecodeTally decode_hex(std::string_view lines) { return decode(write("frames.hex", lines)); }
  [[nodiscard]] std::string said() const { return out_.str(); }

  void listen(const char* name, const char* codec, std::uint16_t port) {
    ListenerConfig listener;
    listener.name = name;
    listener.codec = codec;
    listener.port = port;
    listeners_.push_back(listener);
  }
  void listen_with_keys(AuthMode mode) {
    listen("field", "native", 0);
    listeners_.back().auth = mode;
    listeners_.back().keys_file = write("keys", kKeys);
  }

  testing_support::TempFolder folder_;
  std::vector<ListenerConfig> listeners_;
  std::ostringstream out_;
};

TEST_F(Decode, TellsWhatARowWouldHold) {
  listen("trackers", "teltonika", 0);
  EXPECT_EQ(decode_hex(kCodec8Example), (DecodeTally{.datagrams = 1, .accepted = 1, .records = 1}));
  EXPECT_THAT(said(),
              AllOf(HasSubstr("datagram 1: 63 bytes, codec teltonika, listener trackers\n"),
                    HasSubstr("nserie       352093086403655\n"), HasSubstr("frame_id     1636205336724386523\n"),
                    HasSubstr("device_time  2019-06-13 06:23:26.000\n"), HasSubstr("auth_level   0\n"),
                    HasSubstr("\n      event = 1\n"), HasSubstr("\n        66 = 23996   external voltage: 23996 mV\n"),
                    HasSubstr("acknowledged with 0005cafe010501\n"),
                    HasSubstr("1 datagrams: 1 accepted with 1 records"), Not(HasSubstr("raw"))));
}

TEST_F(Decode, SaysWhyADatagramIsRejected) {
  listen("trackers", "teltonika", 0);
  EXPECT_EQ(decode_hex("00ff\n" + std::string(2 * 4000, '0')), (DecodeTally{.datagrams = 2, .rejected = 2}));
  EXPECT_THAT(said(), AllOf(HasSubstr("rejected: too_short\n"), HasSubstr("rejected: oversize\n")));
}

TEST_F(Decode, ChecksProofsAsTheListenerWould) {
  listen_with_keys(AuthMode::kRequired);
  std::string forged(kTagged);
  forged.back() = '9';
  EXPECT_EQ(decode_hex(std::string(kTagged) + "\n" + forged + "\n" + std::string(kUntagged)),
            (DecodeTally{.datagrams = 3, .accepted = 1, .records = 1, .rejected = 2}));
  EXPECT_THAT(said(), AllOf(HasSubstr("auth_level   2\n"), HasSubstr("rejected: bad_tag\n"),
                            HasSubstr("rejected: unauthenticated\n")));
}

TEST_F(Decode, RemembersWhatADeviceHasProved) {
  listen_with_keys(AuthMode::kOptional);
  EXPECT_EQ(decode_hex(std::string(kUntagged) + "\n" + std::string(kTagged) + "\n" + std::string(kTagged) + "\n" +
                       std::string(kUntagged)),
            (DecodeTally{.datagrams = 4, .accepted = 2, .records = 2, .repeated = 1, .rejected = 1}));
  EXPECT_THAT(said(), AllOf(HasSubstr("a repetition"), HasSubstr("rejected: downgrade\n")));
}

TEST_F(Decode, GivesPacketsToTheListenersOfTheirPorts) {
  listen("field", "native", 5600);
  listen("trackers", "teltonika", 5027);
  listeners_.back().store_raw = true;
  const std::string file = folder_.path() + "/frames.pcap";
  const auto device = SocketAddress::parse("192.0.2.7", 4000);
  capture::PcapWriter writer(file);
  for (const std::uint16_t port : std::initializer_list<std::uint16_t>{5027, 5600, 9})
    writer.add(capture::Time(std::chrono::seconds(1'700'000'000)), *device, *SocketAddress::parse("192.0.2.1", port),
               from_hex(kCodec8Example));
  writer.flush();
  EXPECT_EQ(decode(file), (DecodeTally{.datagrams = 2, .accepted = 1, .records = 1, .rejected = 1, .to_nobody = 1}));
  EXPECT_THAT(said(), AllOf(HasSubstr("codec teltonika, listener trackers, from 192.0.2.7:4000 to 192.0.2.1:5027, "
                                      "2023-11-14 22:13:20.000 UTC\n"),
                            HasSubstr("codec native, listener field"), HasSubstr("raw          the bytes"),
                            HasSubstr("left out: 1 to ports of no listener\n")));
}

TEST_F(Decode, AListenerWithoutAPortTakesEveryPacket) {
  listen("trackers", "teltonika", 0);
  const std::string file = folder_.path() + "/frames.pcap";
  capture::PcapWriter writer(file);
  writer.add(capture::Time(), *SocketAddress::parse("2001:db8::7", 4000), *SocketAddress::parse("2001:db8::1", 9),
             from_hex(kCodec8Example));
  writer.flush();
  EXPECT_EQ(decode(file).accepted, 1u);
}

TEST_F(Decode, LinesOfDigitsAreForOneListener) {
  listen("field", "native", 5600);
  EXPECT_EQ(decode_hex(kUntagged).accepted, 1u);
  listen("trackers", "teltonika", 5027);
  EXPECT_THROW(decode_hex(kUntagged), capture::CaptureError);
}

TEST_F(Decode, WhatADeviceSaysCannotForgeALine) {
  listen("field", "native", 0);
  // Item 1 of type text: "a\nb\x1b" and a byte that is no UTF-8 in a serial.
  decode_hex("4e4601010007534e2d30303031000000070000002b0000018bcfe5687b0009000140000461 0a621b");
  EXPECT_THAT(said(), AllOf(Not(HasSubstr("a\nb")), Not(HasSubstr("\x1b"))));
}

}  // namespace
}  // namespace hilera
