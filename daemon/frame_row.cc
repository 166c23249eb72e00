#include "daemon/frame_row.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "daemon/logging.h"
#include "ingest/origin.h"

namespace hilera {
namespace {

using std::chrono::days;
using std::chrono::milliseconds;

constexpr std::size_t kLongestError = 512;     // characters of dead_letter.error
constexpr std::size_t kErrorColumn = 3;        // of kInsertDeadLetter
constexpr std::size_t kMostFieldsKept = 4096;  // bytes of JSON; room for more is given back
constexpr std::chrono::sys_time<milliseconds> kFirstDatetime = std::chrono::sys_days(std::chrono::year(1000) / 1 / 1);
constexpr std::chrono::sys_time<milliseconds> kEndOfDatetime = std::chrono::sys_days(std::chrono::year(10000) / 1 / 1);

std::optional<DatetimeText> datetime_of(const ingest::Record& record) {
  return record.device_time ? DatetimeText::of(*record.device_time) : std::nullopt;
}

// So many decimal digits, and what follows them. Returns the end.
char* write_digits(char* to, unsigned value, unsigned digits, char after) {
  for (unsigned i = digits; i-- > 0; value /= 10)
    to[i] = static_cast<char>('0' + value % 10);
  to[digits] = after;
  return to + digits + 1;
}

}  // namespace

std::array<std::byte, 8> digest_bytes(std::uint64_t digest) {
  std::array<std::byte, 8> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::byte>(digest >> (56 - 8 * i));
  return bytes;
}

const std::string_view kInsertFrame =
    "INSERT INTO frame (nserie, frame_id, codec, arrival, collector, digest, device_time, listener, peer_ip, "
    "peer_port, auth_level, fields, raw) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON DUPLICATE KEY UPDATE arrival = arrival RETURNING arrival, digest";

const std::string_view kInsertDeadLetter =
    "INSERT INTO dead_letter (arrival, collector, reason, error, listener, codec, nserie, frame_id, digest, peer_ip, "
    "peer_port, auth_level, raw) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE id = id";

RecordOutcome classify_answer(const db::Row& answer, const ingest::Datagram& datagram, const ingest::Record& record) {
  const auto ours = digest_bytes(record.digest);
  const auto theirs = answer.bytes(1);
  if (theirs.size() != ours.size() || std::memcmp(theirs.data(), ours.data(), ours.size()) != 0) {
    return RecordOutcome::kConflict;
  }
  return answer.int64(0) == datagram.arrival ? RecordOutcome::kStored : RecordOutcome::kDuplicate;
}

std::optional<DatetimeText> DatetimeText::of(std::int64_t milliseconds_since_1970) {
  const std::chrono::sys_time<milliseconds> time{milliseconds(milliseconds_since_1970)};
  if (time < kFirstDatetime || time >= kEndOfDatetime) return std::nullopt;
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  DatetimeText result;
  char* end = result.text_.data();
  end = write_digits(end, static_cast<unsigned>(static_cast<int>(date.year())), 4, '-');
  end = write_digits(end, static_cast<unsigned>(date.month()), 2, '-');
  end = write_digits(end, static_cast<unsigned>(date.day()), 2, ' ');
  end = write_digits(end, static_cast<unsigned>(clock.hours().count()), 2, ':');
  end = write_digits(end, static_cast<unsigned>(clock.minutes().count()), 2, ':');
  end = write_digits(end, static_cast<unsigned>(clock.seconds().count()), 2, '.');
  write_digits(end, static_cast<unsigned>(clock.subseconds().count()), 3, '\0');
  return result;
}

void FrameRow::set(std::string_view collector, const ingest::Datagram& datagram, const ingest::Decoded& decoded,
                   const ingest::Record& record) {
  const ingest::Origin& origin = *datagram.origin;
  digest_ = digest_bytes(record.digest);
  peer_ip_ = datagram.path.peer.mapped();
  device_time_ = datetime_of(record);
  fields_.clear();
  if (fields_.capacity() > kMostFieldsKept) fields_.shrink_to_fit();
  origin.codec->append_fields(datagram.bytes, record, fields_);
  values_ = {decoded.nserie,
             record.frame_id,
             origin.codec->name(),
             datagram.arrival,
             collector,
             db::Bytes(digest_),
             device_time_ ? db::Value(device_time_->view()) : db::Value(),
             origin.listener,
             db::Bytes(std::as_bytes(std::span(peer_ip_))),
             datagram.path.peer.port(),
             static_cast<unsigned>(decoded.auth_level),
             fields_,
             origin.store_raw ? db::Value(db::Bytes(datagram.bytes)) : db::Value()};
}

DeadLetterRow::DeadLetterRow(std::string_view collector, const ingest::Datagram& datagram,
                             const ingest::Decoded& decoded, const ingest::Record& record, std::string_view reason,
                             std::string_view error)
    : digest_(digest_bytes(record.digest)),
      peer_ip_(datagram.path.peer.mapped()),
      error_(printable(error).substr(0, kLongestError)),
      raw_(datagram.bytes) {
  const ingest::Origin& origin = *datagram.origin;
  values_ = {datagram.arrival,
             collector,
             reason,
             error_,
             origin.listener,
             origin.codec->name(),
             decoded.nserie,
             record.frame_id,
             db::Bytes(digest_),
             db::Bytes(std::as_bytes(std::span(peer_ip_))),
             datagram.path.peer.port(),
             static_cast<unsigned>(decoded.auth_level),
             raw_};
}

bool DeadLetterRow::cut_to(std::size_t request_bytes) {
  const std::size_t room = request_bytes - std::min(request_bytes, kMostBesidesRaw);
  if (raw_.size() <= room) return false;
  const std::string note = "cut to " + std::to_string(room) + " of " + std::to_string(raw_.size()) +
                           " bytes, for the server's max_allowed_packet; ";
  error_ = (note + error_).substr(0, kLongestError);
  raw_ = raw_.first(room);
  values_[kErrorColumn] = error_;
  values_.back() = raw_;
  return true;
}

}  // namespace hilera
