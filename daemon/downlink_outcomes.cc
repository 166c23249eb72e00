#include "daemon/downlink_outcomes.h"

#include <chrono>
#include <utility>

#include "db/error.h"
#include "greenrt/hub.h"

namespace hilera {
namespace {

constexpr std::chrono::seconds kPause{1};  // after a failure of the database
constexpr std::size_t kLongestText = 1024;

}  // namespace

DownlinkOutcomes::~DownlinkOutcomes() {
  const greenrt::Shield shield;
  stop(std::chrono::seconds(0));
}

void DownlinkOutcomes::start() {
  greenlet_ = greenrt::spawn([this] { run(); });
  greenlet_->set_name("downlink outcomes");
  greenlet_->set_kind(greenrt::Hub::current().kind("downlink outcomes"));
}

void DownlinkOutcomes::stop(greenrt::Deadline deadline) {
  while (greenlet_ && !waiting_.empty()) {
    written_.clear();
    if (!written_.wait(deadline)) break;
  }
  if (greenlet_) std::exchange(greenlet_, nullptr)->kill();
  if (waiting_.empty()) return;
  reporter_.warn("downlink_answer_given_up", std::to_string(waiting_.size()) + " answers", "the daemon ends");
  counters_.given_up += waiting_.size();
  waiting_.clear();
}

void DownlinkOutcomes::note(std::string_view nserie, const ingest::DownlinkAnswer& answer,
                            std::string_view unproved_codec) noexcept {
  if (nserie.empty()) {
    ++counters_.unknown;
    return;
  }
  try {
    if (waiting_.size() == kMostWaiting) {
      reporter_.warn("downlink_answer_given_up", waiting_.front().nserie, "too many wait for the database");
      waiting_.pop_front();
      ++counters_.given_up;
    }
    waiting_.push_back({std::string(nserie), answer, std::string(answer.text.substr(0, kLongestText)), unproved_codec});
    work_.set();
  } catch (const std::bad_alloc&) {
    ++counters_.given_up;
  }
}

void DownlinkOutcomes::run() {
  while (true) {
    while (waiting_.empty()) {
      work_.clear();
      work_.wait();
    }
    try {
      write_front();
    } catch (const std::exception& error) {
      reporter_.warn("downlink_answer_waits", waiting_.empty() ? "" : waiting_.front().nserie, error.what());
      greenrt::sleep(kPause);
    }
  }
}

void DownlinkOutcomes::write_front() {
  const Waiting front = waiting_.front();
  // While it is written, it may be given up for newer ones.
  const std::uint64_t given_up = counters_.given_up;
  const auto done = [&] {
    if (counters_.given_up == given_up) waiting_.pop_front();
    written_.set();
  };
  try {
    const bool known = table_.mark_answered(front.nserie, front.answer, front.text, front.unproved_codec);
    done();
    known ? count(front.answer.outcome) : void(++counters_.unknown);
    if (known && on_written_) on_written_(front.nserie);
  } catch (const db::Error& error) {
    // What is refused for what it holds must not keep the others waiting.
    if (error.error_class() != db::ErrorClass::kPoisonRow) throw;
    done();
    ++counters_.given_up;
    reporter_.warn("downlink_answer_given_up", front.nserie, error.what());
  }
}

void DownlinkOutcomes::count(ingest::DownlinkAnswer::Outcome outcome) {
  switch (outcome) {
    case ingest::DownlinkAnswer::Outcome::kDelivered:
      ++counters_.delivered;
      break;
    case ingest::DownlinkAnswer::Outcome::kFailed:
      ++counters_.refused;
      break;
    case ingest::DownlinkAnswer::Outcome::kNotNow:
      ++counters_.postponed;
      break;
  }
}

}  // namespace hilera
