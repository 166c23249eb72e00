// MariaStore: takes custody of records in MariaDB, one transaction a datagram, through a leased connection.
//
// A datagram of one record is one autocommitted statement; one of several is one transaction, so that it is stored
// whole or not at all. A record that the database refuses, or that is in conflict with another one, goes to
// `dead_letter` in its place, and the others are stored. Everything else that can go wrong is tried again until the
// deadline, at once or after a pause, as db::ErrorClass says; the statements are idempotent, so an attempt of unknown
// outcome is simply made again.

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

 private:
  class Attempt;

  std::string collector_;
  db::ConnectionPool& pool_;
  ingest::Reporter& reporter_;
  std::uint64_t retries_ = 0;
};

}  // namespace hilera
