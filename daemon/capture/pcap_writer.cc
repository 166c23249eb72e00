#include "daemon/capture/pcap_writer.h"

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "daemon/capture/packet.h"
#include "ingest/byte_writer.h"

namespace hilera::capture {
namespace {

constexpr std::uint32_t kMagic = 0xa1b2c3d4;
constexpr std::uint32_t kLargestPacket = 65535 + 40;

void put(std::ofstream& out, ingest::Bytes bytes) {
  const std::string_view text = ingest::as_text(bytes);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
}

}  // namespace

PcapWriter::PcapWriter(std::string path) : path_(std::move(path)), out_(path_, std::ios::binary | std::ios::trunc) {
  std::vector<std::byte> header;
  ingest::ByteWriter writer(header);
  writer.write<std::uint32_t>(kMagic);
  writer.write<std::uint16_t>(2);  // the version of the format, 2.4
  writer.write<std::uint16_t>(4);
  writer.write<std::uint64_t>(0);  // time zone and accuracy, which nobody uses
  writer.write<std::uint32_t>(kLargestPacket);
  writer.write<std::uint32_t>(static_cast<std::uint32_t>(LinkType::kRaw));
  put(out_, header);
  check();
}

void PcapWriter::add(Time time, const greenrt::SocketAddress& source, const greenrt::SocketAddress& destination,
                     ingest::Bytes datagram) {
  const auto packet = make_packet(source, destination, datagram);
  const auto second = std::chrono::floor<std::chrono::seconds>(time);
  std::vector<std::byte> header;
  ingest::ByteWriter writer(header);
  writer.write<std::uint32_t>(static_cast<std::uint32_t>(second.time_since_epoch().count()));
  writer.write<std::uint32_t>(static_cast<std::uint32_t>((time - second).count()));
  writer.write<std::uint32_t>(static_cast<std::uint32_t>(packet.size()));  // what is here, and what there was
  writer.write<std::uint32_t>(static_cast<std::uint32_t>(packet.size()));
  put(out_, header);
  put(out_, packet);
  check();
}

void PcapWriter::flush() {
  out_.flush();
  check();
}

void PcapWriter::check() {
  if (!out_) throw std::system_error(errno, std::generic_category(), path_);
}

}  // namespace hilera::capture
