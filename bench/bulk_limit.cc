// How fast this machine's MariaDB takes rows of table `frame`, when nothing else is done: the limit that tools/bench
// compares Hilera with.
//
//   bulk_limit --socket PATH [--user root] [--database hilera] [--seconds 8] [--connections 1,2,4] [--devices 1000]
//
// A bare loop over Connector/C on each connection: the statement of hilerad, in bulk, 1 000 rows a transaction, its
// answers read. Therefore <mysql.h> here, and nothing of db/: what db/ costs is part of what is compared. The rows look
// like those of native frames, the devices in turn, and are prepared beforehand as far as they do not change. Empties
// the table before each number of connections. The last line is one JSON object with the best of them.

#include <CLI/CLI.hpp>
#include <mysql.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kBatch = 1000;
enum Column : std::size_t {
  kNserie,
  kFrameId,
  kCodec,
  kArrival,
  kCollector,
  kDigest,
  kDeviceTime,
  kListener,
  kPeerIp,
  kPeerPort,
  kAuthLevel,
  kFields,
  kRaw,
  kColumns
};
constexpr std::string_view kInsert =
    "INSERT INTO frame (nserie, frame_id, codec, arrival, collector, digest, device_time, listener, peer_ip, "
    "peer_port, auth_level, fields, raw) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON DUPLICATE KEY UPDATE arrival = arrival RETURNING arrival, digest";
constexpr std::string_view kSession =
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES', time_zone = '+00:00', tx_isolation = 'READ-COMMITTED'";

struct Options {
  std::string socket;
  std::string user = "root";
  std::string database = "hilera";
  double seconds = 8;
  std::vector<std::size_t> connections = {1, 2, 4};
  std::size_t devices = 1000;
};

class Connection {
 public:
  explicit Connection(const Options& options) : handle_(mysql_init(nullptr), &mysql_close) {
    mysql_optionsv(handle_.get(), MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (!mysql_real_connect(handle_.get(), nullptr, options.user.c_str(), nullptr, options.database.c_str(), 0,
                            options.socket.c_str(), 0)) {
      fail();
    }
    query(kSession);
  }

  void query(std::string_view text) {
    if (mysql_real_query(handle_.get(), text.data(), text.size()) != 0) fail();
  }

  [[noreturn]] void fail() const { throw std::runtime_error(mysql_error(handle_.get())); }
  [[nodiscard]] MYSQL* handle() const { return handle_.get(); }

 private:
  std::unique_ptr<MYSQL, decltype(&mysql_close)> handle_;
};

// The rows of one batch, column by column. Text stays where it is; numbers, digests and times are new in each batch.
class Batch {
 public:
  // `share` of `shares`: the devices that go over one connection.
  Batch(std::size_t devices, std::size_t share, std::size_t shares) {
    for (std::size_t device = share; device < devices; device += shares)
      serials_.push_back(numbered("sim-%06zu", device + 1));
    for (std::size_t i = 0; i < kBatch; ++i)
      fields_.push_back(make_fields(static_cast<int>(i)));
    std::memset(peer_.data() + 10, 0xFF, 2);
    std::memcpy(peer_.data() + 12, "\x7F\0\0\x01", 4);
    text(kCodec, "native");
    text(kCollector, "bench");
    text(kListener, "bench");
    for (std::size_t i = 0; i < kBatch; ++i) {
      point(kNserie, i, serials_[i % serials_.size()]);
      point(kDigest, i, {digests_[i].data(), digests_[i].size()});
      point(kDeviceTime, i, {device_time_.data(), device_time_.size()});
      point(kPeerIp, i, {peer_.data(), peer_.size()});
      point(kFields, i, fields_[i]);
      numbers_[kPeerPort][i] = 40000 + i % 64;
    }
    nulls_.fill(STMT_INDICATOR_NULL);
  }

  void next(std::int64_t arrival) {
    const std::int64_t first_ms = arrival / 1000;
    std::snprintf(device_time_.data(), device_time_.size() + 1, "2026-11-22 12:%02d:%02d.%03d",
                  static_cast<int>(first_ms / 60'000 % 60), static_cast<int>(first_ms / 1000 % 60),
                  static_cast<int>(first_ms % 1000));
    for (std::size_t i = 0; i < kBatch; ++i) {
      const std::uint64_t hash = (++made_ ^ std::uint64_t{0x5bd1e995}) * 0x9E3779B97F4A7C15;
      // Every frame of a device has a millisecond of its own, as those of a real one.
      const std::uint64_t device_ms = 1'795'000'000'000 + made_ / serials_.size();
      numbers_[kFrameId][i] = device_ms << 20 | hash >> 44;
      numbers_[kArrival][i] = static_cast<std::uint64_t>(arrival) + i;
      std::memcpy(digests_[i].data(), &hash, sizeof hash);
    }
  }

  [[nodiscard]] std::array<MYSQL_BIND, kColumns> binds() {
    std::array<MYSQL_BIND, kColumns> binds{};
    for (std::size_t column = 0; column < kColumns; ++column) {
      const bool number = column == kFrameId || column == kArrival || column == kPeerPort || column == kAuthLevel;
      const bool bytes = column == kDigest || column == kPeerIp || column == kRaw;
      binds[column].buffer_type = number ? MYSQL_TYPE_LONGLONG : bytes ? MYSQL_TYPE_BLOB : MYSQL_TYPE_STRING;
      binds[column].is_unsigned = number ? 1 : 0;
      binds[column].buffer = number ? static_cast<void*>(numbers_[column].data()) : pointers_[column].data();
      binds[column].length = number ? nullptr : lengths_[column].data();
    }
    binds[kRaw].u.indicator = nulls_.data();
    return binds;
  }

 private:
  static std::string numbered(const char* format, std::size_t number) {
    std::array<char, 32> buffer;
    const int size = std::snprintf(buffer.data(), buffer.size(), format, number);
    return {buffer.data(), static_cast<std::size_t>(size)};
  }

  static std::string make_fields(int i) {
    return R"({"epoch":1795000000,"sequence":)" + std::to_string(1000 + i) + R"(,"values":{"1":)" +
           std::to_string(10 + i % 20) + "." + std::to_string(i % 10) + R"(,"2":)" + std::to_string(12'000 + i) +
           R"(,"3":)" + std::to_string(500'000 + 7 * i) + R"(,"4":)" + std::to_string(-37'038'000 + 311 * i) +
           R"(,"5":)" + std::to_string(404'168'000 + 173 * i) + R"(,"6":)" + std::to_string(i % 120) + R"(,"7":-)" +
           std::to_string(51 + i % 60) + R"(,"8":true}})";
  }

  void point(std::size_t column, std::size_t row, std::string_view value) {
    pointers_[column][row] = value.data();
    lengths_[column][row] = value.size();
  }
  void text(std::size_t column, std::string_view value) {
    for (std::size_t row = 0; row < kBatch; ++row)
      point(column, row, value);
  }

  std::vector<std::string> serials_;
  std::vector<std::string> fields_;
  std::array<char, 16> peer_{};
  std::string device_time_ = std::string(23, '0');
  std::array<std::array<char, 8>, kBatch> digests_{};
  std::array<std::array<std::uint64_t, kBatch>, kColumns> numbers_{};
  std::array<std::array<const char*, kBatch>, kColumns> pointers_{};
  std::array<std::array<unsigned long, kBatch>, kColumns> lengths_{};
  std::array<char, kBatch> nulls_{};
  std::uint64_t made_ = 0;
};

class Inserter {
 public:
  Inserter(Connection& connection, Batch& batch)
      : connection_(connection), statement_(mysql_stmt_init(connection.handle()), &mysql_stmt_close) {
    check(mysql_stmt_prepare(statement_.get(), kInsert.data(), kInsert.size()));
    auto binds = batch.binds();
    unsigned rows = kBatch;
    mysql_stmt_attr_set(statement_.get(), STMT_ATTR_ARRAY_SIZE, &rows);
    if (mysql_stmt_bind_param(statement_.get(), binds.data()) != 0) fail();
  }

  void insert() {
    connection_.query("START TRANSACTION");
    check(mysql_stmt_execute(statement_.get()));
    std::int64_t arrival = 0;
    std::array<char, 8> digest;
    std::array<MYSQL_BIND, 2> answer{};
    answer[0] = {.buffer = &arrival, .buffer_type = MYSQL_TYPE_LONGLONG};
    answer[1] = {.buffer = digest.data(), .buffer_length = digest.size(), .buffer_type = MYSQL_TYPE_BLOB};
    if (mysql_stmt_bind_result(statement_.get(), answer.data()) != 0) fail();
    check(mysql_stmt_store_result(statement_.get()));
    std::size_t answers = 0;
    while (mysql_stmt_fetch(statement_.get()) == 0)
      ++answers;
    if (answers != kBatch) throw std::runtime_error(std::to_string(answers) + " answers to a batch");
    mysql_stmt_free_result(statement_.get());
    connection_.query("COMMIT");
  }

 private:
  void check(int status) const {
    if (status != 0) fail();
  }
  [[noreturn]] void fail() const { throw std::runtime_error(mysql_stmt_error(statement_.get())); }

  Connection& connection_;
  std::unique_ptr<MYSQL_STMT, decltype(&mysql_stmt_close)> statement_;
};

// Rows per second over `connections`, each with a thread and its share of the devices.
double measure(const Options& options, std::size_t connections) {
  Connection(options).query("TRUNCATE TABLE frame");
  std::atomic<std::uint64_t> rows = 0;
  std::atomic<bool> stop = false;
  std::vector<std::exception_ptr> failures(connections);
  std::vector<std::thread> threads;
  const auto begun = Clock::now();
  for (std::size_t i = 0; i < connections; ++i) {
    threads.emplace_back([&, i] {
      try {
        Connection connection(options);
        const auto batch = std::make_unique<Batch>(options.devices, i, connections);
        Inserter inserter(connection, *batch);
        while (!stop) {
          const auto now = std::chrono::system_clock::now().time_since_epoch();
          batch->next(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
          inserter.insert();
          rows += kBatch;
        }
      } catch (const std::exception&) {
        failures[i] = std::current_exception();
      }
    });
  }
  std::this_thread::sleep_for(std::chrono::duration<double>(options.seconds));
  stop = true;
  for (auto& thread : threads)
    thread.join();
  const std::chrono::duration<double> elapsed = Clock::now() - begun;
  for (const auto& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
  return static_cast<double>(rows) / elapsed.count();
}

void run(const Options& options) {
  double best = 0;
  std::size_t best_connections = 0;
  for (const std::size_t connections : options.connections) {
    const double rate = measure(options, connections);
    std::printf("%zu connections: %.0f rows/s\n", connections, rate);
    std::fflush(stdout);
    if (rate <= best) continue;
    best = rate;
    best_connections = connections;
  }
  std::printf("{\"bulk_limit\": %.0f, \"connections\": %zu}\n", best, best_connections);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Rows per second that MariaDB takes from a bare bulk loop. Empties table `frame`.", "bulk_limit");
  app.add_option("--socket", options.socket, "The server's Unix socket")->required();
  app.add_option("--user", options.user, "Account without a password that may TRUNCATE")->capture_default_str();
  app.add_option("--database", options.database)->capture_default_str();
  app.add_option("--seconds", options.seconds, "For each number of connections")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  app.add_option("--connections", options.connections, "Numbers of connections to try")
      ->delimiter(',')
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--devices", options.devices)->check(CLI::Range(64, 100'000))->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bulk_limit: %s\n", error.what());
    return 1;
  }
  return 0;
}
