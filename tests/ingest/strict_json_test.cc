#include "ingest/strict_json.h"

#include <gtest/gtest.h>

#include <string>

namespace ingest {
namespace {

// Writes down what it sees; refuses the text "stop".
class Diary final : public JsonVisitor {
 public:
  bool scalar(const JsonPlace& place, const JsonScalar& value) override {
    const auto* text = std::get_if<std::string_view>(&value);
    note(place, text ? "'" + std::string(*text) + "'" : std::string(1, "nbuidt"[value.index()]));
    return !text || *text != "stop";
  }
  bool open_object(const JsonPlace& place) override { return note(place, "{@" + std::to_string(place.after)); }
  bool open_array(const JsonPlace& place) override { return note(place, "[@" + std::to_string(place.after)); }
  bool close(const JsonPlace& place) override { return note(place, "end@" + std::to_string(place.after)); }

  std::string pages;

 private:
  bool note(const JsonPlace& place, const std::string& what) {
    pages += std::to_string(place.depth) + std::string(place.key) + what + " ";
    return true;
  }
};

JsonFault fault_of(std::string_view text) {
  Diary diary;
  return walk_json(text, diary);
}

std::string nested(std::size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

TEST(StrictJson, VisitsEveryValueWithItsPlace) {
  Diary diary;
  EXPECT_EQ(walk_json(R"( {"a":[1,-2, {}],"b":"x","c":null,"d":1.5,"e":true} )", diary), JsonFault::kNone);
  EXPECT_EQ(diary.pages, "0{@2 1a[@7 2u 2i 2{@14 2end@15 1end@16 1b'x' 1cn 1dd 1eb 0end@51 ");
}

TEST(StrictJson, TakesAScalarAlone) {
  EXPECT_EQ(fault_of("1"), JsonFault::kNone);
  EXPECT_EQ(fault_of(R"("text")"), JsonFault::kNone);
}

TEST(StrictJson, RefusesWhatIsNoJson) {
  for (const std::string_view text : {"",
                                      " ",
                                      "{",
                                      "}",
                                      "[1,]",
                                      "{\"a\":}",
                                      "{\"a\" 1}",
                                      "{a:1}",
                                      "[01]",
                                      "[+1]",
                                      "[.5]",
                                      "[1.]",
                                      "[NaN]",
                                      "[1e]",
                                      "[0x1]",
                                      "'a'",
                                      "[\"\n\"]",
                                      "[\"\\x\"]",
                                      "[\"\\ud800\"]",
                                      "[\"\\u12\"]",
                                      "tru",
                                      "// no\n1",
                                      "[1]/**/",
                                      "1 2",
                                      "{}{}",
                                      "[]]"}) {
    EXPECT_EQ(fault_of(text), JsonFault::kSyntax) << text;
  }
}

TEST(StrictJson, RefusesBytesThatAreNoText) {
  using namespace std::string_view_literals;
  EXPECT_EQ(fault_of("1\0"sv), JsonFault::kSyntax);
  EXPECT_EQ(fault_of("1\0 trailing"sv), JsonFault::kSyntax);
  EXPECT_EQ(fault_of("\"a\0b\""sv), JsonFault::kSyntax);
  EXPECT_EQ(fault_of("\xEF\xBB\xBF{}"), JsonFault::kSyntax) << "a byte order mark";
  EXPECT_EQ(fault_of("\"\xC0\x80\""), JsonFault::kSyntax) << "overlong";
  EXPECT_EQ(fault_of("\"\xED\xA0\x80\""), JsonFault::kSyntax) << "a surrogate";
  EXPECT_EQ(fault_of("\"\xFF\""), JsonFault::kSyntax);
  EXPECT_EQ(fault_of("\"\xE2\x82\xAC\""), JsonFault::kNone);
}

TEST(StrictJson, RefusesNumbersThatFitNoDouble) {
  EXPECT_EQ(fault_of("1e999"), JsonFault::kSyntax);
  EXPECT_EQ(fault_of("-1e999"), JsonFault::kSyntax);
  EXPECT_EQ(fault_of("99999999999999999999999"), JsonFault::kNone) << "as a double";
  EXPECT_EQ(fault_of(std::string(60'000, '9')), JsonFault::kSyntax);
}

TEST(StrictJson, GoesDownToItsDepthAndNoFurther) {
  EXPECT_EQ(fault_of(nested(kMaxJsonDepth)), JsonFault::kNone);
  EXPECT_EQ(fault_of(nested(kMaxJsonDepth + 1)), JsonFault::kDepth);
  EXPECT_EQ(fault_of(std::string(65'000, '[')), JsonFault::kDepth);
  std::string objects;
  for (int i = 0; i < 10'000; ++i)
    objects += R"({"a":)";
  EXPECT_EQ(fault_of(objects), JsonFault::kDepth);
}

TEST(StrictJson, RefusesAKeyTwiceInOneObject) {
  EXPECT_EQ(fault_of(R"({"a":1,"a":2})"), JsonFault::kDuplicateKey);
  EXPECT_EQ(fault_of(R"({"a":1,"b":2,"c":{},"a":{}})"), JsonFault::kDuplicateKey);
  EXPECT_EQ(fault_of(R"({"a":1,"\u0061":2})"), JsonFault::kDuplicateKey) << "however it is escaped";
  EXPECT_EQ(fault_of(R"({"":1,"":2})"), JsonFault::kDuplicateKey);
  EXPECT_EQ(fault_of(R"([{"x":{"a":1,"a":2}}])"), JsonFault::kDuplicateKey);
  EXPECT_EQ(fault_of(R"({"a":{"a":[{"a":1},{"a":1}]},"b":{"a":1}})"), JsonFault::kNone) << "in other objects";
}

TEST(StrictJson, FindsTheSameKeyAmongVeryMany) {
  std::string text = "{";
  for (int i = 0; i < 10'000; ++i)
    text += '"' + std::to_string(i) + "\":0,";
  EXPECT_EQ(fault_of(text + R"("x":0})"), JsonFault::kNone);
  EXPECT_EQ(fault_of(text + R"("77":0})"), JsonFault::kDuplicateKey);
}

TEST(StrictJson, EndsWhereAVisitRefuses) {
  Diary diary;
  EXPECT_EQ(walk_json(R"(["go","stop","never"] garbage)", diary), JsonFault::kRefused);
  EXPECT_EQ(diary.pages, "0[@1 1'go' 1'stop' ");
}

}  // namespace
}  // namespace ingest
