// LineReader: reads lines of bounded length from a stream.

#pragma once

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>

#include "greenrt/deadline.h"
#include "greenrt/stream.h"

namespace hilera {

class LineTooLong : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class LineReader {
 public:
  // `limit`: bytes of a line, without its end. The stream must outlive the reader.
  LineReader(greenrt::Stream& stream, std::size_t limit) : stream_(stream), limit_(limit) {}

  // Yields until there is a line, which it returns without its '\n'; none at the end of the stream (what follows the
  // last
  // '\n' is no line). Throws LineTooLong, after which the reader is of no use, and what Stream::read_some throws.
  std::optional<std::string> read_line(greenrt::Deadline deadline);

 private:
  greenrt::Stream& stream_;
  std::size_t limit_;
  std::string buffer_;
};

}  // namespace hilera
