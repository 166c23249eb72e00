// JournalSnapshot: the journal of a daemon that does not run, to be read without changing anything of it.
//
// A temporary folder that looks like the journal's: it has the sealed segments, which are held open, and copies of the
// last one and of those that still have a log, because a log is recovered by writing. So a Journal can open it, and do
// there what it does with what it finds. The original is locked only while the snapshot is made: a daemon can use it
// afterwards. What that one deletes stays readable here, and keeps its room on the disk as long as the snapshot lives.
// A folder without a lock, which is somebody's copy, is read as it is.
//
// Blocks, for as long as it takes to copy the last segment. Throws std::runtime_error that names what is wrong: no
// journal, in use, no room for the copies.

#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

#include "daemon/journal.h"

namespace hilera {

class JournalSnapshot {
 public:
  explicit JournalSnapshot(const std::filesystem::path& directory);
  // Removes the temporary folder: no Journal may use it any more.
  ~JournalSnapshot();
  JournalSnapshot(const JournalSnapshot&) = delete;
  JournalSnapshot& operator=(const JournalSnapshot&) = delete;

  // To open a Journal on it, which keeps everything as long as it is open.
  [[nodiscard]] JournalOptions options() const;

  // Segments that the Journal has found damaged so far.
  [[nodiscard]] std::size_t damaged() const;

 private:
  // Files that are read where they are, whatever becomes of their names.
  class OpenFiles {
   public:
    OpenFiles() = default;
    ~OpenFiles();
    OpenFiles(const OpenFiles&) = delete;
    OpenFiles& operator=(const OpenFiles&) = delete;

    // A name for the file that holds as long as this object.
    std::filesystem::path open(const std::filesystem::path& file);

   private:
    std::vector<int> descriptors_;
  };
  class Folder {
   public:
    Folder();
    ~Folder();
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

   private:
    std::filesystem::path path_;
  };

  OpenFiles sealed_;
  Folder folder_;
};

}  // namespace hilera
