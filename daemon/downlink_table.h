// DownlinkTable: the table `downlink` as the transmitter's source, and as operators fill and read it.
//
// A row is `queued` until an attempt to send it succeeded (`sent`), the last attempt failed (`failed`), or its time was
// over (`expired`). It is `delivered` when its device says so, and never before. An attempt is counted, and leased to
// this collector, in a commit of its own before the frame is sent; a row whose lease ran out without an outcome belongs
// to a collector that died in between: it is tried again while it has attempts left and its time is not over, and says
// at its end that an outcome is unknown.
//
// due() goes through the rows in the order of not_before, each call with work for its own rows only, however many wait
// for devices that nobody hears. What has no attempt or no time left is settled on the way, every few seconds.
//
// Nothing is due, and nothing can be added or cancelled, while a StoreGate is closed; what is under way is marked.
//
// Every call yields and throws db::Error. Marks are tried again until `time_limit`: a lost one sends a frame twice.

#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/store_gate.h"
#include "db/pool.h"
#include "ingest/codec.h"
#include "ingest/downlink_source.h"

namespace hilera {

class DownlinkTable final : public ingest::DownlinkSource {
 public:
  // `pool` and `gate` must outlive it; without a gate it is always open. Each call takes at most `time_limit`.
  DownlinkTable(std::string collector, db::ConnectionPool& pool, greenrt::Duration time_limit,
                StoreGate* gate = nullptr)
      : collector_(std::move(collector)), pool_(pool), time_limit_(time_limit), gate_(gate) {}

  std::vector<ingest::Downlink> due(std::size_t limit) override;
  bool begin_attempt(const ingest::Downlink& downlink) override;
  void mark_sent(const ingest::Downlink& downlink) override;
  void mark_failed(const ingest::Downlink& downlink, std::string_view error, bool retry) override;

  // What a device says of a frame that was sent to it: delivered, refused for ever, or to be sent again later while it
  // has attempts left. False when there is none, or its end was known before.
  bool mark_answered(std::string_view nserie, const ingest::DownlinkAnswer& answer, std::string_view text);

  // For an end at once: breaks off the mark that is under way. Once the pool is closed, none is tried again. Never
  // yields.
  void break_off();

  struct NewDownlink {
    std::string nserie;
    std::vector<std::byte> payload;
    std::optional<std::chrono::seconds> delay;       // not before then
    std::optional<std::chrono::seconds> expires_in;  // none: never
    std::optional<std::uint64_t> max_attempts;       // none: the table's default
  };
  // The number of the new row.
  std::uint64_t add(const NewDownlink& downlink);

  // True when the row was still queued.
  bool cancel(std::uint64_t id);

  struct Row {
    std::uint64_t id = 0;
    std::string nserie;
    std::string state;
    std::string created_at;
    std::uint64_t attempts = 0;
    std::string sent_at;     // empty: not sent
    std::string last_error;  // empty: none
    std::uint64_t payload_size = 0;
  };
  // The newest rows first; empty `nserie` and `state` mean any.
  std::vector<Row> list(std::string_view nserie, std::string_view state, std::uint64_t limit);

 private:
  struct Cursor {
    std::string not_before = "1000-01-01 00:00:00";
    std::uint64_t id = 0;
  };

  db::Lease acquire_to_change(greenrt::Deadline deadline);
  void settle_overdue(db::Connection& connection, greenrt::Deadline deadline);
  void mark(std::string_view statement, std::initializer_list<db::Value> values);
  void mark_once(std::string_view statement, std::initializer_list<db::Value> values, greenrt::Deadline deadline);

  std::string collector_;
  db::ConnectionPool& pool_;
  greenrt::Duration time_limit_;
  StoreGate* gate_;
  greenrt::Deadline settle_at_ = greenrt::Duration::zero();
  Cursor cursor_;                      // due() goes on behind it
  db::Connection* marking_ = nullptr;  // what a mark is using
};

}  // namespace hilera
