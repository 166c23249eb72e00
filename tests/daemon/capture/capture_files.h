// Files of captures for tests, and what is read from them.

#pragma once

#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/capture/captured.h"
#include "tests/ingest/hex.h"

namespace hilera::capture::testing {

inline std::string write_file(const std::string& path, std::string_view content) {
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

inline std::vector<Captured> read_all(Reader& reader) {
  std::vector<Captured> all;
  for (Captured captured; reader.next(captured);)
    all.push_back(captured);
  return all;
}

// The datagrams as hexadecimal digits, up to the error, if there is one.
inline std::vector<std::string> contents(const std::string& path) {
  std::vector<std::string> texts;
  try {
    const auto reader = open_file(path);
    for (Captured captured; reader->next(captured);)
      texts.push_back(ingest::testing::to_hex(captured.bytes));
  } catch (const CaptureError& error) {
    texts.emplace_back(error.what());
  }
  return texts;
}

}  // namespace hilera::capture::testing
