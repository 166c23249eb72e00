#include "daemon/capture/pcap_reader.h"

#include <array>
#include <utility>

namespace hilera::capture {
namespace {

constexpr std::string_view kMicroseconds = "\xd4\xc3\xb2\xa1";
constexpr std::string_view kNanoseconds = "\x4d\x3c\xb2\xa1";
constexpr std::size_t kFileHeader = 24;
constexpr std::size_t kPacketHeader = 16;
constexpr std::uint32_t kLargestPacket = 256U << 10;  // what tcpdump takes at most
constexpr std::uint32_t kLinkMask = 0x0FFFFFFF;       // the rest says how long a checksum of the frame is

bool is_reversed(std::string_view magic, std::string_view of) {
  return std::equal(magic.begin(), magic.end(), of.rbegin(), of.rend());
}

}  // namespace

bool PcapReader::knows(std::string_view magic) {
  return magic == kMicroseconds || magic == kNanoseconds || is_reversed(magic, kMicroseconds) ||
         is_reversed(magic, kNanoseconds);
}

PcapReader::PcapReader(std::unique_ptr<std::istream> in, std::string_view magic, std::string name)
    : in_(std::move(in)),
      name_(std::move(name)),
      swapped_(magic.front() == '\xa1'),
      nanoseconds_(magic == kNanoseconds || is_reversed(magic, kNanoseconds)) {
  std::array<char, kFileHeader - kMagicSize> rest{};
  if (!read(rest.data(), rest.size())) throw CaptureError(name_ + ": ends within the header of the file");
  link_ = static_cast<LinkType>(field({rest.data(), rest.size()}, rest.size() - 4) & kLinkMask);
  if (!is_known(link_)) {
    throw CaptureError(name_ + ": has packets of link type " + std::to_string(static_cast<std::uint32_t>(link_)) +
                       ", which is not known here");
  }
}

bool PcapReader::next(Captured& captured) {
  captured = {};
  while (true) {
    std::array<char, kPacketHeader> header{};
    if (!read(header.data(), header.size())) {
      if (in_->gcount() > 0) ++left_out_.cut;
      return false;
    }
    const std::string_view fields(header.data(), header.size());
    const std::uint32_t size = field(fields, 8);
    if (size > kLargestPacket)
      throw CaptureError(name_ + ": is damaged: a packet of " + std::to_string(size) + " bytes");
    packet_.resize(size);
    if (!read(packet_.data(), size)) {
      ++left_out_.cut;
      return false;
    }
    switch (read_packet(link_, ingest::as_bytes(packet_), captured)) {
      case PacketKind::kDatagram: {
        const std::chrono::microseconds part(field(fields, 4) / (nanoseconds_ ? 1000 : 1));
        captured.time = Time(std::chrono::seconds(field(fields, 0)) + part);
        return true;
      }
      case PacketKind::kNotUdp:
        ++left_out_.not_udp;
        break;
      case PacketKind::kFragment:
        ++left_out_.fragments;
        break;
      case PacketKind::kCut:
        ++left_out_.cut;
        break;
    }
  }
}

std::uint32_t PcapReader::field(std::string_view bytes, std::size_t offset) const {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const auto byte = static_cast<unsigned char>(bytes[offset + (swapped_ ? i : 3 - i)]);
    value = value << 8 | byte;
  }
  return value;
}

bool PcapReader::read(char* to, std::size_t size) {
  in_->read(to, static_cast<std::streamsize>(size));
  if (in_->bad()) throw CaptureError(name_ + ": cannot be read");
  return in_->gcount() == static_cast<std::streamsize>(size);
}

}  // namespace hilera::capture
