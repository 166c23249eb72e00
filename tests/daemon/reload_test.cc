#include "daemon/reload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <utility>

#include "daemon/trust_files.h"

namespace hilera {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::uint32_t kMost = 20'000;

Config running_config() {
  Config config;
  config.listeners = {{.name = "field", .codec = "native", .address = "127.0.0.1", .port = 5600},
                      {.name = "trackers", .codec = "teltonika", .address = "127.0.0.1", .port = 5027}};
  config.database.emplace();
  return config;
}

std::vector<std::string> fixed(const std::function<void(Config&)>& change) {
  Config wanted = running_config();
  change(wanted);
  return fixed_changes(running_config(), wanted, kMost);
}

TEST(Reload, WhatIsAsItWasNeedsNoRestart) {
  EXPECT_THAT(fixed([](Config&) {}), IsEmpty());
}

TEST(Reload, LogLimitsAndTrustNeedNoRestart) {
  EXPECT_THAT(
      fixed([](Config& wanted) {
        wanted.log = {.level = LogLevel::kDebug, .repeat_interval = 1s};
        wanted.pipeline = {
            .max_in_flight = 100, .max_in_flight_per_source = 5, .max_in_flight_per_device = 6, .ack = AckMode::kDatabase, .store_deadline = 1s};
        wanted.drain.timeout = 1s;
        wanted.listeners[0].keys_file = "/keys";
        wanted.listeners[0].devices = DevicesMode::kKnown;
        wanted.listeners[1].devices_file = "/devices";
        wanted.listeners[1].pin_address = 1h;
        wanted.listeners[1].prefix_rate = 100;
        wanted.listeners[1].prefix_burst = 1;
      }),
      IsEmpty());
}

TEST(Reload, ListenersMayComeAndGo) {
  EXPECT_THAT(fixed([](Config& wanted) { wanted.listeners.pop_back(); }), IsEmpty());
  EXPECT_THAT(fixed([](Config& wanted) { wanted.listeners[0].name = "other"; }), IsEmpty());
  EXPECT_THAT(fixed([](Config& wanted) { std::swap(wanted.listeners[0], wanted.listeners[1]); }), IsEmpty());
  EXPECT_THAT(fixed([](Config& wanted) {
                wanted.listeners.push_back({.name = "more", .codec = "collectd", .auth = AuthMode::kRequired});
              }),
              IsEmpty());
}

TEST(Reload, TheNumberOfConnectionsNeedsNoRestart) {
  EXPECT_THAT(fixed([](Config& wanted) { wanted.database->connections = 3; }), IsEmpty());
}

TEST(Reload, EverythingElseNeedsARestartAndIsNamed) {
  const std::vector<std::pair<std::function<void(Config&)>, const char*>> changes{
      {[](Config& wanted) { wanted.collector = "other"; }, "collector"},
      {[](Config& wanted) { wanted.listeners[1].port = 1; }, "listener trackers"},
      {[](Config& wanted) { wanted.listeners[1].auth = AuthMode::kRequired; }, "listener trackers"},
      {[](Config& wanted) {
         wanted.listeners.push_back({.name = "more", .codec = "native", .auth = AuthMode::kRequired});
       },
       "whether devices of listener field prove themselves at another one"},
      {[](Config& wanted) { wanted.journal.max_size *= 2; }, "journal"},
      {[](Config& wanted) { wanted.database.reset(); }, "database"},
      {[](Config& wanted) { wanted.database->user = "other"; }, "database"},
      {[](Config& wanted) { wanted.transmit.enabled = false; }, "transmit"},
      {[](Config& wanted) { wanted.http.port = 1; }, "http"},
      {[](Config& wanted) { wanted.control.socket = "/other"; }, "control"},
      {[](Config& wanted) { wanted.greenlets.max = 100; }, "greenlets"},
      {[](Config& wanted) { wanted.devices.max_known = 100; }, "devices"},
      {[](Config& wanted) { wanted.pipeline.max_in_flight = kMost + 1; }, "pipeline.max_in_flight above 20000"}};
  for (const auto& [change, name] : changes)
    EXPECT_THAT(fixed(change), ElementsAre(name));
}

TEST(Reload, ALimitThatWasLoweredMayBeRaisedAgain) {
  Config running = running_config();
  running.pipeline.max_in_flight = 100;
  Config wanted = running;
  wanted.pipeline.max_in_flight = kMost;
  EXPECT_THAT(fixed_changes(running, wanted, kMost), IsEmpty());
}

TEST(Reload, ReadsWhatItNeeds) {
  const NewConfig result = read_again([] { return running_config(); }, running_config(), kMost);
  EXPECT_EQ(result.config, running_config());
  EXPECT_THAT(result.trusts, SizeIs(2));
}

TEST(Reload, SaysEverythingThatNeedsARestart) {
  const auto read = [] {
    Config wanted = running_config();
    wanted.http.port = 1;
    wanted.devices.max_known = 100;
    return wanted;
  };
  try {
    read_again(read, running_config(), kMost);
    FAIL() << "it is taken";
  } catch (const NeedsRestart& error) {
    EXPECT_STREQ(error.what(), "needs a restart: http, devices");
  }
}

TEST(Reload, FilesThatCannotBeReadRefuseIt) {
  const auto read = [] {
    Config wanted = running_config();
    wanted.listeners[0].devices = DevicesMode::kKnown;
    wanted.listeners[0].devices_file = "/nowhere/devices";
    return wanted;
  };
  EXPECT_THROW(read_again(read, running_config(), kMost), TrustFileError);
  EXPECT_THROW(read_again([]() -> Config { throw ConfigError("file", {}); }, running_config(), kMost), ConfigError);
}

}  // namespace
}  // namespace hilera
