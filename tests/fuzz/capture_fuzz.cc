// Target capture: the bytes of a file of datagrams, pcap or hexadecimal, as `hilerad --decode` reads it.

#include <memory>
#include <sstream>
#include <string>

#include "daemon/capture/captured.h"
#include "daemon/capture/hex_reader.h"
#include "daemon/capture/pcap_reader.h"
#include "tests/fuzz/fuzz.h"

namespace {

using fuzz::check;
using namespace hilera::capture;

constexpr std::size_t kLargestDatagram = 65535;

std::unique_ptr<Reader> reader_of(const std::string& content) {
  const std::string first = content.substr(0, PcapReader::kMagicSize);
  auto rest = std::make_unique<std::istringstream>(content.substr(first.size()));
  if (PcapReader::knows(first)) return std::make_unique<PcapReader>(std::move(rest), first, "file");
  return std::make_unique<HexReader>(std::move(rest), first, "file");
}

void run(fuzz::Bytes input) {
  try {
    const auto reader = reader_of(fuzz::text_of(input));
    std::size_t bytes = 0;
    for (Captured captured; reader->next(captured); bytes += captured.bytes.size()) {
      check(captured.bytes.size() <= kLargestDatagram, "a datagram is no larger than UDP allows");
      check(captured.source.has_value() == captured.destination.has_value(), "a packet has both addresses, or none");
    }
    check(bytes <= input.size(), "what is read is in the file");
  } catch (const CaptureError& error) {
    check(std::string_view(error.what()).starts_with("file:"), "a refusal has a reason and a place");
  }
}

const fuzz::Target kTarget("capture", run);

}  // namespace
