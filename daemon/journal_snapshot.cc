#include "daemon/journal_snapshot.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "daemon/journal_files.h"

namespace hilera {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 2> kLogs{"-wal", "-journal"};
constexpr std::string_view kOpenFiles = "/proc/self/fd/";
constexpr std::uint64_t kNoLimit = 1ULL << 60;
constexpr std::chrono::hours kLongerThanAnyReading{24 * 365};

std::string reason(int error) {
  return std::generic_category().message(error);
}

[[noreturn]] void fail(const fs::path& path, const std::string& what) {
  throw std::runtime_error(path.string() + ": " + what);
}

std::vector<SegmentName> segments_of(const fs::path& directory) {
  std::vector<SegmentName> names;
  for (const auto& file : fs::directory_iterator(directory)) {
    if (const auto name = SegmentName::parse(file.path().filename().string())) names.push_back(*name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool has_log(const fs::path& segment) {
  return std::any_of(kLogs.begin(), kLogs.end(),
                     [&](std::string_view log) { return fs::exists(segment.string() + std::string(log)); });
}

void copy_segment(const fs::path& segment, const fs::path& folder) {
  fs::copy_file(segment, folder / segment.filename());
  for (const std::string_view log : kLogs) {
    const fs::path file = segment.string() + std::string(log);
    if (fs::exists(file)) fs::copy_file(file, folder / file.filename());
  }
}

// Shared, of a file that is not written. None where there is no such file.
class Lock {
 public:
  explicit Lock(const fs::path& directory) : fd_(::open((directory / "lock").c_str(), O_RDONLY | O_CLOEXEC)) {
    if (fd_ < 0 && errno != ENOENT) fail(directory, "cannot be read: " + reason(errno));
    if (fd_ < 0 || ::flock(fd_, LOCK_SH | LOCK_NB) == 0) return;
    const int error = errno;
    ::close(fd_);
    fail(directory, error == EWOULDBLOCK ? "in use by a running daemon" : reason(error));
  }
  ~Lock() {
    if (fd_ >= 0) ::close(fd_);
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  int fd_;
};

// There may be more segments than a process usually has open files.
void allow_many_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);  // if it is not enough, opening says so
}

// Names here are absolute.
int resolve_once(sqlite3_vfs*, const char* name, int size, char* full_name) {
  std::error_code not_a_link;
  fs::path path = fs::read_symlink(name, not_a_link);
  if (not_a_link) path = name;
  if (path.native().size() >= static_cast<std::size_t>(size)) return SQLITE_CANTOPEN;
  std::strcpy(full_name, path.c_str());
  return SQLITE_OK;
}

// As SQLite opens files, but for its refusal of symbolic links, which those of /proc are.
int open_file(const char* name, int flags, int mode) {
  return ::open(name, std::string_view(name).starts_with(kOpenFiles) ? flags & ~O_NOFOLLOW : flags, mode);
}

// The layer of SQLite that reaches open files by their names in /proc. The usual one resolves such a name by itself to
// that of the file, which may be gone.
const std::string& vfs_of_open_files() {
  static const std::string name = [] {
    sqlite3_vfs* usual = sqlite3_vfs_find(nullptr);
    static sqlite3_vfs vfs = *usual;
    vfs.pNext = nullptr;
    vfs.zName = "hilera-open-files";
    vfs.xFullPathname = resolve_once;
    if (usual->xSetSystemCall(usual, "open", reinterpret_cast<sqlite3_syscall_ptr>(open_file)) != SQLITE_OK ||
        sqlite3_vfs_register(&vfs, 0) != SQLITE_OK) {
      throw std::runtime_error("SQLite cannot be told how to reach open files");
    }
    return std::string(vfs.zName);
  }();
  return name;
}

}  // namespace

JournalSnapshot::OpenFiles::~OpenFiles() {
  for (const int descriptor : descriptors_)
    ::close(descriptor);
}

fs::path JournalSnapshot::OpenFiles::open(const fs::path& file) {
  descriptors_.reserve(descriptors_.size() + 1);
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail(file, "cannot be read: " + reason(errno));
  descriptors_.push_back(descriptor);
  return std::string(kOpenFiles) + std::to_string(descriptor);
}

JournalSnapshot::Folder::Folder() {
  std::error_code error;
  const fs::path parent = fs::temp_directory_path(error);
  if (error) fail("TMPDIR", error.message());
  std::string path = (fs::absolute(parent) / "hilera-journal-XXXXXX").string();
  if (!::mkdtemp(path.data())) fail(path, "cannot be created: " + reason(errno));
  path_ = path;
}

JournalSnapshot::Folder::~Folder() {
  std::error_code ignored;  // there is nobody to tell, and it is temporary in any case
  fs::remove_all(path_, ignored);
}

JournalSnapshot::JournalSnapshot(const fs::path& directory) {
  const Lock lock(directory);
  const std::vector<SegmentName> names = segments_of(directory);
  if (names.empty()) fail(directory, "holds no journal");
  allow_many_files();
  for (const SegmentName& name : names) {
    const fs::path segment = directory / name.to_string();
    if (name == names.back() || has_log(segment)) {
      copy_segment(segment, folder_.path());
    } else {
      fs::create_symlink(sealed_.open(segment), folder_.path() / segment.filename());
    }
  }
}

JournalSnapshot::~JournalSnapshot() = default;

JournalOptions JournalSnapshot::options() const {
  return {.directory = folder_.path().string(),
          .max_size = kNoLimit,
          .segment_size = kNoLimit,
          .grace = kLongerThanAnyReading,
          .vfs = vfs_of_open_files()};
}

std::size_t JournalSnapshot::damaged() const {
  const fs::path quarantine = folder_.path() / "quarantine";
  if (!fs::exists(quarantine)) return 0;
  return segments_of(quarantine).size();
}

}  // namespace hilera
