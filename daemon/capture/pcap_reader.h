// PcapReader: the UDP datagrams of a file in the format pcap, as tcpdump writes it: with stamps in microseconds or
// nanoseconds, in either order of bytes.
//
// Own code, because libpcap brings seven libraries more into the daemon (D-Bus and systemd among them), and all that is
// wanted of it are two headers. A capture that ends in the middle of a packet, as one that was interrupted does, ends
// there: that packet counts as cut.

#pragma once

#include <istream>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/capture/captured.h"
#include "daemon/capture/packet.h"

namespace hilera::capture {

class PcapReader final : public Reader {
 public:
  static constexpr std::size_t kMagicSize = 4;

  // Whether a file that begins so is one.
  [[nodiscard]] static bool knows(std::string_view magic);

  // `magic`: the first bytes, read from `in` already. `name` is what errors call the file. Throws CaptureError.
  PcapReader(std::unique_ptr<std::istream> in, std::string_view magic, std::string name);

  bool next(Captured& captured) override;

 private:
  // A field of the file's own order of bytes.
  [[nodiscard]] std::uint32_t field(std::string_view bytes, std::size_t offset) const;
  // False when the file ends before.
  bool read(char* to, std::size_t size);

  std::unique_ptr<std::istream> in_;
  std::string name_;
  bool swapped_ = false;  // big-endian
  bool nanoseconds_ = false;
  LinkType link_ = LinkType::kRaw;
  std::string packet_;
};

}  // namespace hilera::capture
