#include "daemon/line_reader.h"

#include <array>

namespace hilera {

std::optional<std::string> LineReader::read_line(greenrt::Deadline deadline) {
  std::size_t searched = 0;
  while (true) {
    const std::size_t end = buffer_.find('\n', searched);
    if (end != std::string::npos && end <= limit_) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    if (buffer_.size() > limit_) throw LineTooLong("a line is longer than " + std::to_string(limit_) + " bytes");
    searched = buffer_.size();
    std::array<std::byte, 4096> bytes;
    const std::size_t size = stream_.read_some(bytes, deadline);
    if (size == 0) return std::nullopt;
    buffer_.append(reinterpret_cast<const char*>(bytes.data()), size);
  }
}

}  // namespace hilera
