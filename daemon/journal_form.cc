#include "daemon/journal_form.h"

#include <array>
#include <bit>
#include <cstring>
#include <type_traits>

#include "ingest/codec.h"
#include "ingest/origin.h"

namespace hilera {
namespace {

struct Head {
  std::int64_t checksum;
  std::int64_t arrival;
  std::array<std::byte, 16> peer_ip;
  std::uint32_t domain;
  std::uint32_t records;
  std::uint16_t peer_port;
  std::uint16_t listener_size;
  std::uint16_t codec_size;
  std::uint16_t auth_level;
};
static_assert(std::endian::native == std::endian::little);
static_assert(std::has_unique_object_representations_v<Head>);

constexpr std::size_t kChecked = offsetof(Head, arrival);

std::byte* append(std::byte* to, std::span<const std::byte> bytes) {
  if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
  return to + bytes.size();
}

}  // namespace

void pack(const ingest::Entry& entry, const JournalChecksum& checksum, std::vector<std::byte>& out) {
  const ingest::Datagram& datagram = entry.datagram;
  const auto listener = std::as_bytes(std::span(datagram.origin->listener));
  const auto codec = std::as_bytes(std::span(datagram.origin->codec->name()));
  Head head{.checksum = 0,
            .arrival = datagram.arrival,
            .peer_ip = std::bit_cast<std::array<std::byte, 16>>(datagram.path.peer.mapped()),
            .domain = entry.domain,
            .records = static_cast<std::uint32_t>(entry.decoded.records.size()),
            .peer_port = datagram.path.peer.port(),
            .listener_size = static_cast<std::uint16_t>(listener.size()),
            .codec_size = static_cast<std::uint16_t>(codec.size()),
            .auth_level = static_cast<std::uint16_t>(entry.decoded.auth_level)};
  out.resize(sizeof head + listener.size() + codec.size() + datagram.bytes.size());
  std::memcpy(out.data(), &head, sizeof head);
  append(append(append(out.data() + sizeof head, listener), codec), datagram.bytes);
  head.checksum = checksum.of_row(entry.place, std::span(out).subspan(kChecked));
  std::memcpy(out.data(), &head.checksum, sizeof head.checksum);
}

std::optional<std::uint32_t> peek_domain(std::span<const std::byte> packed) {
  if (packed.size() < sizeof(Head)) return std::nullopt;
  std::uint32_t domain = 0;
  std::memcpy(&domain, packed.data() + offsetof(Head, domain), sizeof domain);
  return domain;
}

std::optional<JournalForm> unpack(std::int64_t place, std::span<const std::byte> packed,
                                  const JournalChecksum& checksum) {
  Head head;
  if (packed.size() < sizeof head) return std::nullopt;
  std::memcpy(&head, packed.data(), sizeof head);
  if (checksum.of_row(place, packed.subspan(kChecked)) != head.checksum) return std::nullopt;
  const auto rest = packed.subspan(sizeof head);
  const std::size_t names = std::size_t{head.listener_size} + head.codec_size;
  if (rest.size() < names) return std::nullopt;
  const std::string_view text(reinterpret_cast<const char*>(rest.data()), names);
  return JournalForm{.domain = head.domain,
                     .arrival = head.arrival,
                     .listener = text.substr(0, head.listener_size),
                     .codec = text.substr(head.listener_size),
                     .peer_ip = packed.subspan(offsetof(Head, peer_ip), sizeof head.peer_ip),
                     .peer_port = head.peer_port,
                     .auth_level = static_cast<std::uint8_t>(head.auth_level),
                     .records = head.records,
                     .bytes = rest.subspan(names)};
}

}  // namespace hilera
