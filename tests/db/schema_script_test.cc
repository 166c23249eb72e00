#include "db/schema_script.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace db {
namespace {

using ::testing::ElementsAre;

TEST(SchemaScript, HasStepsAndOptionsOfStatements) {
  const auto sections = parse_schema_script(
      "-- a comment\n"
      "-- step 1: first\n"
      "CREATE TABLE a (\n"
      "  b INT -- stays\n"
      ");\n"
      "-- not part of it\n"
      "CREATE TABLE c (d INT);\n"
      "\n"
      "-- step 2: second\n"
      "DROP TABLE c;\n"
      "-- option extra: for tests\n"
      "ALTER TABLE a;");
  ASSERT_EQ(sections.size(), 3u);
  EXPECT_EQ(sections[0].version, 1u);
  EXPECT_EQ(sections[0].name, "first");
  EXPECT_THAT(sections[0].statements, ElementsAre("CREATE TABLE a (\n  b INT -- stays\n)", "CREATE TABLE c (d INT)"));
  EXPECT_EQ(sections[1].version, 2u);
  EXPECT_EQ(sections[2].version, 0u);
  EXPECT_EQ(sections[2].name, "extra");
}

TEST(SchemaScript, RefusesAStatementOutsideOfASection) {
  EXPECT_THROW(parse_schema_script("DROP TABLE a;\n"), std::logic_error);
}

TEST(SchemaScript, RefusesAStatementWithoutEnd) {
  EXPECT_THROW(parse_schema_script("-- step 1: x\nDROP TABLE a\n"), std::logic_error);
  EXPECT_THROW(parse_schema_script("-- step 1: x\nDROP TABLE a\n-- step 2: y\n"), std::logic_error);
}

TEST(SchemaScript, RefusesStepsThatDoNotCountUp) {
  EXPECT_THROW(parse_schema_script("-- step 2: x\n"), std::logic_error);
  EXPECT_THROW(parse_schema_script("-- step 1: x\n-- step 1: y\n"), std::logic_error);
  EXPECT_THROW(parse_schema_script("-- step one: x\n"), std::logic_error);
  EXPECT_THROW(parse_schema_script("-- step 1\n"), std::logic_error);
}

}  // namespace
}  // namespace db
