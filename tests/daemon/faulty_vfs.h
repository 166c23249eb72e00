// FaultyVfs: a layer between SQLite and the disk that fails when it is told to, and remembers what a loss of power
// would leave. Registered under its name for as long as it lives. Any thread.

#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

namespace hilera::testing {

class FaultyVfs {
 public:
  enum class Operation : std::uint8_t { kOpen, kRead, kWrite, kSync };
  enum class Failure : std::uint8_t { kIoError, kFull };
  static constexpr int kForEver = -1;

  // `remember`: for crash().
  explicit FaultyVfs(bool remember = false);
  ~FaultyVfs();
  FaultyVfs(const FaultyVfs&) = delete;
  FaultyVfs& operator=(const FaultyVfs&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }

  // Of these operations, `skip` still succeed, then `count` fail.
  void fail(Operation operation, Failure failure, int skip = 0, int count = kForEver);
  // Of this file, nothing that holds the byte at `offset` can be read.
  void break_sector(const std::filesystem::path& file, std::size_t offset);
  void heal();
  // How many there have been.
  [[nodiscard]] int count(Operation operation) const;

  // What the folder holds after a loss of power: what was synced, and of the writes since then whichever the disk had
  // got to.
  void crash(const std::filesystem::path& folder, const std::filesystem::path& copy, std::mt19937_64& random) const;

  struct Internals;

 private:
  std::string name_;
  std::unique_ptr<Internals> internals_;
};

}  // namespace hilera::testing
