#include "daemon/host_port.h"

#include <gtest/gtest.h>

namespace hilera {
namespace {

TEST(HostPort, IsANameOrAnAddressWithAPort) {
  EXPECT_EQ(parse_host_port("db.example:3307", 3306), (HostPort{"db.example", 3307}));
  EXPECT_EQ(parse_host_port("127.0.0.1:1", 3306), (HostPort{"127.0.0.1", 1}));
  EXPECT_EQ(parse_host_port("[::1]:65535", 3306), (HostPort{"::1", 65535}));
}

TEST(HostPort, HasADefaultPort) {
  EXPECT_EQ(parse_host_port("db", 3306), (HostPort{"db", 3306}));
  EXPECT_EQ(parse_host_port("[fe80::1]", 3306), (HostPort{"fe80::1", 3306}));
  EXPECT_EQ(parse_host_port("::1", 3306), (HostPort{"::1", 3306}));
}

TEST(HostPort, RefusesWhatIsNeitherNameNorAddress) {
  for (const char* text : {"", ":3306", "db:", "db:0", "db:65536", "db:3306x", "db:-1", "a b:1", "[::1", "[::1]x",
                           "[::1]:", "[db]:1", "-db:1", "db/x:1", "user@db:1"}) {
    EXPECT_EQ(parse_host_port(text, 3306), std::nullopt) << '"' << text << '"';
  }
  EXPECT_EQ(parse_host_port(std::string(254, 'a'), 3306), std::nullopt);
}

TEST(HostPort, TextParsesBackToTheSameValue) {
  for (const HostPort& value : {HostPort{"db", 3306}, HostPort{"10.0.0.1", 1}, HostPort{"2001:db8::1", 65535}}) {
    EXPECT_EQ(parse_host_port(value.text(), 9), value);
  }
}

TEST(IpAddress, IsALiteralOfEitherFamily) {
  EXPECT_TRUE(is_ip_address("0.0.0.0"));
  EXPECT_TRUE(is_ip_address("::"));
  EXPECT_FALSE(is_ip_address("localhost"));
  EXPECT_FALSE(is_ip_address("127.1"));
  EXPECT_FALSE(is_ip_address(std::string_view("127.0.0.1\0x", 11)));
}

}  // namespace
}  // namespace hilera
