// Reloader: puts a configuration that was read again into a running daemon: all of it, or nothing.
//
// Files are read on a thread of its own, while everything goes on. The change itself does not yield, so every frame
// meets the old configuration or the new one. One reload at a time; another one waits for its turn.

#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "daemon/config.h"
#include "daemon/intake.h"
#include "daemon/logging.h"
#include "daemon/metrics.h"
#include "db/pool.h"
#include "greenrt/rlock.h"
#include "greenrt/thread_pool.h"

namespace hilera {

class Reloader {
 public:
  using Read = std::function<Config()>;

  // Told of each new listener before it receives; must not yield or throw.
  using Introduce = std::function<void(const ingest::Listener& listener)>;

  // `config` is what the daemon runs with, and is replaced. `pool`: none without a database. `read` is called on
  // another thread and must own what it touches; none: there is nothing to be read again. Needs a hub. The others must
  // outlive it.
  Reloader(Config& config, Logging& logging, Intake& intake, db::ConnectionPool* pool, Introduce introduce, Read read);

  // Yields. Logs what came of it. Throws std::runtime_error that says why nothing has changed.
  void reload();

  // From now on nothing is changed any more, not even by a reload that is under way: it is refused.
  void stop() { stopped_ = true; }

  // Why the last reload was refused; empty when it was not.
  [[nodiscard]] const std::string& last_refusal() const { return last_refusal_; }
  [[nodiscard]] std::uint64_t taken() const { return taken_; }
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

  void declare_metrics(Metrics& metrics);

 private:
  void apply();

  Config& config_;
  Logging& logging_;
  Intake& intake_;
  db::ConnectionPool* pool_;
  const Introduce introduce_;
  const Read read_;
  const std::uint32_t most_in_flight_;
  greenrt::RLock turn_;
  bool stopped_ = false;
  std::uint64_t taken_ = 0;
  std::uint64_t refused_ = 0;
  std::string last_refusal_;
  greenrt::ThreadPool thread_;
};

}  // namespace hilera
