#include "daemon/journal_files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <system_error>
#include <utility>

namespace hilera {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "segment-";
constexpr std::string_view kSuffix = ".db";
constexpr std::array<std::string_view, 3> kParts{"", "-wal", "-journal"};
constexpr std::size_t kPlaceDigits = 19;
constexpr std::size_t kSequenceDigits = 8;
constexpr std::string_view kHexDigits = "0123456789abcdef";

[[noreturn]] void fail(const fs::path& path, const char* what) {
  throw std::system_error(errno, std::generic_category(), path.string() + ": " + what);
}

std::string padded(std::string text, std::size_t digits) {
  return std::string(digits - std::min(digits, text.size()), '0') + text;
}

template <typename Integer>
bool take_number(std::string_view& text, std::size_t digits, Integer& value) {
  if (text.size() < digits + 1 || text[digits] != '-') return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value);
  if (error != std::errc{} || end != text.data() + digits) return false;
  text.remove_prefix(digits + 1);
  return true;
}

bool take_salt(std::string_view text, JournalSalt& salt) {
  if (text.size() != 2 * salt.size()) return false;
  for (std::size_t i = 0; i < salt.size(); ++i) {
    const auto high = kHexDigits.find(text[2 * i]);
    const auto low = kHexDigits.find(text[2 * i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return false;
    salt[i] = static_cast<std::byte>(high << 4 | low);
  }
  return true;
}

void sync_folder(const fs::path& path) {
  const int folder = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) fail(path, "cannot be opened");
  const int result = ::fsync(folder);
  const int error = errno;
  ::close(folder);
  errno = error;
  if (result != 0) fail(path, "cannot be synced");
}

void make_folder(const fs::path& path) {
  std::error_code ignored;
  fs::create_directories(path.parent_path(), ignored);  // if there is none then, the next call says why
  if (::mkdir(path.c_str(), 0700) == 0) {
    sync_folder(path.has_parent_path() ? path.parent_path() : fs::path("."));
  } else if (errno != EEXIST) {
    fail(path, "cannot be created");
  }
}

// The database goes first: a log without its database is nothing, but a database without its log lacks rows.
void remove_file(const std::string& file) {
  for (const std::string_view part : kParts) {
    if (::unlink((file + std::string(part)).c_str()) != 0 && errno != ENOENT) fail(file, "cannot be removed");
  }
}

}  // namespace

std::string SegmentName::to_string() const {
  std::string text(kPrefix);
  text += padded(std::to_string(first_place), kPlaceDigits) + '-' + padded(std::to_string(sequence), kSequenceDigits);
  text += '-';
  for (const std::byte byte : salt) {
    text += kHexDigits[std::to_integer<std::size_t>(byte >> 4)];
    text += kHexDigits[std::to_integer<std::size_t>(byte & std::byte{15})];
  }
  return text += kSuffix;
}

std::optional<SegmentName> SegmentName::parse(std::string_view text) {
  if (!text.starts_with(kPrefix) || !text.ends_with(kSuffix)) return std::nullopt;
  text.remove_prefix(kPrefix.size());
  text.remove_suffix(kSuffix.size());
  SegmentName name;
  if (!take_number(text, kPlaceDigits, name.first_place) || !take_number(text, kSequenceDigits, name.sequence) ||
      !take_salt(text, name.salt) || name.first_place < 1) {
    return std::nullopt;
  }
  return name;
}

JournalFiles::JournalFiles(fs::path directory) : directory_(std::move(directory)) {
  make_folder(directory_);
  const fs::path lock = directory_ / "lock";
  lock_ = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0) fail(lock, "cannot be opened");
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    ::close(lock_);
    errno = error;
    fail(directory_, error == EWOULDBLOCK ? "in use by another process" : "cannot be locked");
  }
}

JournalFiles::~JournalFiles() {
  ::close(lock_);
}

std::string JournalFiles::path(const SegmentName& name) const {
  return (directory_ / name.to_string()).string();
}

fs::path JournalFiles::quarantine() const {
  return directory_ / "quarantine";
}

std::vector<SegmentName> JournalFiles::segments() const {
  std::vector<SegmentName> names;
  for (const auto& file : fs::directory_iterator(directory_)) {
    if (const auto name = SegmentName::parse(file.path().filename().string())) names.push_back(*name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string JournalFiles::unnamed() const {
  return (directory_ / "unnamed.db").string();
}

std::string JournalFiles::create_unnamed() const {
  const std::string file = unnamed();
  remove_file(file);
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) fail(file, "cannot be created");
  ::close(fd);
  return file;
}

void JournalFiles::name_created(const SegmentName& name) const {
  if (::rename(unnamed().c_str(), path(name).c_str()) != 0) fail(unnamed(), "cannot be renamed");
  sync_directory();
}

void JournalFiles::sync_directory() const {
  sync_folder(directory_);
}

std::uint64_t JournalFiles::bytes(const SegmentName& name) const {
  std::uint64_t sum = 0;
  const std::string file = path(name);
  for (const std::string_view part : kParts) {
    struct stat status {};
    if (::stat((file + std::string(part)).c_str(), &status) == 0) sum += static_cast<std::uint64_t>(status.st_size);
  }
  return sum;
}

bool JournalFiles::has_log(const SegmentName& name) const {
  const std::string file = path(name);
  return ::access((file + "-wal").c_str(), F_OK) == 0 || ::access((file + "-journal").c_str(), F_OK) == 0;
}

void JournalFiles::remove(const SegmentName& name) const {
  remove_file(path(name));
  sync_directory();
}

void JournalFiles::probe_room(std::int64_t bytes) const {
  const std::string file = (directory_ / "probe").string();
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) fail(file, "cannot be created");
  const int error = ::posix_fallocate(fd, 0, bytes);
  ::close(fd);
  ::unlink(file.c_str());
  errno = error;
  if (error != 0) fail(file, "has no room");
}

void JournalFiles::remove_orphans() const {
  remove_file(unnamed());
  std::vector<fs::path> orphans;
  for (const auto& file : fs::directory_iterator(directory_)) {
    const std::string text = file.path().filename().string();
    const std::size_t suffix = text.find(kSuffix);
    if (suffix == std::string::npos) continue;
    const auto name = SegmentName::parse(std::string_view(text).substr(0, suffix + kSuffix.size()));
    if (name && text != name->to_string() && !fs::exists(directory_ / name->to_string()))
      orphans.push_back(file.path());
  }
  for (const fs::path& orphan : orphans)
    fs::remove(orphan);
}

void JournalFiles::keep_aside(const SegmentName& name) const {
  make_folder(quarantine());
  const fs::path aside = quarantine() / name.to_string();
  if (::link(path(name).c_str(), aside.c_str()) != 0 && errno != EEXIST) {
    fs::copy_file(path(name), aside, fs::copy_options::skip_existing);
  }
  sync_folder(quarantine());
}

void JournalFiles::move_aside(const SegmentName& name) const {
  make_folder(quarantine());
  const std::string file = path(name);
  const std::string aside = (quarantine() / name.to_string()).string();
  for (const std::string_view part : kParts) {
    const std::string from = file + std::string(part);
    const std::string to = aside + std::string(part);
    ::unlink(to.c_str());  // two names of one file cannot be made one by rename()
    if (::rename(from.c_str(), to.c_str()) != 0 && errno != ENOENT) fail(from, "cannot be moved to quarantine");
  }
  sync_folder(quarantine());
  sync_directory();
}

}  // namespace hilera
