#include "daemon/sim/socket_plan.h"

#include <gtest/gtest.h>

#include <set>
#include <utility>

namespace hilera::sim {
namespace {

TEST(SocketPlan, HasASocketForEach64DevicesUpTo64) {
  EXPECT_EQ(SocketPlan(1).sockets(), 1u);
  EXPECT_EQ(SocketPlan(64).sockets(), 1u);
  EXPECT_EQ(SocketPlan(65).sockets(), 2u);
  EXPECT_EQ(SocketPlan(4096).sockets(), 64u);
  EXPECT_EQ(SocketPlan(999'999).sockets(), 64u);
}

TEST(SocketPlan, GivesEachDeviceAPlaceOfItsOwn) {
  for (const std::size_t devices : {1u, 63u, 64u, 65u, 4096u, 4097u, 20'001u}) {
    SCOPED_TRACE(devices);
    const SocketPlan plan(devices);
    std::set<std::pair<std::size_t, std::size_t>> taken;
    for (std::size_t i = 0; i < devices; ++i) {
      ASSERT_LT(plan.socket_of(i), plan.sockets());
      ASSERT_LT(plan.place_of(i), plan.places());
      ASSERT_EQ(plan.device_at(plan.socket_of(i), plan.place_of(i)), i);
      taken.emplace(plan.socket_of(i), plan.place_of(i));
    }
    EXPECT_EQ(taken.size(), devices);
  }
}

TEST(SocketPlan, KeepsNeighboursTogether) {
  const SocketPlan plan(1000);
  for (std::size_t i = 0; i < 64; ++i)
    EXPECT_EQ(plan.socket_of(640 + i), plan.socket_of(640));
}

}  // namespace
}  // namespace hilera::sim
