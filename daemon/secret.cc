#include "daemon/secret.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace hilera {

namespace {

constexpr std::size_t kMaxSecret = 1024;
constexpr std::string_view kCredential = "credential:";

std::string path_of(std::string_view source) {
  if (!source.starts_with(kCredential)) return std::string(source);
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  if (directory == nullptr) {
    throw SecretError(std::string(source) + ": systemd passed no credentials (CREDENTIALS_DIRECTORY is not set)");
  }
  return std::string(directory).append("/").append(source.substr(kCredential.size()));
}

class File {
 public:
  explicit File(const std::string& path) : path_(path), fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (fd_ < 0) fail();
    if (fstat(fd_, &status_) != 0) {
      const int error = errno;
      close(fd_);
      errno = error;
      fail();
    }
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { close(fd_); }

  [[nodiscard]] bool regular() const { return S_ISREG(status_.st_mode); }
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(status_.st_size); }

  // At most `limit` bytes. The memory is taken at once, so that growing leaves no copy of a secret behind.
  [[nodiscard]] std::string read_up_to(std::size_t limit) const {
    std::string text(limit, '\0');
    std::size_t size = 0;
    while (size < limit) {
      const ssize_t got = read(fd_, text.data() + size, limit - size);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail();
      if (got == 0) break;
      size += static_cast<std::size_t>(got);
    }
    text.resize(size);
    return text;
  }

  [[nodiscard]] std::string warning() const {
    const bool everybodys = S_ISREG(status_.st_mode) && (status_.st_mode & S_IROTH) != 0;
    return everybodys ? path_ + " can be read by everybody; use chmod o-r" : std::string();
  }

 private:
  [[noreturn]] void fail() const { throw SecretError(path_ + ": " + std::generic_category().message(errno)); }

  std::string path_;
  int fd_;
  struct stat status_ {};
};

}  // namespace

Secret::~Secret() {
  sodium_memzero(value.data(), value.capacity());
}

bool is_withheld(std::string_view source) {
  return source.starts_with(kCredential) && std::getenv("CREDENTIALS_DIRECTORY") == nullptr;
}

Secret read_secret(std::string_view source) {
  const std::string path = path_of(source);
  const File file(path);
  std::string line = file.read_up_to(kMaxSecret + 2);
  line.resize(std::min(line.size(), line.find('\n')));
  if (line.ends_with('\r')) line.pop_back();
  if (line.empty()) throw SecretError(path + ": its first line is empty, expected a secret");
  if (line.size() > kMaxSecret) {
    throw SecretError(path + ": its first line is longer than " + std::to_string(kMaxSecret) + " bytes");
  }
  return {std::move(line), file.warning()};
}

Secret read_secret_file(std::string_view source, std::size_t limit) {
  const std::string path = path_of(source);
  const File file(path);
  if (!file.regular()) throw SecretError(path + ": is not a file");
  if (file.size() > limit) throw SecretError(path + ": is larger than " + std::to_string(limit) + " bytes");
  return {file.read_up_to(file.size()), file.warning()};
}

}  // namespace hilera
