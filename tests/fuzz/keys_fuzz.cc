// Target keys: the text of a file of keys or passwords; the first byte says which.

#include <string>

#include "ingest/key_ring.h"
#include "tests/fuzz/fuzz.h"

namespace {

using fuzz::check;

void run(fuzz::Bytes input) {
  const auto form = fuzz::take_byte(input) % 2 == 0 ? ingest::KeyForm::kDeviceKeys : ingest::KeyForm::kPasswords;
  const std::string text = fuzz::text_of(input);
  try {
    const auto ring = ingest::KeyRing::parse(text, form, "keys");
    check(!ring->names(""), "nobody is called nothing");
    const std::string name = text.substr(0, text.find_first_of(": "));
    if (ring->device_key(name, 0)) check(ring->size() > 0, "a key is of the ring");
    if (ring->password(name)) check(ring->names(name) && ring->size() > 0, "who has a password is named");
  } catch (const ingest::KeyFileError& error) {
    check(std::string_view(error.what()).starts_with("keys:"), "a refusal has a reason and a place");
  }
}

const fuzz::Target kTarget("keys", run);

}  // namespace
