#include "ingest/frame_id.h"

#include <sodium.h>

#include <array>

#include "ingest/byte_reader.h"

namespace ingest {
namespace {

constexpr unsigned kHashBits = 20;
constexpr std::uint64_t kHashMask = (std::uint64_t{1} << kHashBits) - 1;
constexpr std::uint64_t kTimeLimit = std::uint64_t{1} << 43;
constexpr std::uint64_t kNoTime = std::uint64_t{1} << 63;

}  // namespace

std::optional<std::int64_t> usable_device_time(std::uint64_t milliseconds) {
  if (milliseconds == 0 || milliseconds >= kTimeLimit) return std::nullopt;
  return static_cast<std::int64_t>(milliseconds);
}

RecordKey content_key(std::optional<std::int64_t> device_time, Bytes content, Bytes context) {
  std::array<std::byte, crypto_generichash_BYTES_MIN> hash;
  crypto_generichash_state state;
  crypto_generichash_init(&state, nullptr, 0, hash.size());
  for (const Bytes part : {context, content})
    crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(part.data()), part.size());
  crypto_generichash_final(&state, reinterpret_cast<unsigned char*>(hash.data()), hash.size());
  ByteReader reader(hash);
  const auto digest = reader.read<std::uint64_t>();
  const auto rest = reader.read<std::uint64_t>();
  if (!device_time) return {.frame_id = kNoTime | rest, .digest = digest};
  return {.frame_id = static_cast<std::uint64_t>(*device_time) << kHashBits | (rest & kHashMask), .digest = digest};
}

void identify(std::span<Record> records) {
  for (Record& record : records) {
    if (record.digest != 0) continue;
    const RecordKey key = content_key(record.device_time, record.bytes);
    record.digest = key.digest;
    if (record.frame_id == 0) record.frame_id = key.frame_id;
  }
}

}  // namespace ingest
