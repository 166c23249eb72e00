// The entry of libFuzzer. The environment variable FUZZ_TARGET names the target.

#include <sodium.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "tests/fuzz/fuzz.h"

namespace {

const fuzz::Target* chosen = nullptr;

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  const char* const name = std::getenv("FUZZ_TARGET");
  chosen = name == nullptr ? nullptr : fuzz::find_target(name);
  if (chosen == nullptr) {
    std::fprintf(stderr, "FUZZ_TARGET must be one of: %s\n", fuzz::target_names().c_str());
    std::exit(2);
  }
  return sodium_init() < 0 ? 2 : 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  chosen->run(std::as_bytes(std::span(data, size)));
  return 0;
}
