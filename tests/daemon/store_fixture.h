// What the tests of the daemon against a real server share: a database with our tables, a pool on it, and datagrams as
// the pipeline hands them to the store.

#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/storage.h"
#include "db/dialer.h"
#include "db/pool.h"
#include "db/schema.h"
#include "tests/db/server_fixture.h"
#include "tests/ingest/fakes.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/temp_folder.h"

namespace hilera::testing {

using db::testing::PrivateMariadb;
using ingest::testing::loopback;
using ingest::testing::RecordingReporter;

inline constexpr std::int64_t kArrival = 1'770'000'000'000'000;  // 2026-02-02 02:40:00 UTC

inline db::ConnectOptions options_for(const PrivateMariadb& server, const std::string& database) {
  db::ConnectOptions options;
  options.endpoints = {{.host = "127.0.0.1", .port = server.port(), .socket = {}}};
  options.user = PrivateMariadb::kUser;
  options.password = PrivateMariadb::kPassword;
  options.database = database;
  return options;
}

// A new database with our tables.
class TestDatabase {
 public:
  explicit TestDatabase(PrivateMariadb& server = db::testing::server())
      : server_(server), name_(server.new_database()) {
    db::apply_schema(*connect());
  }

  [[nodiscard]] db::ConnectOptions options() const { return options_for(server_, name_); }
  [[nodiscard]] std::unique_ptr<db::Connection> connect() const { return db::Dialer(options()).connect(); }

  // Yields. One statement; what it gives as text, columns by tabs and rows by newlines.
  std::string sql(const std::string& statement) const {
    if (!connection_ || !connection_->usable()) connection_ = connect();
    const db::Rows rows = connection_->query(statement);
    std::string text;
    for (std::size_t row = 0; row < rows.size(); ++row) {
      for (std::size_t column = 0; column < rows.columns().size(); ++column) {
        if (column > 0) text += '\t';
        text += rows[row].optional_text(column).value_or("NULL");
      }
      if (row + 1 < rows.size()) text += '\n';
    }
    return text;
  }
  void trigger(const std::string& table, const std::string& body) const {
    sql("CREATE OR REPLACE TRIGGER before_" + table + " BEFORE INSERT ON " + table + " FOR EACH ROW " + body);
  }
  [[nodiscard]] std::string rows(const std::string& table = "frame") const {
    return sql("SELECT COUNT(*) FROM " + table);
  }
  // Until so many statements wait for a table that somebody has locked.
  void wait_for_locked_out(int statements) const {
    wait_for("SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE '%metadata lock%' AND db = '" +
                 name_ + "'",
             std::to_string(statements));
  }
  // Until `query` gives `wanted`.
  void wait_for(const std::string& query, const std::string& wanted) const {
    while (sql(query) != wanted) {
    }
  }

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] PrivateMariadb& server() const { return server_; }

 private:
  PrivateMariadb& server_;
  std::string name_;
  mutable std::unique_ptr<db::Connection> connection_;
};

// A pool whose keepers have ended when it is gone.
class TestPool {
 public:
  explicit TestPool(const db::ConnectOptions& connect, std::size_t connections = 2) {
    db::PoolOptions options;
    options.connect = connect;
    options.connections = connections;
    options.back_off_min = std::chrono::milliseconds(1);
    options.back_off_max = std::chrono::milliseconds(20);
    pool_.emplace(options);
  }
  ~TestPool() {
    pool_.reset();
    greenrt::testing::settle();
  }
  TestPool(const TestPool&) = delete;
  TestPool& operator=(const TestPool&) = delete;

  db::ConnectionPool& operator*() { return *pool_; }
  db::ConnectionPool* operator->() { return &*pool_; }

 private:
  std::optional<db::ConnectionPool> pool_;
};

// A datagram with its records, as it comes from the codec.
struct Frame {
  ingest::Datagram datagram;
  ingest::Decoded decoded;

  // One more record.
  Frame& with(std::uint64_t frame_id, std::uint64_t digest = 1, std::optional<std::int64_t> device_time = {}) {
    decoded.records.push_back(
        {.bytes = datagram.bytes, .device_time = device_time, .frame_id = frame_id, .digest = digest});
    return *this;
  }
  Frame& at(std::int64_t arrival) {
    datagram.arrival = arrival;
    return *this;
  }
  Frame& from(std::string_view host, std::uint16_t port) {
    datagram.path.peer = loopback(host, port);
    return *this;
  }
};

// A listener named "trackers", and its datagrams: "payload" from device "D1", at 192.0.2.7:4000.
class TestListener {
 public:
  explicit TestListener(bool store_raw = false)
      : listener_("trackers", codec_, greenrt::UdpSocket::bind(loopback()), store_raw) {}

  [[nodiscard]] const std::shared_ptr<const ingest::Origin>& origin() const { return listener_.origin(); }

  Frame frame(std::int64_t arrival = kArrival) {
    Frame frame;
    frame.datagram.origin = listener_.origin().get();
    frame.datagram.listener = &listener_;
    frame.datagram.arrival = arrival;
    frame.datagram.received = greenrt::Clock::now();
    frame.datagram.path.peer = loopback("192.0.2.7", 4000);
    const auto bytes = ingest::as_bytes("payload");
    frame.datagram.bytes.assign(bytes.begin(), bytes.end());
    frame.decoded.verdict = ingest::Verdict::kRecords;
    frame.decoded.nserie = "D1";
    return frame;
  }

 private:
  ingest::testing::TextCodec codec_;
  ingest::Listener listener_;
};

using Adjust = std::function<void(db::ConnectOptions&)>;

inline db::ConnectOptions adjusted(db::ConnectOptions options, const Adjust& adjust) {
  adjust(options);
  return options;
}

// The storage of collector "host-a", with all that it needs. One shard, so that one connection is at work.
struct StoreWorld {
  explicit StoreWorld(
      PrivateMariadb& server = db::testing::server(), const Adjust& adjust = [](auto&) {})
      : database(server), pool(adjusted(database.options(), adjust)) {
    begin();
  }
  explicit StoreWorld(const Adjust& adjust) : StoreWorld(db::testing::server(), adjust) {}
  ~StoreWorld() { expect_balanced(); }

  // Ends it as a crash of the daemon would, as far as the database can tell, and begins again.
  void restart() {
    expect_balanced();
    storage.reset();
    begin();
  }
  void begin() {
    storage.emplace(options(), &*pool, reporter);
    storage->know(listener.origin());
    storage->start();
  }

  // The frame must live until it is stored.
  ingest::EntryRef take_soon(const Frame& frame) {
    ingest::EntryRef entry = ingest::Entry::make();
    entry->datagram = frame.datagram;
    entry->decoded = frame.decoded;
    storage->take(entry);
    return entry;
  }
  // Yields until the datagram is durable.
  ingest::EntryRef take(const Frame& frame) {
    ingest::EntryRef entry = take_soon(frame);
    EXPECT_TRUE(entry->wait_durable());
    return entry;
  }
  // Yields until it is stored, too.
  ingest::StoreResult put(const Frame& frame) { return take(frame)->wait_stored(greenrt::Deadline::never()).value(); }

  // Yields until everything is stored.
  void wait_until_stored() const {
    while (storage->ledger().pending > 0)
      greenrt::testing::let_poll();
  }

  void expect_balanced() const { EXPECT_TRUE(storage->ledger().balanced()); }

  [[nodiscard]] StorageOptions options() const {
    StorageOptions options = storage_options;
    options.collector = "host-a";
    options.journal.directory = folder.path() + "/journal";
    return options;
  }

  StorageOptions storage_options{.shards = 1};
  testing_support::TempFolder folder;
  TestDatabase database;
  TestPool pool;
  RecordingReporter reporter;
  TestListener listener;
  std::optional<Storage> storage;
};

// One server by two addresses, over TCP and by its socket.
inline void twice(db::ConnectOptions& options) {
  options.endpoints.push_back({.host = {}, .port = 0, .socket = db::testing::server().socket()});
}

// One server stands for a cluster of two, and says when it is another one.
struct ClusterWorld : StoreWorld {
  ClusterWorld() : StoreWorld(twice) {
    storage_options.journal.grace = std::chrono::hours(1);
    restart();
  }

  // A connection ends, and the next one is with another server, as when one dies.
  void lose_server() {
    end_connection();
    static int servers = 0;
    const auto now = greenrt::Clock::now();
    pool->hosts()->settle(
        {.where = std::to_string(++servers), .began_after = now - std::chrono::hours(1), .began_before = now});
  }
  void end_connection() {
    auto lease = pool->acquire();
    database.server().sql("KILL " + std::to_string(lease->thread_id()));
    EXPECT_THROW(lease->query("SELECT 1"), db::Error);
  }

  void wait_until_sure() const {
    while (storage->shards_in_doubt() > 0 || storage->ledger().pending > 0)
      greenrt::testing::let_poll();
  }
};

}  // namespace hilera::testing
