#include "daemon/capture/hex_reader.h"

#include <utility>

namespace hilera::capture {
namespace {

constexpr std::size_t kLongestDatagram = 65535;
constexpr std::string_view kBlank = " \t\r";

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

HexReader::HexReader(std::unique_ptr<std::istream> in, std::string_view first, std::string name)
    : in_(std::move(in)), first_(first), name_(std::move(name)) {}

bool HexReader::next(Captured& captured) {
  captured = {};
  while (captured.bytes.empty()) {
    if (!next_line()) return false;
    parse(captured.bytes);
  }
  return true;
}

bool HexReader::next_line() {
  line_.clear();
  // What was looked at to tell the kind of file may hold line ends itself.
  const auto end = first_.find('\n');
  if (end != std::string::npos) {
    line_ = first_.substr(0, end);
    first_.erase(0, end + 1);
  } else {
    std::string rest;
    const bool more = static_cast<bool>(std::getline(*in_, rest));
    if (in_->bad()) throw CaptureError(name_ + ": cannot be read");
    if (!more && first_.empty()) return false;
    line_ = std::exchange(first_, {}) + rest;
  }
  ++number_;
  return true;
}

void HexReader::parse(std::vector<std::byte>& bytes) const {
  const auto fail = [this](const std::string& what) -> CaptureError {
    return CaptureError(name_ + ":" + std::to_string(number_) + ": " + what);
  };
  int upper = -1;
  for (const char c : std::string_view(line_).substr(0, line_.find('#'))) {
    if (kBlank.find(c) != std::string_view::npos) continue;
    const int value = digit(c);
    if (value < 0) throw fail("neither a pcap file nor hexadecimal digits");
    if (upper < 0) {
      upper = value;
      continue;
    }
    if (bytes.size() == kLongestDatagram) throw fail("longer than a datagram can be");
    bytes.push_back(static_cast<std::byte>(upper << 4 | value));
    upper = -1;
  }
  if (upper >= 0) throw fail("an odd number of digits");
}

}  // namespace hilera::capture
