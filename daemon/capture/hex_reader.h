// HexReader: datagrams as a person writes them: one a line, in hexadecimal digits of either case. Spaces and tabs are
// left out; an empty line, and what follows '#', is nothing.

#pragma once

#include <istream>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/capture/captured.h"

namespace hilera::capture {

class HexReader final : public Reader {
 public:
  // `first`: what was read from `in` already. `name` is what errors call the file.
  HexReader(std::unique_ptr<std::istream> in, std::string_view first, std::string name);

  bool next(Captured& captured) override;

 private:
  bool next_line();
  void parse(std::vector<std::byte>& bytes) const;

  std::unique_ptr<std::istream> in_;
  std::string first_;
  std::string name_;
  std::string line_;
  std::size_t number_ = 0;
};

}  // namespace hilera::capture
