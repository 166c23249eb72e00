#include "greenrt/socket_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <system_error>

namespace greenrt {
namespace {

using namespace std::string_view_literals;

TEST(SocketAddress, IsParsedFromDigits) {
  const auto v4 = SocketAddress::parse("192.0.2.1", 5600);
  ASSERT_TRUE(v4);
  EXPECT_EQ(v4->family(), AF_INET);
  EXPECT_EQ(v4->port(), 5600);
  EXPECT_EQ(v4->host(), "192.0.2.1");
  EXPECT_EQ(v4->to_string(), "192.0.2.1:5600");
  EXPECT_EQ(v4->size(), sizeof(sockaddr_in));

  const auto v6 = SocketAddress::parse("2001:DB8:0::1", 1);
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->family(), AF_INET6);
  EXPECT_EQ(v6->host(), "2001:db8::1");
  EXPECT_EQ(v6->to_string(), "[2001:db8::1]:1");
  EXPECT_EQ(v6->size(), sizeof(sockaddr_in6));
}

TEST(SocketAddress, IsNeverParsedFromANameOrFromJunk) {
  for (const auto text : {"localhost"sv, ""sv, "1.2.3"sv, "1.2.3.4.5"sv, "1.2.3.256"sv, "::g"sv, " 1.2.3.4"sv,
                          "1.2.3.4\0"sv, "::1\0x"sv}) {
    EXPECT_FALSE(SocketAddress::parse(text, 1)) << text;
  }
}

TEST(SocketAddress, MapsIPv4IntoIPv6) {
  const auto mapped = SocketAddress::parse("1.2.3.4", 1)->mapped();
  EXPECT_THAT(mapped, ::testing::ElementsAre(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4));
}

TEST(SocketAddress, AMappedAddressIsTheSameAsItsIPv4Address) {
  const auto v4 = SocketAddress::parse("1.2.3.4", 9);
  const auto v6 = SocketAddress::parse("::ffff:1.2.3.4", 9);
  EXPECT_EQ(*v4, *v6);
  EXPECT_EQ(v6->host(), "1.2.3.4");
}

TEST(SocketAddress, TellsAnAddressFromTheOneThatStandsForAll) {
  for (const char* all : {"0.0.0.0", "::", "::ffff:0.0.0.0"})
    EXPECT_TRUE(SocketAddress::parse(all, 5600)->is_unspecified()) << all;
  for (const char* one : {"127.0.0.1", "0.0.0.1", "::1", "::ffff:127.0.0.1"})
    EXPECT_FALSE(SocketAddress::parse(one, 5600)->is_unspecified()) << one;
}

TEST(SocketAddress, IsComparedWithItsPort) {
  auto address = *SocketAddress::parse("1.2.3.4", 9);
  const auto same = address;
  EXPECT_TRUE(address == same);
  address.set_port(10);
  EXPECT_FALSE(address == same);
  EXPECT_FALSE(same == *SocketAddress::parse("1.2.3.5", 9));
}

TEST(SocketAddress, IsReadFromASocket) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ASSERT_GE(fd, 0);
  const auto address = *SocketAddress::parse("127.0.0.1", 0);
  ASSERT_EQ(::bind(fd, address.raw(), address.size()), 0);
  EXPECT_EQ(SocketAddress::local_of(fd).host(), "127.0.0.1");
  EXPECT_NE(SocketAddress::local_of(fd).port(), 0);
  EXPECT_THROW(SocketAddress::peer_of(fd), std::system_error);
  ::close(fd);
  EXPECT_THROW(SocketAddress::local_of(fd), std::system_error);
}

}  // namespace
}  // namespace greenrt
