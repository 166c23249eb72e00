#include "tests/daemon/folder_sync_fault.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace hilera::testing {
namespace {

std::atomic<bool> armed = false;
std::atomic<std::size_t> struck = 0;

bool is_folder(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
}

}  // namespace

FolderSyncFault::FolderSyncFault() {
  struck = 0;
  armed = true;
}

FolderSyncFault::~FolderSyncFault() {
  armed = false;
}

std::size_t FolderSyncFault::hits() const {
  return struck;
}

}  // namespace hilera::testing

extern "C" int fsync(int fd) {
  using namespace hilera::testing;
  if (is_folder(fd) && armed.exchange(false)) {
    ++struck;
    errno = EIO;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_fsync, fd));
}
