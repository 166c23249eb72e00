#include "daemon/frame_row.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <cstring>

#include "daemon/logging.h"
#include "ingest/listener.h"

namespace hilera {
namespace {

constexpr std::size_t kLongestError = 512;  // characters of dead_letter.error

// As stored in BINARY(8): big-endian.
std::array<std::byte, 8> digest_bytes(std::uint64_t digest) {
  std::array<std::byte, 8> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::byte>(digest >> (56 - 8 * i));
  return bytes;
}

// A DATETIME(3) literal in UTC, which is the time zone of our sessions.
std::string datetime(std::chrono::sys_time<std::chrono::milliseconds> time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  return fmt::format("{:%Y-%m-%d %H:%M:%S}.{:03}", fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)),
                     (time - seconds).count());
}

db::Value optional_text(const std::string& text) {
  return text.empty() ? db::Value() : db::Value(text);
}

// An INET6 column takes IPv4 addresses only in their mapped form.
std::string inet6_text(const greenrt::SocketAddress& address) {
  const std::string host = address.host();
  return host.find(':') == std::string::npos ? "::ffff:" + host : host;
}

}  // namespace

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

FrameRow::FrameRow(std::string_view collector, const ingest::Datagram& datagram, const ingest::Decoded& decoded,
                   const ingest::Record& record)
    : digest_(digest_bytes(record.digest)),
      device_time_(record.device_time ? datetime(std::chrono::sys_time<std::chrono::milliseconds>(
                                            std::chrono::milliseconds(*record.device_time)))
                                      : std::string()),
      peer_ip_(inet6_text(datagram.path.peer)) {
  const ingest::Listener& listener = *datagram.listener;
  listener.codec().append_fields(datagram.bytes, record, fields_);
  values_ = {decoded.nserie,
             record.frame_id,
             listener.codec().name(),
             datagram.arrival,
             collector,
             db::Bytes(digest_),
             optional_text(device_time_),
             listener.name(),
             peer_ip_,
             datagram.path.peer.port(),
             static_cast<unsigned>(decoded.auth_level),
             fields_,
             listener.store_raw() ? db::Value(db::Bytes(datagram.bytes)) : db::Value()};
}

DeadLetterRow::DeadLetterRow(std::string_view collector, const ingest::Datagram& datagram,
                             const ingest::Decoded& decoded, const ingest::Record& record, std::string_view reason,
                             std::string_view error)
    : digest_(digest_bytes(record.digest)),
      peer_ip_(inet6_text(datagram.path.peer)),
      error_(printable(error).substr(0, kLongestError)) {
  const ingest::Listener& listener = *datagram.listener;
  values_ = {datagram.arrival,
             collector,
             reason,
             error_,
             listener.name(),
             listener.codec().name(),
             decoded.nserie,
             record.frame_id,
             db::Bytes(digest_),
             peer_ip_,
             datagram.path.peer.port(),
             static_cast<unsigned>(decoded.auth_level),
             db::Bytes(datagram.bytes)};
}

}  // namespace hilera
