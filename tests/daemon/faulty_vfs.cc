#include "tests/daemon/faulty_vfs.h"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <iterator>
#include <new>
#include <optional>

namespace hilera::testing {
namespace {

namespace fs = std::filesystem;
using Content = std::vector<char>;

Content read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Write {
  std::size_t offset;
  Content bytes;  // none: the file is cut there
};

struct Memory {
  Content synced;
  std::vector<Write> since;
};

void apply(const Write& write, Content& content) {
  if (write.bytes.empty()) {
    content.resize(write.offset);
    return;
  }
  content.resize(std::max(content.size(), write.offset + write.bytes.size()));
  std::copy(write.bytes.begin(), write.bytes.end(), content.begin() + static_cast<std::ptrdiff_t>(write.offset));
}

}  // namespace

struct FaultyVfs::Internals {
  sqlite3_vfs vfs{};
  sqlite3_vfs* real = nullptr;
  bool remember = false;
  mutable std::mutex mutex;
  struct Plan {
    int skip = 0;
    int left = 0;
    Failure failure = Failure::kIoError;
  };
  std::array<Plan, 4> plans;
  std::array<int, 4> counts{};
  std::string broken_file;
  sqlite3_int64 broken_offset = 0;
  std::map<std::string, Memory> memory;

  bool is_broken(const std::string& path, sqlite3_int64 offset, int size) const {
    const std::lock_guard lock(mutex);
    return path == broken_file && broken_offset >= offset && broken_offset < offset + size;
  }

  std::optional<Failure> next(Operation operation) {
    const std::lock_guard lock(mutex);
    ++counts[static_cast<std::size_t>(operation)];
    Plan& plan = plans[static_cast<std::size_t>(operation)];
    if (plan.left == 0) return std::nullopt;
    if (plan.skip > 0) {
      --plan.skip;
      return std::nullopt;
    }
    if (plan.left > 0) --plan.left;
    return plan.failure;
  }
};

namespace {

using Internals = FaultyVfs::Internals;
using Operation = FaultyVfs::Operation;

struct FaultyFile : sqlite3_file {
  Internals* internals;
  std::string* path;
  sqlite3_file* real;
};

FaultyFile& of(sqlite3_file* file) {
  return *static_cast<FaultyFile*>(file);
}

int failure_code(std::optional<FaultyVfs::Failure> failure, int io_error) {
  if (!failure) return SQLITE_OK;
  return *failure == FaultyVfs::Failure::kFull ? SQLITE_FULL : io_error;
}

void remember(FaultyFile& file, Write write) {
  if (!file.internals->remember) return;
  const std::lock_guard lock(file.internals->mutex);
  file.internals->memory[*file.path].since.push_back(std::move(write));
}

int close_file(sqlite3_file* file) {
  const int code = of(file).real->pMethods->xClose(of(file).real);
  delete of(file).path;
  return code;
}
int read(sqlite3_file* file, void* to, int size, sqlite3_int64 offset) {
  if (of(file).internals->is_broken(*of(file).path, offset, size)) return SQLITE_IOERR_READ;
  if (const int code = failure_code(of(file).internals->next(Operation::kRead), SQLITE_IOERR_READ)) return code;
  return of(file).real->pMethods->xRead(of(file).real, to, size, offset);
}
int write(sqlite3_file* file, const void* from, int size, sqlite3_int64 offset) {
  if (const int code = failure_code(of(file).internals->next(Operation::kWrite), SQLITE_IOERR_WRITE)) {
    // Half of it has got there.
    of(file).real->pMethods->xWrite(of(file).real, from, size / 2, offset);
    return code;
  }
  const char* const bytes = static_cast<const char*>(from);
  remember(of(file), {static_cast<std::size_t>(offset), {bytes, bytes + size}});
  return of(file).real->pMethods->xWrite(of(file).real, from, size, offset);
}
int truncate(sqlite3_file* file, sqlite3_int64 size) {
  remember(of(file), {static_cast<std::size_t>(size), {}});
  return of(file).real->pMethods->xTruncate(of(file).real, size);
}
int sync(sqlite3_file* file, int flags) {
  Internals& internals = *of(file).internals;
  if (const int code = failure_code(internals.next(Operation::kSync), SQLITE_IOERR_FSYNC)) return code;
  if (!internals.remember) return of(file).real->pMethods->xSync(of(file).real, flags);
  const std::lock_guard lock(internals.mutex);
  Memory& memory = internals.memory[*of(file).path];
  for (const Write& each : memory.since)
    apply(each, memory.synced);
  memory.since.clear();
  return SQLITE_OK;
}
int file_size(sqlite3_file* file, sqlite3_int64* size) {
  return of(file).real->pMethods->xFileSize(of(file).real, size);
}
int lock(sqlite3_file* file, int level) {
  return of(file).real->pMethods->xLock(of(file).real, level);
}
int unlock(sqlite3_file* file, int level) {
  return of(file).real->pMethods->xUnlock(of(file).real, level);
}
int check_lock(sqlite3_file* file, int* result) {
  return of(file).real->pMethods->xCheckReservedLock(of(file).real, result);
}
int control(sqlite3_file* file, int operation, void* argument) {
  return of(file).real->pMethods->xFileControl(of(file).real, operation, argument);
}
int sector_size(sqlite3_file* file) {
  return of(file).real->pMethods->xSectorSize(of(file).real);
}
int characteristics(sqlite3_file* file) {
  return of(file).real->pMethods->xDeviceCharacteristics(of(file).real);
}

constexpr sqlite3_io_methods kMethods{.iVersion = 1,  // no shared memory: the journal needs none
                                      .xClose = close_file,
                                      .xRead = read,
                                      .xWrite = write,
                                      .xTruncate = truncate,
                                      .xSync = sync,
                                      .xFileSize = file_size,
                                      .xLock = lock,
                                      .xUnlock = unlock,
                                      .xCheckReservedLock = check_lock,
                                      .xFileControl = control,
                                      .xSectorSize = sector_size,
                                      .xDeviceCharacteristics = characteristics};

int open_file(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out_flags) {
  auto& internals = *static_cast<Internals*>(vfs->pAppData);
  file->pMethods = nullptr;
  if (const int code = failure_code(internals.next(Operation::kOpen), SQLITE_CANTOPEN)) return code;
  auto* const faulty = new (file) FaultyFile;
  faulty->internals = &internals;
  faulty->real = reinterpret_cast<sqlite3_file*>(faulty + 1);
  const int code = internals.real->xOpen(internals.real, path, faulty->real, flags, out_flags);
  faulty->pMethods = nullptr;
  if (code != SQLITE_OK) return code;
  faulty->path = new std::string(path != nullptr ? path : "");
  faulty->pMethods = &kMethods;
  if (internals.remember) {
    const std::lock_guard guard(internals.mutex);
    if (!internals.memory.contains(*faulty->path)) internals.memory[*faulty->path].synced = read_file(*faulty->path);
  }
  return SQLITE_OK;
}

int delete_file(sqlite3_vfs* vfs, const char* path, int sync_folder) {
  auto& internals = *static_cast<Internals*>(vfs->pAppData);
  {
    const std::lock_guard guard(internals.mutex);
    internals.memory.erase(path);
  }
  return internals.real->xDelete(internals.real, path, sync_folder);
}

}  // namespace

FaultyVfs::FaultyVfs(bool remember_writes) : internals_(std::make_unique<Internals>()) {
  static int made = 0;
  name_ = "faulty-" + std::to_string(++made);
  internals_->real = sqlite3_vfs_find(nullptr);
  internals_->remember = remember_writes;
  sqlite3_vfs& vfs = internals_->vfs;
  vfs = *internals_->real;
  vfs.pNext = nullptr;
  vfs.zName = name_.c_str();
  vfs.szOsFile = static_cast<int>(sizeof(FaultyFile)) + internals_->real->szOsFile;
  vfs.pAppData = internals_.get();
  vfs.xOpen = open_file;
  vfs.xDelete = delete_file;
  // The others get the real layer's own data.
  vfs.xAccess = [](sqlite3_vfs* self, const char* path, int flags, int* result) {
    sqlite3_vfs* const real = static_cast<Internals*>(self->pAppData)->real;
    return real->xAccess(real, path, flags, result);
  };
  vfs.xFullPathname = [](sqlite3_vfs* self, const char* path, int size, char* result) {
    sqlite3_vfs* const real = static_cast<Internals*>(self->pAppData)->real;
    return real->xFullPathname(real, path, size, result);
  };
  sqlite3_vfs_register(&vfs, 0);
}

FaultyVfs::~FaultyVfs() {
  sqlite3_vfs_unregister(&internals_->vfs);
}

void FaultyVfs::fail(Operation operation, Failure failure, int skip, int count) {
  const std::lock_guard lock(internals_->mutex);
  internals_->plans[static_cast<std::size_t>(operation)] = {.skip = skip, .left = count, .failure = failure};
}

void FaultyVfs::break_sector(const fs::path& file, std::size_t offset) {
  const std::lock_guard lock(internals_->mutex);
  internals_->broken_file = file.string();
  internals_->broken_offset = static_cast<sqlite3_int64>(offset);
}

void FaultyVfs::heal() {
  const std::lock_guard lock(internals_->mutex);
  internals_->plans = {};
  internals_->broken_file.clear();
}

int FaultyVfs::count(Operation operation) const {
  const std::lock_guard lock(internals_->mutex);
  return internals_->counts[static_cast<std::size_t>(operation)];
}

void FaultyVfs::crash(const fs::path& folder, const fs::path& copy, std::mt19937_64& random) const {
  const std::lock_guard lock(internals_->mutex);
  fs::create_directories(copy);
  for (const auto& file : fs::directory_iterator(folder)) {
    if (!file.is_regular_file()) continue;
    Content content;
    const auto memory = internals_->memory.find(file.path().string());
    if (memory != internals_->memory.end()) {
      content = memory->second.synced;
      for (const Write& write : memory->second.since)
        if (random() % 2 == 0) apply(write, content);
    } else {
      content = read_file(file.path());
    }
    std::ofstream(copy / file.path().filename(), std::ios::binary)
        .write(content.data(), static_cast<std::streamsize>(content.size()));
  }
}

}  // namespace hilera::testing
