#include "daemon/sim/acked_log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <stdexcept>
#include <string>

#include "daemon/sim/simulator.h"
#include "tests/daemon/run_in_hub.h"
#include "tests/daemon/sim/responder.h"

namespace hilera::sim {
namespace {

class AckedLogTest : public testing::TestWithParam<const char*> {
 protected:
  AckedLogTest() { path_ = std::filesystem::temp_directory_path() / ("hilera-acked-" + std::to_string(::getpid())); }
  ~AckedLogTest() override { std::filesystem::remove(path_); }

  std::multiset<std::string> lines() const {
    std::ifstream file(path_);
    std::multiset<std::string> lines;
    for (std::string line; std::getline(file, line);)
      lines.insert(line);
    return lines;
  }

  std::filesystem::path path_;
};

TEST_P(AckedLogTest, HasTheKeysThatTheCollectorSees) {
  run_in_hub([this] {
    Responder responder(GetParam(), [](std::size_t) { return 2; });
    AckedLog log(path_, GetParam());
    SimulatorOptions options;
    options.target = responder.address();
    options.codec = GetParam();
    options.devices = 5;
    options.rate = 0;
    options.frames = 200;
    Simulator simulator(options, [&](ingest::Bytes frame) { log.add(frame); });
    simulator.run();
    log.close();
    EXPECT_EQ(lines().size(), simulator.tally().records);
    EXPECT_EQ(lines(), responder.keys());
  });
}

TEST_P(AckedLogTest, ReplacesWhatWasThere) {
  std::ofstream(path_) << "an old line\n";
  AckedLog(path_, GetParam()).close();
  EXPECT_TRUE(lines().empty());
}

INSTANTIATE_TEST_SUITE_P(Codecs, AckedLogTest, testing::Values("native", "teltonika"),
                         [](const auto& parameter) { return std::string(parameter.param); });

TEST(AckedLogErrors, SayThatTheFileCannotBeMade) {
  EXPECT_THROW(AckedLog("/no/such/folder/log", "native"), std::system_error);
}

TEST(AckedLogErrors, SayThatNotAllWasWritten) {
  AckedLog log("/dev/full", "native");
  const auto protocol = make_protocol("native", {});
  Device sender{.serial = protocol->serial(0), .telemetry = Telemetry(1)};
  std::vector<std::byte> frame;
  protocol->make_frame(sender, wall_now(), true, frame);
  log.add(frame);
  EXPECT_THROW(log.close(), std::runtime_error);
}

TEST(AckedLogErrors, RefuseUnknownCodecsAndBytesThatAreNoFrame) {
  EXPECT_THROW(AckedLog("/dev/null", "morse"), std::invalid_argument);
  AckedLog log("/dev/null", "native");
  EXPECT_THROW(log.add(ingest::as_bytes("noise")), std::logic_error);
}

}  // namespace
}  // namespace hilera::sim
