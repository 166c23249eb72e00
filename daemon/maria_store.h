// MariaStore: takes custody of records in MariaDB, one transaction a datagram, through a leased connection.
//
// A datagram of one record is one autocommitted statement; one of several is one transaction, so that it is stored
// whole or not at all. A record that the database refuses, or that is in conflict with another one, goes to
// `dead_letter` in its place, and the others are stored. Everything else that can go wrong is tried again until the
// deadline, at once or after a pause, as db::ErrorClass says; the statements are idempotent, so an attempt of unknown
// outcome is simply made again.
//
// The deadline says when the last attempt may begin, not when it ends: who came later may go on only when no statement
// of ours can take effect any more. An attempt lasts no longer than the connection's query_timeout, a little before
// which the server gives up by itself; when the connection broke meanwhile, the store lets this time pass before it
// gives up.

#pragma once

#include <cstdint>
#include <string>

#include "daemon/frame_row.h"
#include "db/pool.h"
#include "ingest/reporter.h"
#include "ingest/store.h"

namespace hilera {

class MariaStore final : public ingest::Store {
 public:
  // `pool` and `reporter` must outlive it.
  MariaStore(std::string collector, db::ConnectionPool& pool, ingest::Reporter& reporter)
      : collector_(std::move(collector)), pool_(pool), reporter_(reporter) {}

  ingest::StoreResult store(const ingest::Datagram& datagram, const ingest::Decoded& decoded,
                            greenrt::Deadline deadline) override;

  // Attempts that had to be made again.
  [[nodiscard]] const std::uint64_t& retries() const { return retries_; }

  // What has kept a record from being stored in the last ten seconds, unless another one was stored since; empty when
  // nothing has.
  [[nodiscard]] std::string problem() const;

 private:
  class Attempt;

  void note_problem(const std::string& error);

  std::string collector_;
  db::ConnectionPool& pool_;
  ingest::Reporter& reporter_;
  std::uint64_t retries_ = 0;
  std::string problem_;
  greenrt::Clock::time_point problem_since_;
};

}  // namespace hilera
