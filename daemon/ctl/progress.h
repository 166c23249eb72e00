// Progress: one line on a terminal that says how far a long action has come, drawn again and again in its place;
// nothing elsewhere, so that pipes and files stay clean.

#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <string>

namespace hilera::ctl {

class Progress {
 public:
  using Clock = std::chrono::steady_clock;

  // `notes` must outlive it. `shown`: whether it is a terminal.
  Progress(std::ostream& notes, bool shown, Clock::time_point began = Clock::now())
      : notes_(notes), shown_(shown), began_(began) {}
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  [[nodiscard]] bool shown() const { return shown_; }

  // `total` 0: not known. Drawn a few times a second at most.
  void note(std::uint64_t done, std::uint64_t total, Clock::time_point now = Clock::now());

  // Takes the line away, so that something else can be written.
  void clear();

 private:
  std::ostream& notes_;
  bool shown_;
  bool drawn_ = false;
  Clock::time_point began_;
  Clock::time_point last_;
};

// "1200 of 5000 (24 %), 310 a second, 13 s left"
[[nodiscard]] std::string describe_progress(std::uint64_t done, std::uint64_t total,
                                            std::chrono::duration<double> took);

}  // namespace hilera::ctl
