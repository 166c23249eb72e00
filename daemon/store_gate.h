// StoreGate: whether records may be written: the tables on the current server are known to be those of this program.
//
// Closed until somebody has looked at them, and again when another server, or a restarted one, has taken its place.
// Whoever writes passes it before. Nothing yields but wait_for_change() and pass().

#pragma once

#include <string>
#include <utility>

#include "db/error.h"
#include "greenrt/deadline.h"
#include "greenrt/event.h"

namespace hilera {

class StoreGate {
 public:
  [[nodiscard]] bool is_open() const { return open_; }
  // Why it is closed, for people; empty while it is open, or nobody knows yet.
  [[nodiscard]] const std::string& problem() const { return problem_; }

  void open() { change(true, {}); }
  void close(std::string why) { change(false, std::move(why)); }

  // Yields until it is open. Throws db::Error (kWait), which says why it is closed, as soon as that is known, or at the
  // deadline.
  void pass(greenrt::Deadline deadline) {
    while (!open_) {
      if (!problem_.empty()) throw db::Error(db::ErrorClass::kWait, problem_);
      if (deadline.expired()) throw db::Error(db::ErrorClass::kWait, "nobody has looked at the tables yet");
      wait_for_change(deadline);
    }
  }

  // Yields until it was opened or closed once more, or until the deadline.
  void wait_for_change(greenrt::Deadline deadline) {
    changed_.clear();
    changed_.wait(deadline);
  }

 private:
  void change(bool open, std::string problem) {
    if (open == open_ && problem == problem_) return;
    open_ = open;
    problem_ = std::move(problem);
    changed_.set();
  }

  bool open_ = false;
  std::string problem_;
  greenrt::Event changed_;
};

}  // namespace hilera
