#include "ingest/device_table.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>

#include "ingest/keyed_hash.h"
#include "tests/ingest/fakes.h"

namespace ingest {
namespace {

using testing::loopback;

greenrt::UdpPath from_port(std::uint16_t port) {
  return {.peer = loopback("192.0.2.1", port)};
}

// Two listeners that nobody looks into: the table only keeps the pointer.
Listener& listener(std::size_t which = 0) {
  struct alignas(Listener) Place {
    std::array<std::byte, sizeof(Listener)> bytes;
  };
  static std::array<Place, 2> places;
  return reinterpret_cast<Listener&>(places[which]);
}

TEST(DeviceTable, KnowsWhereADeviceWasHeard) {
  DeviceTable table(10);
  table.hold("A")->heard(listener(), from_port(1000), 1);
  const auto* device = table.find("A");
  ASSERT_NE(device, nullptr);
  EXPECT_EQ(device->nserie(), "A");
  EXPECT_EQ(device->listener(), &listener());
  EXPECT_EQ(device->path().peer.port(), 1000);
  EXPECT_EQ(device->last_arrival(), 1);
  EXPECT_EQ(table.find("B"), nullptr);
}

TEST(DeviceTable, SaysHowNearAPeerIsToWhereADeviceWasHeard) {
  using Familiarity = DeviceTable::Familiarity;
  DeviceTable table(10);
  const auto to = [&](std::string_view nserie, const greenrt::SocketAddress& peer) {
    return table.familiarity(keyed_hash(as_bytes(nserie)), peer);
  };
  table.hold("A")->heard(listener(), from_port(1000), 1);
  const auto never_heard = table.hold("held");
  EXPECT_EQ(to("A", loopback("192.0.2.1", 1000)), Familiarity::kSamePort);
  EXPECT_EQ(to("A", loopback("192.0.2.1", 1001)), Familiarity::kSameHost);
  EXPECT_EQ(to("A", loopback("::ffff:192.0.2.1", 1000)), Familiarity::kSamePort);
  EXPECT_EQ(to("A", loopback("192.0.2.2", 1000)), Familiarity::kElsewhere);
  EXPECT_EQ(to("B", loopback("192.0.2.1", 1000)), Familiarity::kUnheard);
  EXPECT_EQ(to("held", loopback("192.0.2.1", 1000)), Familiarity::kUnheard);
}

TEST(DeviceTable, FollowsADeviceThatMoves) {
  DeviceTable table(10);
  table.hold("A")->heard(listener(0), from_port(1000), 1);
  table.hold("A")->heard(listener(1), from_port(2000), 2);
  EXPECT_EQ(table.find("A")->listener(), &listener(1));
  EXPECT_EQ(table.find("A")->path().peer.port(), 2000);
  EXPECT_EQ(table.size(), 1u);
}

TEST(DeviceTable, AnEarlierArrivalThanTheNotedOneChangesNothing) {
  DeviceTable table(10);
  table.hold("A")->heard(listener(), from_port(2000), 2);
  table.hold("A")->heard(listener(), from_port(1000), 1);
  EXPECT_EQ(table.find("A")->path().peer.port(), 2000);
  EXPECT_EQ(table.find("A")->last_arrival(), 2);
}

TEST(DeviceTable, DoesNotKeepTheTextThatItWasGiven) {
  DeviceTable table(10);
  std::string nserie = "a serial that is longer than what a string holds in place";
  table.hold(nserie)->heard(listener(), from_port(1000), 1);
  const std::string copy = nserie;
  nserie.assign(nserie.size(), '?');
  EXPECT_NE(table.find(copy), nullptr);
  EXPECT_EQ(table.find(nserie), nullptr);
}

TEST(DeviceTable, RemembersWhatADeviceHasProvedForEachCodec) {
  const testing::TextCodec one;
  const testing::TextCodec other;
  DeviceTable table(10);
  const auto device = table.hold("A");
  EXPECT_FALSE(device->has_proved_itself());
  device->make_proof(one).guard.mark({.counter = 7}, 0);
  device->make_proof(other);
  EXPECT_TRUE(device->has_proved_itself());
  ASSERT_NE(device->proof(one), nullptr);
  EXPECT_EQ(device->proof(one)->guard.window().highest(), 7u);
  EXPECT_EQ(device->proof(other)->guard.window().highest(), 0u);
  EXPECT_EQ(device->proof(testing::TextCodec()), nullptr);
}

TEST(DeviceTable, ForgetsFirstWhoWasHeardLongestAgo) {
  DeviceTable table(2);
  table.hold("A")->heard(listener(), from_port(1), 1);
  table.hold("B")->heard(listener(), from_port(2), 2);
  table.hold("A")->heard(listener(), from_port(1), 3);
  table.hold("C")->heard(listener(), from_port(3), 4);
  EXPECT_EQ(table.size(), 2u);
  EXPECT_NE(table.find("A"), nullptr);
  EXPECT_EQ(table.find("B"), nullptr);
  EXPECT_NE(table.find("C"), nullptr);
}

TEST(DeviceTable, OfNoSizeRemembersNobody) {
  DeviceTable table(0);
  table.hold("A")->heard(listener(), from_port(1), 1);
  EXPECT_EQ(table.size(), 0u);
  EXPECT_EQ(table.find("A"), nullptr);
}

// Against a plain model: whoever is among the `kBound` heard last is there, with the last path, and nobody else.
TEST(DeviceTable, StaysRightAndBoundedWhileManyDevicesComeAndGo) {
  constexpr std::size_t kBound = 8;
  std::mt19937 random(1);
  DeviceTable table(kBound);
  std::vector<std::pair<std::string, std::uint16_t>> model;  // last heard at the end
  for (std::int64_t arrival = 1; arrival < 5'000; ++arrival) {
    const std::string nserie = "device number " + std::to_string(random() % 20);
    const auto port = static_cast<std::uint16_t>(random());
    table.hold(nserie)->heard(listener(), from_port(port), arrival);
    std::erase_if(model, [&](const auto& each) { return each.first == nserie; });
    model.emplace_back(nserie, port);
    if (model.size() > kBound) model.erase(model.begin());

    ASSERT_EQ(table.size(), model.size());
    for (const auto& [name, last_port] : model) {
      const auto* device = table.find(name);
      ASSERT_NE(device, nullptr);
      ASSERT_EQ(device->nserie(), name);
      ASSERT_EQ(device->path().peer.port(), last_port);
    }
  }
}

TEST(DeviceTable, ADeviceThatSomebodyHoldsStays) {
  DeviceTable table(1);
  auto held = table.hold("A");
  held->heard(listener(), from_port(1), 1);
  table.hold("B")->heard(listener(), from_port(2), 2);
  EXPECT_EQ(table.size(), 1u) << "there was no room for B any more when nobody held it";
  EXPECT_NE(table.find("A"), nullptr);
  EXPECT_EQ(table.held(), 1u);
  held = {};
  EXPECT_EQ(table.held(), 0u);
  EXPECT_NE(table.find("A"), nullptr) << "there is room for one";
}

TEST(DeviceTable, AllWhoHoldADeviceHoldTheSame) {
  DeviceTable table(10);
  const auto first = table.hold("A");
  const auto second = table.hold("A");
  EXPECT_EQ(&*first, &*second);
  EXPECT_NE(&*first, &*table.hold("B"));
  EXPECT_EQ(table.held(), 1u);
}

TEST(DeviceTable, ADeviceThatWasNotHeardIsForgottenWithItsLastHold) {
  DeviceTable table(10);
  {
    const auto first = table.hold("A");
    const auto second = table.hold("A");
    EXPECT_EQ(table.size(), 1u);
    EXPECT_EQ(table.find("A"), nullptr) << "nobody knows where it is";
  }
  EXPECT_EQ(table.size(), 0u);
}

// Beyond a few devices the one to go is the oldest of a sample: old ones go, and nobody who is heard all the time.
TEST(DeviceTable, ForgetsOldDevicesAmongMany) {
  constexpr std::size_t kBound = 1'000;
  DeviceTable table(kBound);
  std::int64_t arrival = 0;
  for (std::size_t i = 0; i < 10 * kBound; ++i) {
    table.hold("lively")->heard(listener(), from_port(1), ++arrival);
    table.hold("once " + std::to_string(i))->heard(listener(), from_port(2), ++arrival);
    ASSERT_LE(table.size(), kBound);
  }
  EXPECT_NE(table.find("lively"), nullptr);
  std::size_t recent = 0;
  for (std::size_t i = 10 * kBound - kBound / 2; i < 10 * kBound; ++i)
    recent += table.find("once " + std::to_string(i)) ? 1 : 0;
  EXPECT_GT(recent, kBound / 2 * 95 / 100);
}

}  // namespace
}  // namespace ingest
