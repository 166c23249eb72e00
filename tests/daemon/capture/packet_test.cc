#include "daemon/capture/packet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/ingest/hex.h"

namespace hilera::capture {
namespace {

using greenrt::SocketAddress;
using ingest::testing::from_hex;
using ingest::testing::to_hex;

// 192.0.2.7:4000 -> 198.51.100.9:5027, "hi"
constexpr std::string_view kIpv4 =
    "4500001e00004000401100c0c0000207c6336409"
    "0fa013a3000a0000"
    "6869";
// [2001:db8::1]:4000 -> [2001:db8::2]:5027, "hi"
constexpr std::string_view kIpv6Start = "60000000";
constexpr std::string_view kIpv6Addresses =
    "20010db8000000000000000000000001"
    "20010db8000000000000000000000002";
constexpr std::string_view kUdp =
    "0fa013a3000a0000"
    "6869";

std::string ipv6(std::string_view length, std::string_view next, std::string_view payload) {
  std::string text(kIpv6Start);
  return text.append(length).append(next).append("40").append(kIpv6Addresses).append(payload);
}

std::string replaced(std::string_view packet, std::size_t byte, std::string_view digits) {
  return std::string(packet).replace(2 * byte, digits.size(), digits);
}

PacketKind kind_of(std::string_view hex, LinkType type = LinkType::kRaw) {
  Captured captured;
  return read_packet(type, from_hex(hex), captured);
}

void expect_hi(LinkType type, const std::string& hex, const char* source, const char* destination) {
  Captured captured;
  ASSERT_EQ(read_packet(type, from_hex(hex), captured), PacketKind::kDatagram) << hex;
  EXPECT_EQ(captured.source->to_string(), source);
  EXPECT_EQ(captured.destination->to_string(), destination);
  EXPECT_EQ(to_hex(captured.bytes), "6869");
}

TEST(Packet, OfEveryLinkTypeIsRead) {
  const std::string v4(kIpv4);
  const auto expect_v4 = [](LinkType type, const std::string& hex) {
    expect_hi(type, hex, "192.0.2.7:4000", "198.51.100.9:5027");
  };
  const std::string macs = "020000000001020000000002";
  expect_v4(LinkType::kRaw, v4);
  expect_v4(LinkType::kIpv4, v4);
  expect_v4(LinkType::kEthernet, macs + "0800" + v4);
  expect_v4(LinkType::kEthernet, macs +
                                     "8100"
                                     "0064"
                                     "0800" +
                                     v4);
  expect_v4(LinkType::kEthernet, macs +
                                     "88a8"
                                     "0064"
                                     "8100"
                                     "0065"
                                     "0800" +
                                     v4);
  expect_v4(LinkType::kLinuxSll,
            "0000"
            "0001"
            "0006"
            "0200000000010000"
            "0800" +
                v4);
  expect_v4(LinkType::kLinuxSll2,
            "0800"
            "0000"
            "00000002"
            "0001"
            "00"
            "06"
            "0200000000010000" +
                v4);
  expect_v4(LinkType::kNull, "02000000" + v4);
  expect_v4(LinkType::kLoop, "00000002" + v4);
}

TEST(Packet, OfIpv6IsReadWithItsExtensions) {
  const std::string udp(kUdp);
  const auto expect_v6 = [](const std::string& hex) {
    expect_hi(LinkType::kRaw, hex, "[2001:db8::1]:4000", "[2001:db8::2]:5027");
  };
  expect_v6(ipv6("000a", "11", udp));
  expect_v6(ipv6("0012", "00", "1100000000000000" + udp));
  expect_v6(ipv6("0022", "3c",
                 "2b01000000000000"
                 "0000000000000000"
                 "1100000000000000" +
                     udp));
}

TEST(Packet, PaddingIsNoPartOfTheDatagram) {
  expect_hi(LinkType::kEthernet, "0200000000010200000000020800" + std::string(kIpv4) + "00000000000000000000",
            "192.0.2.7:4000", "198.51.100.9:5027");
}

TEST(Packet, OfAnotherProtocolIsNone) {
  EXPECT_EQ(kind_of(replaced(kIpv4, 9, "06")), PacketKind::kNotUdp);
  EXPECT_EQ(kind_of(ipv6("000a", "06", kUdp)), PacketKind::kNotUdp);
  EXPECT_EQ(kind_of("0200000000010200000000020806"
                    "0001",
                    LinkType::kEthernet),
            PacketKind::kNotUdp)
      << "ARP";
  EXPECT_EQ(kind_of(replaced(kIpv4, 0, "55")), PacketKind::kNotUdp) << "no version of IP";
  EXPECT_EQ(kind_of(replaced(kIpv4, 0, "44")), PacketKind::kNotUdp) << "a header of 16 bytes";
  EXPECT_EQ(kind_of(replaced(kIpv4, 24, "0007")), PacketKind::kNotUdp) << "a datagram shorter than its header";
}

TEST(Packet, AFragmentIsNoDatagram) {
  EXPECT_EQ(kind_of(replaced(kIpv4, 6, "2000")), PacketKind::kFragment) << "the first";
  EXPECT_EQ(kind_of(replaced(kIpv4, 6, "0010")), PacketKind::kFragment) << "the last";
  EXPECT_EQ(kind_of(ipv6("0012", "2c", std::string("1100000000000001").append(kUdp))), PacketKind::kFragment);
}

TEST(Packet, ThatIsCutAnywhereIsNoDatagram) {
  const std::string ethernet = "0200000000010200000000020800" + std::string(kIpv4);
  const std::string v6 = ipv6("0012", "00", "1100000000000000" + std::string(kUdp));
  for (const auto& [type, whole] : {std::pair{LinkType::kEthernet, ethernet}, std::pair{LinkType::kRaw, v6}}) {
    for (std::size_t bytes = 0; bytes < whole.size() / 2; ++bytes)
      EXPECT_EQ(kind_of(whole.substr(0, 2 * bytes), type), PacketKind::kCut) << bytes;
  }
}

TEST(Packet, ThatIsMadeCanBeRead) {
  for (const auto& [source, destination] : {std::pair{"192.0.2.7", "198.51.100.9"}, {"2001:db8::1", "2001:db8::2"}}) {
    const auto from = SocketAddress::parse(source, 4000);
    const auto to = SocketAddress::parse(destination, 5027);
    Captured captured;
    ASSERT_EQ(read_packet(LinkType::kRaw, make_packet(*from, *to, from_hex("686921")), captured),
              PacketKind::kDatagram);
    EXPECT_EQ(captured.source, from);
    EXPECT_EQ(captured.destination, to);
    EXPECT_EQ(to_hex(captured.bytes), "686921");
  }
}

TEST(Packet, ThatIsMadeHasItsChecksums) {
  const auto sum_of = [](const std::vector<std::byte>& bytes, std::size_t from, std::size_t to, unsigned more) {
    unsigned sum = more;
    for (std::size_t i = from; i < to; ++i)
      sum += std::to_integer<unsigned>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
    while (sum > 0xFFFF)
      sum = (sum & 0xFFFF) + (sum >> 16);
    return sum;
  };
  const auto v4 = make_packet(*SocketAddress::parse("192.0.2.7", 4000), *SocketAddress::parse("198.51.100.9", 5027),
                              from_hex("686921"));
  EXPECT_EQ(sum_of(v4, 0, 20, 0), 0xFFFFu);
  EXPECT_EQ(sum_of(v4, 12, v4.size(), 17 + 11), 0xFFFFu);
  const auto v6 = make_packet(*SocketAddress::parse("2001:db8::1", 4000), *SocketAddress::parse("2001:db8::2", 5027),
                              from_hex("686921"));
  EXPECT_EQ(sum_of(v6, 8, v6.size(), 17 + 11), 0xFFFFu);
}

}  // namespace
}  // namespace hilera::capture
