#include "tests/fuzz/fuzz.h"

#include <cstdio>
#include <cstdlib>

namespace fuzz {
namespace {

std::vector<const Target*>& targets() {
  static std::vector<const Target*> all;
  return all;
}

}  // namespace

Target::Target(std::string_view name, Body body) : name_(name), body_(body) {
  targets().push_back(this);
}

const Target* find_target(std::string_view name) {
  for (const Target* target : targets())
    if (target->name() == name) return target;
  return nullptr;
}

std::string target_names() {
  std::string names;
  for (const Target* target : targets())
    names.append(names.empty() ? "" : " ").append(target->name());
  return names;
}

void check(bool holds, std::string_view promise, const char* file, int line) {
  if (holds) return;
  std::fprintf(stderr, "%s:%d: broken: %.*s\n", file, line, static_cast<int>(promise.size()), promise.data());
  std::abort();
}

std::vector<std::byte> copy_of(Bytes bytes) {
  std::vector<std::byte> copy(bytes.begin(), bytes.end());
  copy.shrink_to_fit();
  return copy;
}

std::string text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::uint8_t take_byte(Bytes& input) {
  if (input.empty()) return 0;
  const auto first = std::to_integer<std::uint8_t>(input.front());
  input = input.subspan(1);
  return first;
}

}  // namespace fuzz
