// Status: what the running daemon tells of itself: the status document, readiness, and the metrics.
//
// Reads only; everything is of one moment. Never yields.

#pragma once

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <string>
#include <vector>

#include "daemon/config.h"
#include "daemon/database.h"
#include "daemon/downlink_outcomes.h"
#include "daemon/intake.h"
#include "daemon/logging.h"
#include "daemon/metrics.h"
#include "daemon/storage.h"
#include "ingest/transmitter.h"

namespace hilera {

class Status {
 public:
  // The parts of the daemon that have something to tell. They outlive the Status.
  struct Sources {
    const Config& config;
    const Intake& intake;
    const Storage& storage;
    const Database* database;                // nullptr without a database section
    const ingest::Transmitter* transmitter;  // the same
    const DownlinkOutcomes* outcomes;        // the same
    const Logging& logging;
  };

  explicit Status(const Sources& sources) : sources_(sources) {}

  // What keeps datagrams from being received and made durable, for people; empty when the daemon is ready.
  [[nodiscard]] std::vector<std::string> obstacles() const;

  // The same, and what keeps records from going on into the database.
  [[nodiscard]] std::vector<std::string> problems() const;

  [[nodiscard]] Ledger ledger() const;

  // {"version", "collector", "uptime_seconds", "ready", "problems": [..], "ledger": {..}, "dropped": {reason: n},
  //  "listeners": [{"name", "codec", "address", "received", "accepted", "control", "rejected": {reason: n},
  //  "kernel_drops", "acks_sent", "replies_failed"}], "journal": {"bytes", "segments", "oldest_seconds", "waiting",
  //  "commits", "io_errors", "problem"}, "store": {"shards", "lagging", "queued", "retries", "in_doubt", "confirmed",
  //  "restored", "doubts_abandoned", "devices_refused", "letters_cut", "problem"}, "database": {"healthy", "problem",
  //  "host", "failovers", "losses", "connections": {state: n}, "errors": {class: n}, "dead_letter_replays": {outcome:
  //  n}}, "devices_known", "downlink": {"sent", "failed"}, "greenlets"}. Without a database section there are no
  //  "database" and no "downlink".
  [[nodiscard]] nlohmann::json document() const;

  void declare_metrics(Metrics& metrics) const;

 private:
  void declare_intake(Metrics& metrics) const;
  void declare_storage(Metrics& metrics) const;
  void declare_database(Metrics& metrics) const;
  void declare_downlink(Metrics& metrics) const;
  void declare_runtime(Metrics& metrics) const;

  Sources sources_;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

}  // namespace hilera
