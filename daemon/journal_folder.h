// JournalFolder: all the segments of the journal, for one thread: what is found at the start, which segment is written,
// when a new one begins, what is deleted. Has no queue and no retries: see journal_worker.h.
//
// Segments follow each other by name, and each counts up to where the next one begins: what is written again after a
// fault is read from the later file only. The last one is written; it is replaced when it is large enough, and after
// every fault but a full disk.
//
// Blocks. The calls that write throw sqlite::Error or std::system_error, and have then made nothing durable.

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "daemon/journal.h"
#include "daemon/journal_files.h"
#include "daemon/journal_reader.h"
#include "daemon/journal_segment.h"

namespace hilera {

class JournalFolder {
 public:
  // Throws std::runtime_error that names the folder.
  explicit JournalFolder(const JournalOptions& options);
  // Leaves the last segment to be written on.
  ~JournalFolder();

  [[nodiscard]] const Journal::Found& found() const { return found_; }

  // Durable when it returns, and with it the position. Begins a segment where there is none to write.
  void commit(std::span<const ingest::Entry* const> entries);
  // Begins a segment when the last one is large enough. What goes wrong with the old one does not matter any more.
  void rotate();

  // Within what there is.
  void set_position(const StorePosition& position);
  [[nodiscard]] bool position_waits() const { return position_waits_; }
  void write_position() { commit({}); }
  // Whether the disk takes anything: the same, and room for some more.
  void probe();

  // Removes the segments that nobody needs any more and whose grace is over, or for which the journal is too large.
  void remove_covered(greenrt::Clock::time_point now);
  // For `bytes` more within max_size, removes segments without grace, as far as there are any. False: there was nothing
  // to remove.
  bool make_room(std::uint64_t bytes);
  // Of those that make_room() would remove.
  [[nodiscard]] std::uint64_t spare_bytes() const;
  // When remove_covered() has something to do next.
  [[nodiscard]] std::optional<greenrt::Clock::time_point> removal_due() const;

  // Adds what the next few hundred places hold; false when the page is complete.
  bool read_some(const JournalReader::Wanted& wanted, Journal::Page& page);

  [[nodiscard]] std::int64_t last_place() const { return last_place_; }
  [[nodiscard]] std::uint64_t bytes() const;
  [[nodiscard]] std::size_t segments() const { return segments_.size(); }
  // The arrival of the first row behind the position; 0: there is none.
  [[nodiscard]] std::int64_t oldest_arrival();

 private:
  struct Segment {
    SegmentName name;
    std::int64_t end = 0;  // what is behind it is not this segment's; of the one being written: its last place
    std::optional<JournalReader::Known> known;
    std::uint64_t bytes = 0;  // of a sealed one
    bool damaged = false;
    std::optional<greenrt::Clock::time_point> covered_since;
  };

  struct Opening;
  using Segments = std::vector<Segment>;

  void open_all();
  std::optional<Segment> examine(const SegmentName& name, Opening& opening);
  void look_into(Segment& segment, bool end_is_exact, Opening& opening);
  std::int64_t leap_over(const Segment& segment, std::int64_t last);
  void put_aside(const SegmentName& name);
  void follow_the_rest(const SegmentName& gone);
  std::uint64_t records_behind_position(Segment& segment);
  void count_found();

  void begin_segment(std::int64_t first_place);
  void close_current();
  [[nodiscard]] StorePosition within_what_there_is(const StorePosition& position) const;
  bool remove_first();
  bool remove(Segment& segment);

  Segments::iterator segment_behind(std::int64_t place);
  JournalReader& reader_of(Segment& segment);
  void close_read();
  void note_damage(Segment& segment);

  const JournalOptions& options_;
  JournalSegment::Options segment_options_;
  std::uint64_t segment_size_;
  JournalFiles files_;
  Journal::Found found_;
  HashKey hash_key_{};
  Segments segments_;  // in order
  std::uint32_t sequence_ = 0;
  std::int64_t last_place_ = 0;
  std::int64_t follows_ = 0;  // up to here the segments that are there count, when one more begins
  std::int64_t last_arrival_ = 0;
  StorePosition position_;
  bool position_waits_ = false;

  std::unique_ptr<JournalSegment> current_;  // of segments_.back(); none after a fault
  std::unique_ptr<JournalReader> current_reader_;
  // The one that was read last.
  std::optional<SegmentName> open_name_;
  std::unique_ptr<JournalSegment> open_;
  std::unique_ptr<JournalReader> open_reader_;
  // Places that the disk has refused to give ever since, by where the page that was read has come to.
  std::map<std::int64_t, greenrt::Clock::time_point> refused_since_;
};

}  // namespace hilera
