#include "daemon/secret.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <system_error>

namespace hilera {

namespace {

constexpr std::size_t kMaxSecret = 1024;
constexpr std::string_view kCredential = "credential:";

std::string path_of(std::string_view source) {
  if (!source.starts_with(kCredential)) return std::string(source);
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  if (directory == nullptr) {
    throw std::runtime_error(std::string(source) +
                             ": systemd passed no credentials (CREDENTIALS_DIRECTORY is not set)");
  }
  return std::string(directory).append("/").append(source.substr(kCredential.size()));
}

class File {
 public:
  explicit File(const std::string& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (fd_ < 0) throw std::runtime_error(path + ": " + std::generic_category().message(errno));
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { close(fd_); }

  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

Secret read_secret(std::string_view source) {
  const std::string path = path_of(source);
  const File file(path);
  struct stat status {};
  if (fstat(file.fd(), &status) != 0) throw std::runtime_error(path + ": " + std::generic_category().message(errno));

  std::array<char, kMaxSecret + 2> buffer{};
  std::size_t size = 0;
  while (size < buffer.size()) {
    const ssize_t got = read(file.fd(), buffer.data() + size, buffer.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw std::runtime_error(path + ": " + std::generic_category().message(errno));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }

  std::string_view line(buffer.data(), size);
  line = line.substr(0, line.find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.empty()) throw std::runtime_error(path + ": its first line is empty, expected a secret");
  if (line.size() > kMaxSecret) {
    throw std::runtime_error(path + ": its first line is longer than " + std::to_string(kMaxSecret) + " bytes");
  }

  Secret secret{std::string(line), {}};
  if (S_ISREG(status.st_mode) && (status.st_mode & S_IROTH) != 0) {
    secret.warning = path + " can be read by everybody; use chmod o-r";
  }
  return secret;
}

}  // namespace hilera
