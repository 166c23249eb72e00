#include "daemon/sim/progress.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace hilera::sim {
namespace {

using namespace std::chrono_literals;

TEST(Progress, ShowsTheShareOfTheFrames) {
  SimulatorOptions options;
  options.frames = 200;
  Tally tally;
  tally.sent = 50;
  tally.acked = 48;
  tally.unacked = 2;
  EXPECT_EQ(progress_line(options, tally, 1500ms, 33.3),
            "[#####...............]  25 %    1.5 s       33/s  sent 50  acked 48  open 2");
}

TEST(Progress, ShowsTheShareOfTheTime) {
  SimulatorOptions options;
  options.duration = 10s;
  options.acks = false;
  EXPECT_EQ(progress_line(options, {}, 10s, 0), "[####################] 100 %   10.0 s        0/s  sent 0");
}

TEST(Progress, IsNeverMoreThanAll) {
  SimulatorOptions options;
  options.duration = 1s;
  options.acks = false;
  Tally tally;
  tally.resent = 9;
  EXPECT_EQ(progress_line(options, tally, 60s, 0),
            "[####################] 100 %   60.0 s        0/s  sent 0  resent 9");
}

TEST(Progress, WritesOneLineOverAndOver) {
  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* terminal = ::open_memstream(&text, &size);
  ASSERT_NE(terminal, nullptr);
  SimulatorOptions options;
  options.frames = 100;
  Tally tally;
  {
    Progress progress(terminal, options);
    tally.sent = 10;
    progress.show(tally, 1s);
    tally.sent = 30;
    progress.show(tally, 3s);
    progress.clear();
  }
  std::fclose(terminal);
  const std::string written(text, size);
  std::free(text);
  EXPECT_EQ(written.find('\n'), std::string::npos);
  EXPECT_EQ(std::count(written.begin(), written.end(), '\r'), 3);
  EXPECT_NE(written.find("10/s  sent 30"), std::string::npos) << written;
}

}  // namespace
}  // namespace hilera::sim
