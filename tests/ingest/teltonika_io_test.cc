#include "ingest/teltonika_io.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "ingest/codec.h"

namespace ingest::teltonika {
namespace {

TEST(TeltonikaIo, NamesAValueWithItsUnit) {
  EXPECT_EQ(describe_io(66, 23996), "external voltage: 23996 mV");
  EXPECT_EQ(describe_io(239, 1), "ignition: 1");
  EXPECT_EQ(describe_io(241, 4'294'967'295), "GSM operator: 4294967295");
}

TEST(TeltonikaIo, KnowsWhichValuesHaveASign) {
  EXPECT_EQ(describe_io(17, 0xFFF4), "axis x: -12 mg");
  EXPECT_EQ(describe_io(72, 0xFFFFFF9C), "Dallas temperature 1: -100 0.1 degrees Celsius");
}

TEST(TeltonikaIo, SaysNothingOfWhatItDoesNotKnow) {
  EXPECT_EQ(find_io(0), nullptr);
  EXPECT_EQ(describe_io(65535, 1), "");
}

TEST(TeltonikaIo, EachIsInTheDocument) {
  std::ifstream file(std::string(HILERA_SOURCE_DIR) + "/ingest/TELTONIKA.md");
  ASSERT_TRUE(file);
  std::stringstream document;
  document << file.rdbuf();
  for (const IoName& io : io_names()) {
    const std::string sign = io.signed_bytes > 0 ? ", signed" : "";
    const std::string line = "\n| " + std::to_string(io.id) + " | " + std::string(io.name) + " | " +
                             std::string(io.unit) + sign + " |\n";
    EXPECT_NE(document.str().find(line), std::string::npos) << line;
  }
}

TEST(TeltonikaIo, TheCodecSpeaksOfItsElementsByThem) {
  const Codec& codec = *find_codec("teltonika");
  EXPECT_EQ(codec.legend("io", "66", 23996), "external voltage: 23996 mV");
  EXPECT_EQ(codec.legend("io", "66000", 1), "");
  EXPECT_EQ(codec.legend("io", "x", 1), "");
  EXPECT_EQ(codec.legend("", "speed", 1), "");
  EXPECT_EQ(find_codec("native")->legend("io", "66", 1), "");
}

}  // namespace
}  // namespace ingest::teltonika
