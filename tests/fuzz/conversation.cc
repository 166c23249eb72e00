#include "tests/fuzz/conversation.h"

#include <stdlib.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <system_error>

#include "greenrt/hub.h"

namespace fuzz {
namespace {

constexpr std::chrono::seconds kLimit{20};

class Folder {
 public:
  Folder() : path_("/tmp/hilera-fuzz-XXXXXX") {
    if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("mkdtemp: " + path_);
    socket_ = path_ + "/socket";
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] const std::string& socket() const { return socket_; }

 private:
  std::string path_;
  std::string socket_;
};

}  // namespace

const std::string& socket_path() {
  static const Folder folder;
  return folder.socket();
}

std::string converse(const std::string& path, Bytes sent) {
  auto stream = greenrt::Stream::connect_unix(path, kLimit);
  try {
    stream.write_all(sent, kLimit);
    stream.shutdown_write();
  } catch (const std::system_error& error) {
    const bool gone = error.code() == std::errc::broken_pipe || error.code() == std::errc::connection_reset ||
                      error.code() == std::errc::not_connected;
    check(gone, "a peer fails to send only because the server has closed");
  }
  std::string answer;
  std::array<std::byte, 4096> buffer;
  try {
    while (const std::size_t size = stream.read_some(buffer, kLimit))
      answer += text_of(std::span(buffer).first(size));
  } catch (const std::system_error& error) {
    check(error.code() == std::errc::connection_reset, "a connection ends, or is reset");
  }
  return answer;
}

void run_in_hub(const std::function<void()>& body) {
  greenrt::Hub hub;
  hub.set_error_handler([](std::string_view context, const std::exception_ptr& /*error*/) { check(false, context); });
  hub.run(body);
}

}  // namespace fuzz
