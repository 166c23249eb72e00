#include "db/rows.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>

namespace db {
namespace {

void add_text(Rows& rows, std::string_view text) {
  char* const room = rows.add_bytes(text.size());
  if (!text.empty()) std::memcpy(room, text.data(), text.size());
}

Rows one_of_each() {
  Rows rows;
  rows.set_columns({"null", "signed", "unsigned", "real", "text"});
  rows.add_null();
  rows.add_int64(-5);
  rows.add_uint64(std::numeric_limits<std::uint64_t>::max());
  rows.add_real(0.5);
  add_text(rows, "ab");
  return rows;
}

TEST(Rows, GiveEachColumnAsItsType) {
  const Rows rows = one_of_each();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_TRUE(rows[0].is_null(0));
  EXPECT_EQ(rows[0].int64(1), -5);
  EXPECT_EQ(rows[0].uint64(2), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(rows[0].real(3), 0.5);
  EXPECT_EQ(rows[0].text(4), "ab");
  EXPECT_EQ(rows[0].bytes(4).size(), 2u);
}

TEST(Rows, ReadNumbersFromText) {
  Rows rows;
  rows.set_columns({"n"});
  add_text(rows, "-12");
  add_text(rows, "18446744073709551615");
  add_text(rows, "1.25");
  EXPECT_EQ(rows[0].int64(0), -12);
  EXPECT_EQ(rows[1].uint64(0), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(rows[2].real(0), 1.25);
}

TEST(Rows, RefuseAValueOfAnotherType) {
  const Rows rows = one_of_each();
  EXPECT_THROW((void)rows[0].int64(0), BadColumn) << "NULL is no number";
  EXPECT_THROW((void)rows[0].text(0), BadColumn);
  EXPECT_THROW((void)rows[0].uint64(1), BadColumn) << "negative";
  EXPECT_THROW((void)rows[0].int64(2), BadColumn) << "too large";
  EXPECT_THROW((void)rows[0].int64(4), BadColumn) << "not digits";
  EXPECT_THROW((void)rows[0].int64(5), BadColumn) << "no such column";
  EXPECT_THROW((void)rows[1], BadColumn) << "no such row";
}

TEST(Rows, TellNullFromEmpty) {
  Rows rows;
  rows.set_columns({"t"});
  rows.add_null();
  rows.add_bytes(0);
  EXPECT_EQ(rows[0].optional_text(0), std::nullopt);
  EXPECT_EQ(rows[1].optional_text(0), "");
}

TEST(Rows, WithoutColumnsAreEmpty) {
  EXPECT_EQ(Rows().size(), 0u);
  EXPECT_TRUE(Rows().empty());
}

}  // namespace
}  // namespace db
