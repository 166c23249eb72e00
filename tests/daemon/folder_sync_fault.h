// A fault of the next fsync of a folder: this binary's own fsync stands before that of libc. Any thread; one at a time.

#pragma once

#include <cstddef>

namespace hilera::testing {

class FolderSyncFault {
 public:
  FolderSyncFault();
  ~FolderSyncFault();
  FolderSyncFault(const FolderSyncFault&) = delete;
  FolderSyncFault& operator=(const FolderSyncFault&) = delete;

  // How many calls have failed so far: 0 or 1.
  [[nodiscard]] std::size_t hits() const;
};

}  // namespace hilera::testing
