// DatabaseMonitor: a greenlet that knows whether records can be stored: the database answers, takes writes, and has our
// tables.
//
// It has a connection of its own, beside those of the pool and to the same server, so that it is not kept waiting when
// all of them are busy, and does not take a busy database for one that is away. It looks every few seconds, and at once
// when another server is gone to; one that takes no writes any more it leaves. Where tables are missing or old it tries
// to make them, which works only if the database user may, and otherwise says what to do and goes on looking.
//
// Its gate is open while the tables of the current server were right when it last saw them: a server that does not
// answer does not close it. Changes are logged once.

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "daemon/store_gate.h"
#include "db/connection.h"
#include "db/dialer.h"
#include "db/host_choice.h"
#include "greenrt/event.h"
#include "greenrt/greenlet.h"

namespace hilera {

// Why records cannot be stored, as far as it matters for what to do about it.
enum class DatabaseTrouble : std::uint8_t {
  kAway,     // no server answers
  kRefused,  // the user may not do what is needed
  kUnfit,    // the server takes no writes
  kTables,   // they are missing, or of another version
};

class DatabaseMonitor : private db::HostWatcher {
 public:
  struct Pace {
    greenrt::Duration look_every = std::chrono::seconds(5);          // while all is well
    greenrt::Duration first_pause = std::chrono::milliseconds(250);  // after a failure; doubles
    greenrt::Duration longest_pause = std::chrono::seconds(1);
    greenrt::Duration time_limit = std::chrono::seconds(10);  // for one look
  };

  // Starts its greenlet. Without `hosts`, the choice among the servers is its own.
  explicit DatabaseMonitor(const db::ConnectOptions& options) : DatabaseMonitor(options, Pace()) {}
  DatabaseMonitor(const db::ConnectOptions& options, const Pace& pace, std::shared_ptr<db::HostChoice> hosts = nullptr);
  ~DatabaseMonitor() override;
  DatabaseMonitor(const DatabaseMonitor&) = delete;
  DatabaseMonitor& operator=(const DatabaseMonitor&) = delete;

  [[nodiscard]] bool healthy() const { return problem_.empty(); }
  // Why not, for people; empty when healthy.
  [[nodiscard]] const std::string& problem() const { return problem_; }
  // Of what kind it is; without meaning when healthy.
  [[nodiscard]] DatabaseTrouble trouble() const { return trouble_; }

  [[nodiscard]] StoreGate& gate() { return gate_; }

  // Ends the greenlet. Idempotent. Yields.
  void stop();

 private:
  void on_host_left() override;
  void on_host_changed(const db::Endpoint& from, const db::Endpoint& to, const std::string& why) override;
  void on_loss() override;

  void run();
  void look();
  db::Connection& connection(greenrt::Deadline deadline);
  void drop_connection();
  void require_fit_host(db::Connection& connection, greenrt::Deadline deadline);
  void require_schema(db::Connection& connection, greenrt::Deadline deadline);
  [[noreturn]] void refuse_tables(const std::string& why);
  void set_problem(std::string problem);

  db::Dialer dialer_;
  Pace pace_;
  std::unique_ptr<db::Connection> connection_;
  std::string problem_ = "not connected yet";
  DatabaseTrouble trouble_ = DatabaseTrouble::kAway;
  StoreGate gate_;
  greenrt::Event look_now_;
  greenrt::GreenletRef greenlet_;
};

}  // namespace hilera
