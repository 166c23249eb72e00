// The statements that store records, and their parameters: the one place that knows the columns of `frame` and
// `dead_letter`.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "db/rows.h"
#include "db/value.h"
#include "ingest/codec.h"
#include "ingest/datagram.h"

namespace hilera {

// Idempotent: a record that is there already is left as it is. Answers with the arrival and the digest of the row that
// is there afterwards, from which classify_answer() tells what became of the record.
extern const std::string_view kInsertFrame;
extern const std::string_view kInsertDeadLetter;

// A digest as it is stored: big-endian.
[[nodiscard]] std::array<std::byte, 8> digest_bytes(std::uint64_t digest);

// What became of a record.
enum class RecordOutcome : std::uint8_t {
  kStored,     // by us: now, or in an earlier attempt whose outcome was unknown
  kDuplicate,  // an earlier datagram brought the same content
  kConflict,   // other content under the same key
};

// `answer` is the row that kInsertFrame returned for `record`.
[[nodiscard]] RecordOutcome classify_answer(const db::Row& answer, const ingest::Datagram& datagram,
                                            const ingest::Record& record);

// "2026-01-31 23:59:59.999": a literal of DATETIME(3) in UTC, which is the time zone of our sessions. Allocates
// nothing.
class DatetimeText {
 public:
  // None for a time that the column cannot hold: before the year 1000, or after 9999.
  static std::optional<DatetimeText> of(std::int64_t milliseconds_since_1970);

  [[nodiscard]] std::string_view view() const { return {text_.data(), kSize}; }

 private:
  static constexpr std::size_t kSize = 23;
  DatetimeText() = default;
  std::array<char, kSize + 1> text_;
};

// The parameters of kInsertFrame for one record. Views into the datagram and into this object, which can be used again
// and then allocates nothing.
class FrameRow {
 public:
  FrameRow() = default;
  FrameRow(const FrameRow&) = delete;
  FrameRow& operator=(const FrameRow&) = delete;

  void set(std::string_view collector, const ingest::Datagram& datagram, const ingest::Decoded& decoded,
           const ingest::Record& record);

  [[nodiscard]] std::span<const db::Value> values() const { return values_; }

 private:
  static constexpr std::size_t kColumns = 13;
  std::array<std::byte, 8> digest_;
  std::array<std::uint8_t, 16> peer_ip_;
  std::optional<DatetimeText> device_time_;
  std::string fields_;
  std::array<db::Value, kColumns> values_;
};

// The parameters of kInsertDeadLetter. Views into the datagram and into this object.
class DeadLetterRow {
 public:
  // What a row takes in a request besides its raw bytes, at most.
  static constexpr std::size_t kMostBesidesRaw = 1536;

  // `reason` is "conflict" or "refused"; `error` is what the database said.
  DeadLetterRow(std::string_view collector, const ingest::Datagram& datagram, const ingest::Decoded& decoded,
                const ingest::Record& record, std::string_view reason, std::string_view error);
  DeadLetterRow(const DeadLetterRow&) = delete;
  DeadLetterRow& operator=(const DeadLetterRow&) = delete;

  // Keeps no more raw bytes than fit a request of `request_bytes`, and says so in the column `error`. True: some are
  // left out.
  bool cut_to(std::size_t request_bytes);

  // Of a request, at most.
  [[nodiscard]] std::size_t wire_size() const { return kMostBesidesRaw + raw_.size(); }
  [[nodiscard]] std::span<const db::Value> values() const { return values_; }

 private:
  static constexpr std::size_t kColumns = 13;
  std::array<std::byte, 8> digest_;
  std::array<std::uint8_t, 16> peer_ip_;
  std::string error_;
  db::Bytes raw_;
  std::array<db::Value, kColumns> values_;
};

}  // namespace hilera
