// What the fuzz targets share. A target takes any bytes, hands them to one surface of Hilera, and checks what must hold
// for all of them; the process ends at the first promise that is broken.
//
// All targets are in one program, twice: under libFuzzer, which looks for inputs (preset fuzz, tools/fuzz), and under
// replay.cc, which runs the inputs of corpus/ in the build of the unit tests.
//
// To add a target: one file NAME_fuzz.cc that defines a Target, its line in CMakeLists.txt, and a folder corpus/NAME.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fuzz {

using Bytes = std::span<const std::byte>;

// Registers itself; lives as long as the program.
class Target {
 public:
  using Body = void (*)(Bytes input);

  Target(std::string_view name, Body body);

  [[nodiscard]] std::string_view name() const { return name_; }
  void run(Bytes input) const { body_(input); }

 private:
  std::string_view name_;
  Body body_;
};

// nullptr: there is none of that name.
const Target* find_target(std::string_view name);
std::string target_names();

// Aborts, with the place and what is broken, unless it holds.
// (Not by std::source_location, which clang 14 does not have.)
void check(bool holds, std::string_view promise, const char* file = __builtin_FILE(), int line = __builtin_LINE());

// On the heap and exactly as large as the input, so that a read past its end is seen by AddressSanitizer.
std::vector<std::byte> copy_of(Bytes bytes);
std::string text_of(Bytes bytes);

// Takes the first byte away; 0 when there is none.
std::uint8_t take_byte(Bytes& input);

}  // namespace fuzz
