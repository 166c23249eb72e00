// Entry: a datagram that carries records, on its way into storage, and the place where its frame's greenlet meets those
// who store it.
//
//   new -> durable -> stored        every record has ended, each in its own way
//                  -> left behind   the store will get to it later, from the journal: nobody waits for that
//       -> lost                     it could not be made durable, and is nobody's
//
// Shared, by a counted reference, between the greenlet, the journal and the store. From when it is taken into custody
// until it is durable, its datagram and its records do not change, so that the journal's thread may read them while
// somebody here holds a reference; afterwards the store gives the records their keys.
// Entries are used again, so that a frame allocates nothing of its own once the pipeline is warm. References and
// changes of state belong to the hub's thread.

#pragma once

#include <boost/intrusive_ptr.hpp>

#include <cstdint>
#include <optional>

#include "greenrt/deadline.h"
#include "greenrt/wait_list.h"
#include "ingest/codec.h"
#include "ingest/datagram.h"

namespace ingest {

// How the records of one datagram ended. Their sum is the number of records.
struct StoreResult {
  std::uint32_t stored = 0;
  std::uint32_t duplicate = 0;      // had been stored before, with the same content
  std::uint32_t dead_lettered = 0;  // refused by the database, or in conflict; kept with the datagram's bytes

  [[nodiscard]] AckStatus ack_status() const {
    if (stored > 0) return AckStatus::kStored;
    return duplicate > 0 ? AckStatus::kDuplicate : AckStatus::kRefused;
  }
};

class Entry;
using EntryRef = boost::intrusive_ptr<Entry>;

class Entry {
 public:
  static EntryRef make();
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;

  Datagram datagram;
  Decoded decoded;           // views into `datagram` and into itself
  std::int64_t place = 0;    // in the order of the journal, from 1; 0 before it is taken
  std::uint32_t domain = 0;  // of order: a hash of nserie; set by who takes it

  // For the frame. Yields until it is durable (true) or lost (false).
  bool wait_durable();
  // For the frame. Yields until the records have ended, none when it is left behind, or at the deadline.
  std::optional<StoreResult> wait_stored(greenrt::Deadline deadline);

  // For those who store it. Each at most once, in the order of the picture. Never yield.
  void set_durable() { move_to(State::kDurable); }
  void set_lost() { move_to(State::kLost); }
  void set_stored(const StoreResult& result);
  void leave_behind() { move_to(State::kLeftBehind); }

  [[nodiscard]] bool durable() const { return state_ > State::kLost; }

 private:
  enum class State : std::uint8_t { kNew, kLost, kDurable, kLeftBehind, kStored };

  Entry() = default;
  ~Entry() = default;
  friend struct SpareEntries;
  friend void intrusive_ptr_add_ref(Entry* entry) { ++entry->references_; }
  friend void intrusive_ptr_release(Entry* entry) {
    if (--entry->references_ == 0) recycle(entry);
  }
  static void recycle(Entry* entry) noexcept;
  void move_to(State state);

  std::uint32_t references_ = 0;
  State state_ = State::kNew;
  StoreResult result_;
  greenrt::WaitList waiting_;
};

}  // namespace ingest
