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
#include "daemon/findings.h"
#include "daemon/intake.h"
#include "daemon/logging.h"
#include "daemon/metrics.h"
#include "daemon/reloader.h"
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
    const Reloader* reloader = nullptr;  // nullptr: nothing can be read again
  };

  explicit Status(const Sources& sources) : sources_(sources) {}

  // What keeps datagrams from being received and made durable, for people; empty when the daemon is ready.
  [[nodiscard]] std::vector<std::string> obstacles() const;

  // First what is wrong: the obstacles, and what keeps records from going on into the database, or the configuration
  // file from being in effect. Then what was lost or refused since the start.
  [[nodiscard]] std::vector<Finding> findings() const;

  // What is wrong, without the advice.
  [[nodiscard]] std::vector<std::string> problems() const;

  [[nodiscard]] Ledger ledger() const;

  // {"version", "collector", "uptime_seconds", "ready", "problems": [..], "findings": [{"severity", "what", "advice"}],
  //  "ledger": {..}, "dropped": {reason: n}, "acks_withheld", "listeners": [{"name", "codec", "address", "open",
  //  "received", "accepted", "control", "rejected": {reason: n}, "dropped", "kernel_drops", "acks_sent",
  //  "replies_failed"}], "latency": {"ack", "store", "hub_lag": {"bounds": [s], "counts": [n], "sum": s}}, "journal":
  //  {"bytes", "max_bytes", "segments", "oldest_seconds", "waiting", "datagrams", "commits", "io_errors", "problem"},
  //  "store": {"shards", "lagging", "queued", "retries", "in_doubt", "confirmed", "restored", "doubts_abandoned",
  //  "devices_refused", "letters_cut", "problem"}, "database": {"healthy", "problem", "host", "failovers", "losses",
  //  "connections": {state: n}, "errors": {class: n}, "dead_letter_replays": {outcome: n}}, "devices_known",
  //  "downlink": {state: n, ..}, "reload": {"taken", "refused", "problem"}, "greenlets", "greenlet_kinds": [{"kind",
  //  "samples", "slice_seconds", "delay_seconds" (sums of the samples), "longest_slice_seconds", "stack_bytes"}]}. The
  //  counts of `latency` are one a bucket, the last one for what exceeds every bound. Without a database section there
  //  are no "database" and no "downlink".
  [[nodiscard]] nlohmann::json document() const;

  void declare_metrics(Metrics& metrics) const;

 private:
  [[nodiscard]] std::vector<Finding> wrong() const;
  [[nodiscard]] std::vector<Finding> worth_a_look() const;

  void declare_intake(Metrics& metrics) const;
  void declare_storage(Metrics& metrics) const;
  void declare_database(Metrics& metrics) const;
  void declare_downlink(Metrics& metrics) const;
  void declare_runtime(Metrics& metrics) const;

  Sources sources_;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

}  // namespace hilera
