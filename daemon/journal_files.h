// The journal's folder: the names of its segments, the lock that keeps a second process out, and what is done to whole
// files. Blocks; throws std::system_error that names the file.
//
//   lock                                                     held by the process that uses the folder
//   segment-PLACE-SEQUENCE-SALT.db (-wal, -journal)          see journal_segment.h
//   quarantine/                                              damaged segments, for people to look at

#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/journal_checksum.h"

namespace hilera {

// Sorts as the segments follow each other. The later of two that begin at the same place is the one that counts.
struct SegmentName {
  std::int64_t first_place = 0;
  std::uint32_t sequence = 0;
  JournalSalt salt{};  // in the name, so that no damage inside of the file can take it away

  [[nodiscard]] std::string to_string() const;
  static std::optional<SegmentName> parse(std::string_view text);

  friend auto operator<=>(const SegmentName&, const SegmentName&) = default;
};

class JournalFiles {
 public:
  // Makes the folder when there is none, and locks it.
  explicit JournalFiles(std::filesystem::path directory);
  ~JournalFiles();
  JournalFiles(const JournalFiles&) = delete;
  JournalFiles& operator=(const JournalFiles&) = delete;

  [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }
  [[nodiscard]] std::string path(const SegmentName& name) const;

  [[nodiscard]] std::vector<SegmentName> segments() const;  // in order
  // A segment has its name when it is complete, so that none is ever found half made. An empty file, mode 0600; its
  // path.
  [[nodiscard]] std::string create_unnamed() const;
  // Gives it its name, in a way that lasts.
  void name_created(const SegmentName& name) const;
  // Of the segment, with what SQLite keeps beside it.
  [[nodiscard]] std::uint64_t bytes(const SegmentName& name) const;
  [[nodiscard]] bool has_log(const SegmentName& name) const;
  void remove(const SegmentName& name) const;
  // Throws when the disk has no room for so many bytes.
  void probe_room(std::int64_t bytes) const;
  // Logs without their database, and what was never named.
  void remove_orphans() const;
  // Keeps the content for people: a second name when the file system can, so that the first one stays in use.
  void keep_aside(const SegmentName& name) const;
  void move_aside(const SegmentName& name) const;

 private:
  void sync_directory() const;
  [[nodiscard]] std::string unnamed() const;
  [[nodiscard]] std::filesystem::path quarantine() const;

  std::filesystem::path directory_;
  int lock_ = -1;
};

}  // namespace hilera
