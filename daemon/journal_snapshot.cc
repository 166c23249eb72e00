#include "daemon/journal_snapshot.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <iterator>
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
constexpr std::uint64_t kNoLimit = 1ULL << 60;
constexpr std::chrono::hours kLongerThanAnyReading{24 * 365};

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

}  // namespace

JournalSnapshot::Lock::Lock(const fs::path& directory)
    : fd_(::open((directory / "lock").c_str(), O_RDONLY | O_CLOEXEC)) {
  if (fd_ < 0 && errno != ENOENT) fail(directory, "cannot be read: " + std::generic_category().message(errno));
  if (fd_ < 0 || ::flock(fd_, LOCK_SH | LOCK_NB) == 0) return;
  const int error = errno;
  ::close(fd_);
  fail(directory, error == EWOULDBLOCK ? "in use by a running daemon" : std::generic_category().message(error));
}

JournalSnapshot::Lock::~Lock() {
  if (fd_ >= 0) ::close(fd_);
}

JournalSnapshot::Folder::Folder() {
  std::error_code error;
  std::string path = (fs::temp_directory_path(error) / "hilera-journal-XXXXXX").string();
  if (error) fail("TMPDIR", error.message());
  if (!::mkdtemp(path.data())) fail(path, "cannot be created: " + std::generic_category().message(errno));
  path_ = path;
}

JournalSnapshot::Folder::~Folder() {
  std::error_code ignored;  // there is nobody to tell, and it is temporary in any case
  fs::remove_all(path_, ignored);
}

JournalSnapshot::JournalSnapshot(const fs::path& directory) : lock_(directory) {
  const std::vector<SegmentName> names = segments_of(directory);
  if (names.empty()) fail(directory, "holds no journal");
  const fs::path original = fs::absolute(directory);
  for (const SegmentName& name : names) {
    const fs::path segment = original / name.to_string();
    if (name == names.back() || has_log(segment)) {
      copy_segment(segment, folder_.path());
    } else {
      fs::create_symlink(segment, folder_.path() / segment.filename());
    }
  }
}

JournalSnapshot::~JournalSnapshot() = default;

JournalOptions JournalSnapshot::options() const {
  return {.directory = folder_.path().string(),
          .max_size = kNoLimit,
          .segment_size = kNoLimit,
          .grace = kLongerThanAnyReading};
}

std::size_t JournalSnapshot::damaged() const {
  const fs::path quarantine = folder_.path() / "quarantine";
  if (!fs::exists(quarantine)) return 0;
  return segments_of(quarantine).size();
}

}  // namespace hilera
