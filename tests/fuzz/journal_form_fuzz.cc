// Target journal_form: an entry of the journal with the right checksum, as a file that somebody wrote on purpose would
// hold it, and the same with a byte changed.

#include <algorithm>
#include <cstring>

#include "daemon/journal_form.h"
#include "ingest/origin.h"
#include "tests/fuzz/fuzz.h"

namespace {

using fuzz::check;

constexpr std::int64_t kPlace = 77;
constexpr std::size_t kChecksumSize = sizeof(std::int64_t);

template <typename View>
bool lies_within(View part, fuzz::Bytes whole) {
  const auto bytes = std::as_bytes(std::span(part.data(), part.size()));
  return bytes.data() >= whole.data() && bytes.data() + bytes.size() <= whole.data() + whole.size();
}

void run(fuzz::Bytes input) {
  static const hilera::JournalChecksum checksum(hilera::JournalSalt{});
  auto packed = fuzz::copy_of(input);
  if (packed.size() < kChecksumSize) return;

  const std::int64_t right = checksum.of_row(kPlace, std::span(packed).subspan(kChecksumSize));
  std::memcpy(packed.data(), &right, sizeof right);
  check(!hilera::unpack(kPlace + 1, packed, checksum), "an entry is right at its place only");
  const auto form = hilera::unpack(kPlace, packed, checksum);
  if (!form) return;
  check(lies_within(form->listener, packed) && lies_within(form->codec, packed) && lies_within(form->bytes, packed) &&
            lies_within(form->peer_ip, packed),
        "all parts lie in the entry");
  check(form->peer_ip.size() == 16, "an address has 16 bytes");
  check(hilera::peek_domain(packed) == form->domain, "the domain is the one that was seen beforehand");
  check(form->listener.size() + form->codec.size() + form->bytes.size() < packed.size(), "no part is there twice");
  const auto at = static_cast<std::size_t>(right) % packed.size();
  packed[at] ^= std::byte{1};
  check(!hilera::unpack(kPlace, packed, checksum), "an entry that was changed is damaged");
}

const fuzz::Target kTarget("journal_form", run);

}  // namespace
