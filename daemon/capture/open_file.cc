#include <array>
#include <cerrno>
#include <fstream>
#include <system_error>
#include <utility>

#include "daemon/capture/captured.h"
#include "daemon/capture/hex_reader.h"
#include "daemon/capture/pcap_reader.h"

namespace hilera::capture {
namespace {

constexpr std::string_view kPcapngMagic = "\x0a\x0d\x0d\x0a";

}  // namespace

std::unique_ptr<Reader> open_file(const std::string& path) {
  auto in = std::make_unique<std::ifstream>(path == "-" ? "/dev/stdin" : path, std::ios::binary);
  if (!*in) throw CaptureError(path + ": " + std::system_category().message(errno));
  std::array<char, PcapReader::kMagicSize> first{};
  in->read(first.data(), first.size());
  const std::string_view magic(first.data(), static_cast<std::size_t>(in->gcount()));
  if (in->bad()) throw CaptureError(path + ": cannot be read");
  if (magic == kPcapngMagic) {
    throw CaptureError(path + ": is in the format pcapng; `tcpdump -r FILE -w NEW` or `editcap -F pcap` makes it pcap");
  }
  if (PcapReader::knows(magic)) return std::make_unique<PcapReader>(std::move(in), magic, path);
  return std::make_unique<HexReader>(std::move(in), magic, path);
}

}  // namespace hilera::capture
