// DownlinkTable: the table `downlink` as the transmitter's source, and as operators fill and read it.
//
//   queued -> sent -> delivered   the device says that it has it
//     ^        |----> failed      it refuses, or no answer came to the last attempt
//     |        `----> expired     no answer came, and its time is over
//     `--------'                  no answer came in time, or the device said "not now": the next attempt
//
// A queued row expires, fails when its last attempt could not be sent or ended nobody knows how, or is cancelled. A row
// is `delivered` when its device says so, and never before. One whose protocol has no answers stays `sent`: that is its
// end. The wait for an answer doubles with each attempt, so it is the back-off between them as well.
//
// A device has one row under way at a time: its next one, in the order of not_before and id, follows when that has
// ended. What is under way for one device holds up no other one.
//
// An attempt is counted, and leased to this collector, in a commit of its own before the frame is sent; a row whose
// lease ran out without an outcome belongs to a collector that died in between. It is tried again by the collector that
// hears the device then, unless it is neither idempotent nor recognised by the device, or has no attempt or time left;
// it says at its end that an outcome is unknown.
//
// due() goes through the rows in the order of not_before, each call with work for its own rows only, however many wait
// for devices that nobody hears. What has no attempt or no time left is settled on the way.
//
// Nothing is due, and nothing can be added or cancelled, while a StoreGate is closed; what is under way is marked.
//
// Every call yields and throws db::Error. Marks are tried again until `time_limit`: a lost one sends a frame twice.

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/store_gate.h"
#include "db/pool.h"
#include "ingest/codec.h"
#include "ingest/downlink_source.h"

namespace hilera {

class DownlinkTable final : public ingest::DownlinkSource {
 public:
  static constexpr std::chrono::seconds kAnswerTimeout{30};

  // Rows that have come into a state by what was done here.
  struct Counters {
    std::uint64_t queued = 0;  // added; not those that are tried again
    std::uint64_t sent = 0;    // attempts
    std::uint64_t delivered = 0;
    std::uint64_t expired = 0;
    std::uint64_t failed = 0;
    std::uint64_t cancelled = 0;
  };

  // `pool` and `gate` must outlive it; without a gate it is always open. Each call takes at most `time_limit`. An
  // answer to a first attempt is waited for as long as `answer_timeout`.
  DownlinkTable(std::string collector, db::ConnectionPool& pool, greenrt::Duration time_limit,
                StoreGate* gate = nullptr, greenrt::Duration answer_timeout = kAnswerTimeout)
      : collector_(std::move(collector)),
        pool_(pool),
        time_limit_(time_limit),
        gate_(gate),
        answer_timeout_(answer_timeout) {}

  std::vector<ingest::Downlink> due(std::size_t limit) override;
  std::optional<ingest::Downlink> due_for(std::string_view nserie) override;
  bool begin_attempt(const ingest::Downlink& downlink, const ingest::Attempt& attempt) override;
  void mark_sent(const ingest::Downlink& downlink, bool answered) override;
  void mark_failed(const ingest::Downlink& downlink, std::string_view error, bool retry) override;

  // What a device says of a frame that was sent to it: delivered, refused for ever, or to be sent again later while it
  // has attempts left. False when there is none, or its end was known before. `unproved_codec`: of an answer that
  // proves nothing, where devices of that codec may; false when this one has proved itself before.
  bool mark_answered(std::string_view nserie, const ingest::DownlinkAnswer& answer, std::string_view text,
                     std::string_view unproved_codec = {});

  // For an end at once: breaks off the begin of an attempt, or the mark, that is under way. Once the pool is closed,
  // none is tried again. Never yields.
  void break_off();

  struct NewDownlink {
    std::string nserie;
    std::vector<std::byte> payload;
    std::optional<std::chrono::seconds> delay;       // not before then
    std::optional<std::chrono::seconds> expires_in;  // none: never
    std::optional<std::uint64_t> max_attempts;       // none: the table's default
    bool idempotent = false;                         // may reach the device twice
  };
  // Whether answers wait to be written: nothing ends by silence or by the clock as long as they do. Must not yield or
  // throw.
  void set_answers_wait(std::function<bool()> answers_wait) { answers_wait_ = std::move(answers_wait); }

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

  // All that there is of a row; times that are not there are empty.
  struct Details {
    Row row;
    std::vector<std::byte> payload;
    bool idempotent = false;
    std::uint64_t max_attempts = 0;
    std::string not_before;
    std::string expires_at;
    std::string retry_at;
    std::string delivered_at;
    std::string answer;
    std::string lease_owner;
    std::string lease_until;
  };
  std::optional<Details> find(std::uint64_t id);

  // The codecs with which collectors have heard the device, the last one first.
  std::vector<std::string> codecs_of(std::string_view nserie);

  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  struct Cursor {
    std::string not_before = "1000-01-01 00:00:00";
    std::uint64_t id = 0;
  };

  // A statement about rows by their ids, and what it counts.
  struct End {
    std::string statement;
    std::uint64_t Counters::*counter;
  };

  db::Lease acquire_to_change(greenrt::Deadline deadline);
  void settle_unanswered(db::Connection& connection, greenrt::Deadline deadline);
  void settle_overdue(db::Connection& connection, greenrt::Deadline deadline);
  bool settle(db::Connection& connection, std::string_view which, const std::vector<End>& ends,
              greenrt::Deadline deadline);
  bool postpone(db::Connection& connection, std::string_view nserie, const ingest::DownlinkAnswer& answer,
                greenrt::Deadline deadline);
  std::uint64_t mark(std::string_view statement, std::initializer_list<db::Value> values);
  std::uint64_t mark_once(std::string_view statement, std::initializer_list<db::Value> values,
                          greenrt::Deadline deadline);

  std::string collector_;
  db::ConnectionPool& pool_;
  greenrt::Duration time_limit_;
  StoreGate* gate_;
  greenrt::Duration answer_timeout_;
  std::function<bool()> answers_wait_ = [] { return false; };
  Counters counters_;
  greenrt::Deadline settle_at_ = greenrt::Duration::zero();
  Cursor cursor_;                     // due() goes on behind it
  db::Connection* in_use_ = nullptr;  // by an attempt's begin, or a mark
};

}  // namespace hilera
