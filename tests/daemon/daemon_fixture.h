// The parts of a daemon as its tests need them: sockets of its own choice, a database that the test names or that
// nobody answers for.

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "daemon/config.h"
#include "daemon/control_commands.h"
#include "daemon/database.h"
#include "daemon/intake.h"
#include "daemon/logging.h"
#include "daemon/status.h"
#include "daemon/storage.h"
#include "greenrt/stream.h"
#include "ingest/transmitter.h"
#include "tests/ingest/fakes.h"
#include "tests/ingest/hex.h"
#include "tests/ingest/teltonika_vectors.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/temp_folder.h"

namespace hilera::testing {

// Two listeners on ports of the kernel's choice: "field" and "trackers", which speaks teltonika.
inline Config test_config() {
  Config config;
  config.collector = "host-a";
  config.listeners = {{.name = "field", .codec = "native", .address = "127.0.0.1", .receive_buffer = 65536},
                      {.name = "trackers", .codec = "teltonika", .address = "127.0.0.1", .receive_buffer = 65536}};
  config.database.emplace();
  return config;
}

// Where nobody listens.
inline db::ConnectOptions no_database() {
  auto listener = greenrt::Listener::bind_tcp(ingest::testing::loopback());
  db::ConnectOptions options;
  options.endpoints = {{.host = "127.0.0.1", .port = listener.local_address().port(), .socket = {}}};
  listener.close();
  return options;
}

// An Intake over custody in memory, with a device in the field.
struct IntakeWorld {
  explicit IntakeWorld(const Config& config = test_config(), std::int64_t last_arrival = 0,
                       HandedSockets sockets = {}) {
    intake.emplace(config, custody, reporter, last_arrival, std::move(sockets));
  }
  ~IntakeWorld() {
    intake.reset();
    greenrt::testing::settle();
  }

  [[nodiscard]] ingest::Listener& listener(std::size_t index) const { return *intake->listeners()[index]; }
  [[nodiscard]] ingest::Listener& trackers() const { return listener(1); }

  void reconfigure(const Config& config) {
    const auto trusts = Intake::load_trusts(config.listeners);
    intake->configure(config, trusts, intake->prepare(config, trusts));
  }

  // A datagram with a record: the serial is the published one, with its last digit replaced.
  static std::vector<std::byte> record(char last_digit = '5') {
    auto bytes = ingest::testing::from_hex(ingest::testing::kCodec8Example);
    bytes[kEndOfSerial] = static_cast<std::byte>(last_digit);
    return bytes;
  }
  void send(const std::vector<std::byte>& bytes) const { device.send(bytes, trackers().socket().local_address()); }

  // Until `received` datagrams have been taken from the socket of the trackers.
  void wait_for_received(std::uint64_t received) const {
    EXPECT_TRUE(ingest::testing::eventually([&] { return trackers().counters().received >= received; }));
    ingest::testing::run_until_quiet();
  }

  static constexpr std::size_t kEndOfSerial = 22;
  ingest::testing::FakeCustody custody;
  ingest::testing::RecordingReporter reporter;
  ingest::testing::DeviceSocket device;
  std::optional<Intake> intake;
};

// What Status reads, over a database that may be away.
struct StatusWorld {
  explicit StatusWorld(const db::ConnectOptions& options = no_database(), HandedSockets sockets = {})
      : database(std::make_unique<Database>(config.collector, db::PoolOptions{.connect = options})),
        storage({.journal = {.directory = folder.path() + "/journal"}, .collector = config.collector},
                &database->pool(), reporter),
        intake(config, storage, reporter, 0, std::move(sockets)),
        transmitter({}, database->downlinks(), intake.devices(), reporter) {}
  ~StatusWorld() {
    database->close();
    greenrt::testing::settle();
  }

  testing_support::TempFolder folder;
  Config config = test_config();
  Logging logging{LogConfig()};
  ingest::testing::RecordingReporter reporter;
  std::unique_ptr<Database> database;
  Storage storage;
  Intake intake;
  ingest::Transmitter transmitter;
  DownlinkOutcomes outcomes{database->downlinks(), reporter};
  Status status{{config, intake, storage, database.get(), &transmitter, &outcomes, logging}};
};

}  // namespace hilera::testing
