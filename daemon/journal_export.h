// JournalExport: the records that the journal holds, page by page, as JSON.

#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstddef>
#include <cstdint>

#include "daemon/journal.h"
#include "daemon/origin_table.h"

namespace hilera {

class JournalExport {
 public:
  // `journal` must outlive it.
  explicit JournalExport(Journal& journal) : journal_(journal) {}

  // Yields. The records of at most `datagrams` datagrams behind the place `after`, in the order of the journal, those
  // included that the database has already and that are not deleted yet: {"records": [{"place", "arrival",
  // "received_at", "listener", "codec", "peer", "auth_level", "nserie", "frame_id", "device_time", "fields"}],
  // "read_to", "last_place": of the journal by now, "unreadable": records between that are damaged}. A datagram that
  // its codec does not read has "error" and "bytes" (hex) in place of the last four. No record: that was all. Throws
  // std::runtime_error when the disk cannot be read.
  nlohmann::json page(std::int64_t after, std::size_t datagrams);

 private:
  void add_records(const JournalRow& row, nlohmann::json& records);

  Journal& journal_;
  OriginTable origins_;
};

}  // namespace hilera
