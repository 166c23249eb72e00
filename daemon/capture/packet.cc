#include "daemon/capture/packet.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "ingest/byte_reader.h"
#include "ingest/byte_writer.h"

namespace hilera::capture {
namespace {

using greenrt::SocketAddress;
using ingest::ByteReader;
using ingest::Bytes;
using ingest::ByteWriter;

constexpr std::uint16_t kEtherIpv4 = 0x0800;
constexpr std::uint16_t kEtherIpv6 = 0x86DD;
constexpr std::uint16_t kEtherVlan = 0x8100;
constexpr std::uint16_t kEtherServiceVlan = 0x88A8;
constexpr std::size_t kUdpHeader = 8;
constexpr std::size_t kIpv4Header = 20;
constexpr std::uint16_t kFragmentBits = 0x3FFF;  // more follow, and where this one belongs
constexpr std::uint8_t kHops = 64;

SocketAddress address_of(Bytes digits) {
  SocketAddress address;
  if (digits.size() == sizeof(in_addr)) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(address.raw());
    v4->sin_family = AF_INET;
    std::memcpy(&v4->sin_addr, digits.data(), digits.size());
  } else {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(address.raw());
    v6->sin6_family = AF_INET6;
    std::memcpy(&v6->sin6_addr, digits.data(), digits.size());
  }
  return address;
}

PacketKind read_udp(Bytes source, Bytes destination, Bytes payload, Captured& captured) {
  ByteReader reader(payload);
  const auto source_port = reader.read<std::uint16_t>();
  const auto destination_port = reader.read<std::uint16_t>();
  const auto length = reader.read<std::uint16_t>();
  reader.read<std::uint16_t>();  // the checksum
  if (length < kUdpHeader) return reader.ok() ? PacketKind::kNotUdp : PacketKind::kCut;
  const Bytes bytes = reader.take(length - kUdpHeader);
  if (!reader.ok()) return PacketKind::kCut;
  captured.source = address_of(source);
  captured.source->set_port(source_port);
  captured.destination = address_of(destination);
  captured.destination->set_port(destination_port);
  captured.bytes.assign(bytes.begin(), bytes.end());
  return PacketKind::kDatagram;
}

PacketKind read_ipv4(Bytes packet, Captured& captured) {
  ByteReader reader(packet);
  const auto version_and_size = reader.read<std::uint8_t>();
  reader.read<std::uint8_t>();  // the class of service
  const auto total = reader.read<std::uint16_t>();
  reader.read<std::uint16_t>();  // the number of the datagram
  const auto fragment = reader.read<std::uint16_t>();
  reader.read<std::uint8_t>();  // how many hops are left
  const auto protocol = reader.read<std::uint8_t>();
  reader.read<std::uint16_t>();  // the checksum
  const Bytes source = reader.take(sizeof(in_addr));
  const Bytes destination = reader.take(sizeof(in_addr));
  if (!reader.ok()) return PacketKind::kCut;
  const std::size_t header = std::size_t{4} * (version_and_size & 0x0FU);
  if (version_and_size >> 4 != 4 || header < kIpv4Header || total < header) return PacketKind::kNotUdp;
  if (protocol != IPPROTO_UDP) return PacketKind::kNotUdp;
  if ((fragment & kFragmentBits) != 0) return PacketKind::kFragment;
  if (packet.size() < total) return PacketKind::kCut;
  return read_udp(source, destination, packet.subspan(header, total - header), captured);
}

PacketKind read_ipv6(Bytes packet, Captured& captured) {
  ByteReader reader(packet);
  const auto version = reader.read<std::uint32_t>() >> 28;
  const auto length = reader.read<std::uint16_t>();
  auto next = reader.read<std::uint8_t>();
  reader.read<std::uint8_t>();  // how many hops are left
  const Bytes source = reader.take(sizeof(in6_addr));
  const Bytes destination = reader.take(sizeof(in6_addr));
  if (!reader.ok()) return PacketKind::kCut;
  if (version != 6) return PacketKind::kNotUdp;
  const Bytes payload = reader.take(std::min<std::size_t>(length, reader.remaining()));
  ByteReader headers(payload);
  while (next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS) {
    next = headers.read<std::uint8_t>();
    const std::size_t more = std::size_t{8} * headers.read<std::uint8_t>();
    headers.take(6 + more);
    if (!headers.ok()) return PacketKind::kCut;
  }
  if (next == IPPROTO_FRAGMENT) return PacketKind::kFragment;
  if (next != IPPROTO_UDP) return PacketKind::kNotUdp;
  return read_udp(source, destination, payload.subspan(headers.position()), captured);
}

PacketKind read_ip(Bytes packet, Captured& captured) {
  if (packet.empty()) return PacketKind::kCut;
  switch (std::to_integer<unsigned>(packet.front()) >> 4) {
    case 4:
      return read_ipv4(packet, captured);
    case 6:
      return read_ipv6(packet, captured);
    default:
      return PacketKind::kNotUdp;
  }
}

PacketKind read_ethernet(ByteReader reader, Bytes packet, Captured& captured) {
  auto type = reader.read<std::uint16_t>();
  while (type == kEtherVlan || type == kEtherServiceVlan) {
    reader.read<std::uint16_t>();  // the tag
    type = reader.read<std::uint16_t>();
  }
  if (!reader.ok()) return PacketKind::kCut;
  if (type != kEtherIpv4 && type != kEtherIpv6) return PacketKind::kNotUdp;
  return read_ip(packet.subspan(reader.position()), captured);
}

// A reader behind the first bytes of a packet.
ByteReader behind(Bytes packet, std::size_t size) {
  ByteReader reader(packet);
  reader.take(size);
  return reader;
}

std::uint32_t sum_of(Bytes bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    sum += std::to_integer<std::uint32_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
  return sum;
}

// The checksum of RFC 1071.
std::uint16_t folded(std::uint32_t sum) {
  while (sum > 0xFFFF)
    sum = (sum & 0xFFFF) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

void put_checksum(std::span<std::byte> at, std::uint16_t value) {
  at[0] = static_cast<std::byte>(value >> 8);
  at[1] = static_cast<std::byte>(value & 0xFF);
}

}  // namespace

bool is_known(LinkType type) {
  switch (type) {
    case LinkType::kNull:
    case LinkType::kEthernet:
    case LinkType::kRaw:
    case LinkType::kLoop:
    case LinkType::kLinuxSll:
    case LinkType::kIpv4:
    case LinkType::kIpv6:
    case LinkType::kLinuxSll2:
      return true;
  }
  return false;
}

PacketKind read_packet(LinkType type, Bytes packet, Captured& captured) {
  switch (type) {
    case LinkType::kEthernet:
      return read_ethernet(behind(packet, 12), packet, captured);
    case LinkType::kLinuxSll:
      return read_ethernet(behind(packet, 14), packet, captured);
    case LinkType::kLinuxSll2: {
      ByteReader reader(packet);
      const auto type_of_ether = reader.read<std::uint16_t>();
      reader.take(18);
      if (!reader.ok()) return PacketKind::kCut;
      if (type_of_ether != kEtherIpv4 && type_of_ether != kEtherIpv6) return PacketKind::kNotUdp;
      return read_ip(packet.subspan(reader.position()), captured);
    }
    case LinkType::kNull:
    case LinkType::kLoop:
      return packet.size() < 4 ? PacketKind::kCut : read_ip(packet.subspan(4), captured);
    case LinkType::kRaw:
    case LinkType::kIpv4:
    case LinkType::kIpv6:
      return read_ip(packet, captured);
  }
  return PacketKind::kNotUdp;
}

std::vector<std::byte> make_packet(const SocketAddress& source, const SocketAddress& destination, Bytes datagram) {
  std::vector<std::byte> packet;
  ByteWriter writer(packet);
  const auto from = source.mapped();
  const auto to = destination.mapped();
  const bool v4 = source.host().find(':') == std::string::npos;
  const std::size_t skipped = v4 ? from.size() - sizeof(in_addr) : 0;
  const Bytes from_bytes = std::as_bytes(std::span(from)).subspan(skipped);
  const Bytes to_bytes = std::as_bytes(std::span(to)).subspan(skipped);
  const auto udp_size = static_cast<std::uint16_t>(kUdpHeader + datagram.size());
  if (v4) {
    writer.write<std::uint16_t>(0x4500);
    writer.write<std::uint16_t>(static_cast<std::uint16_t>(kIpv4Header + udp_size));
    writer.write<std::uint32_t>(0x4000);  // not to be divided
    writer.write<std::uint8_t>(kHops);
    writer.write<std::uint8_t>(IPPROTO_UDP);
    writer.write<std::uint16_t>(0);  // the checksum, below
  } else {
    writer.write<std::uint32_t>(0x60000000);
    writer.write<std::uint16_t>(udp_size);
    writer.write<std::uint8_t>(IPPROTO_UDP);
    writer.write<std::uint8_t>(kHops);
  }
  writer.write_bytes(from_bytes);
  writer.write_bytes(to_bytes);
  if (v4) put_checksum(std::span(packet).subspan(10), folded(sum_of(packet)));

  const std::size_t udp = packet.size();
  writer.write<std::uint16_t>(source.port());
  writer.write<std::uint16_t>(destination.port());
  writer.write<std::uint16_t>(udp_size);
  writer.write<std::uint16_t>(0);
  writer.write_bytes(datagram);
  const std::uint16_t sum =
      folded(sum_of(from_bytes) + sum_of(to_bytes) + IPPROTO_UDP + udp_size + sum_of(Bytes(packet).subspan(udp)));
  put_checksum(std::span(packet).subspan(udp + 6), sum == 0 ? 0xFFFF : sum);
  return packet;
}

}  // namespace hilera::capture
