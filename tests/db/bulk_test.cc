#include "db/bulk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>

namespace db {
namespace {

using ::testing::ElementsAre;

TEST(Bulk, LaysRowsOutByColumn) {
  Bulk bulk({ColumnType::kInt64, ColumnType::kText});
  bulk.add_row({1, "one"});
  bulk.add_row({std::nullopt, "two"});
  bulk.add_row({3, std::optional<std::string>()});
  EXPECT_EQ(bulk.rows(), 3u);
  EXPECT_THAT(bulk.column(0).numbers, ElementsAre(1, 0, 3));
  EXPECT_THAT(bulk.column(0).indicators, ElementsAre(0, 1, 0));
  EXPECT_THAT(bulk.column(1).lengths, ElementsAre(3, 3, 0));
  EXPECT_THAT(bulk.column(1).indicators, ElementsAre(0, 0, 1));
}

TEST(Bulk, RefusesAWrongNumberOfValuesAndAddsNothing) {
  Bulk bulk({ColumnType::kInt64});
  EXPECT_THROW(bulk.add_row({1, 2}), std::invalid_argument);
  EXPECT_EQ(bulk.rows(), 0u);
}

TEST(Bulk, RefusesAValueOfAnotherTypeAndAddsNothing) {
  Bulk bulk({ColumnType::kInt64, ColumnType::kBytes});
  EXPECT_THROW(bulk.add_row({1, "text"}), std::invalid_argument);
  EXPECT_THROW(bulk.add_row({0.5, Bytes()}), std::invalid_argument);
  EXPECT_TRUE(bulk.column(0).numbers.empty());
}

TEST(Bulk, TakesIntegersOfEitherSignWhenInRange) {
  Bulk bulk({ColumnType::kInt64, ColumnType::kUint64});
  bulk.add_row({1u, 1});
  EXPECT_THROW(bulk.add_row({std::numeric_limits<std::uint64_t>::max(), 1u}), std::invalid_argument);
  EXPECT_THROW(bulk.add_row({1, -1}), std::invalid_argument);
  EXPECT_EQ(bulk.rows(), 1u);
}

TEST(Bulk, EstimatesTheLengthOfTheRequestFromAbove) {
  Bulk bulk({ColumnType::kInt64, ColumnType::kText});
  const std::size_t empty = bulk.wire_size();
  bulk.add_row({1, std::string(1000, 'x')});
  EXPECT_GE(bulk.wire_size(), empty + 1 + 8 + 1 + 3 + 1000);
  EXPECT_LE(bulk.wire_size(), empty + 1030);
}

TEST(Bulk, IsAsNewAfterClear) {
  Bulk bulk({ColumnType::kText});
  const std::size_t empty = bulk.wire_size();
  bulk.add_row({"a"});
  bulk.clear();
  EXPECT_TRUE(bulk.empty());
  EXPECT_EQ(bulk.wire_size(), empty);
  EXPECT_TRUE(bulk.column(0).pointers.empty());
}

}  // namespace
}  // namespace db
