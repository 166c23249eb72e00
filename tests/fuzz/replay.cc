// Runs each file of a folder through a fuzz target: fuzz-replay TARGET FOLDER.

#include <sodium.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz.h"

namespace {

namespace fs = std::filesystem;

std::vector<char> read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> content(std::istreambuf_iterator<char>(file), {});
  if (file.bad() || !file.is_open()) throw std::runtime_error(path.string() + " cannot be read");
  return content;
}

void replay(const fuzz::Target& target, const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& file : fs::directory_iterator(folder))
    files.push_back(file.path());
  if (files.empty()) throw std::runtime_error(folder.string() + " is empty");
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    std::printf("%s\n", file.filename().c_str());
    std::fflush(stdout);
    const auto content = read_file(file);
    target.run(std::as_bytes(std::span(content)));
  }
  std::printf("%zu inputs\n", files.size());
}

}  // namespace

int main(int argc, char** argv) {
  const fuzz::Target* const target = argc == 3 ? fuzz::find_target(argv[1]) : nullptr;
  if (target == nullptr) {
    std::fprintf(stderr, "usage: fuzz-replay TARGET FOLDER\ntargets: %s\n", fuzz::target_names().c_str());
    return 2;
  }
  try {
    if (sodium_init() < 0) throw std::runtime_error("sodium_init");
    replay(*target, argv[2]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fuzz-replay: %s\n", error.what());
    return 1;
  }
}
