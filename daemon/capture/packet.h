// The datagram in a packet of a capture: link layer, IPv4 or IPv6, UDP. And the other way: the packet of a datagram.
//
// Pure; every length is checked against what is there. Checksums are not looked at: a capture on the sending host has
// packets whose checksums the network card was to compute.

#pragma once

#include <cstdint>
#include <vector>

#include "daemon/capture/captured.h"
#include "ingest/bytes.h"

namespace hilera::capture {

// What a packet begins with: the numbers of the format pcap.
enum class LinkType : std::uint32_t {
  kNull = 0,        // loopback of BSD
  kEthernet = 1,    // with or without VLAN tags
  kRaw = 101,       // IPv4 or IPv6 at once
  kLoop = 108,      // loopback of OpenBSD
  kLinuxSll = 113,  // interface "any"
  kIpv4 = 228,
  kIpv6 = 229,
  kLinuxSll2 = 276,  // the same, newer
};

[[nodiscard]] bool is_known(LinkType type);

enum class PacketKind : std::uint8_t { kDatagram, kNotUdp, kFragment, kCut };

// Sets source, destination and bytes when it is a whole datagram.
PacketKind read_packet(LinkType type, ingest::Bytes packet, Captured& captured);

// Of type kRaw. Both addresses are of one family; an IPv4 address may be written as IPv6 (::ffff:a.b.c.d).
std::vector<std::byte> make_packet(const greenrt::SocketAddress& source, const greenrt::SocketAddress& destination,
                                   ingest::Bytes datagram);

}  // namespace hilera::capture
