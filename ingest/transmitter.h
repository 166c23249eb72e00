// Transmitter: the greenlet that sends queued downlink frames to devices.
//
// Goes through all that is due, batch by batch, and waits for the poll interval at the end of each pass. The attempt is
// noted durably before the frame is sent, so that a crash between the two leaves an attempt of unknown outcome, never a
// frame that was sent twice without anybody knowing. Sends from the socket that heard the device last, to the address
// from which it was heard.
//
// A device is sent to only for as long as its listener's reply window after it was heard: behind a NAT, the way to it
// is closed afterwards, and may lead to another device. Until it is heard again it keeps its downlinks queued, and
// holds up nobody else's; it is remembered, so that its next one leaves right after its next datagram, whatever the
// poll interval is, and the one after that right after the answer.
//
// Where answers name no device, one frame at a time is under way to an address.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "greenrt/deadline.h"
#include "greenrt/event.h"
#include "ingest/device_table.h"
#include "ingest/downlink_source.h"
#include "ingest/listener.h"
#include "ingest/reporter.h"
#include "ingest/text_hash.h"

namespace ingest {

struct TransmitterOptions {
  greenrt::Duration poll_interval = std::chrono::milliseconds(250);
  std::size_t batch = 100;  // downlinks a look at the source
};

struct TransmitterCounters {
  std::uint64_t sent = 0;
  std::uint64_t failed = 0;
  std::uint64_t source_errors = 0;
};

class Transmitter {
 public:
  // Devices that are remembered because they have something to be sent; the others have to wait for the next pass.
  static constexpr std::size_t kMostAwaited = 100'000;
  // How long an answer that names no device is taken for that of the device that was sent to last, at least; longer
  // where the downlink waits for longer.
  static constexpr std::chrono::minutes kAddressHeld{2};

  // All of them must outlive it.
  Transmitter(const TransmitterOptions& options, DownlinkSource& source, const DeviceTable& devices,
              Reporter& reporter);

  // Transmits until it is killed.
  [[noreturn]] void run();

  // One look at the source: how many downlinks it gave. Fewer than a batch mean the end of the pass. Throws what the
  // source throws.
  std::size_t poll();

  // A device was heard. Sends what waits for it, soon. Never yields, never throws.
  void heard(std::string_view nserie) noexcept;
  // What was under way to a device has ended. The same.
  void ended(std::string_view nserie) noexcept;

  // Whose answer it is that came from that address without a name: of the device that was sent to there and has not
  // answered. It has then. Never yields.
  std::optional<std::string> take_addressee(const Listener& listener, const greenrt::SocketAddress& peer);
  [[nodiscard]] bool has_addressee(const Listener& listener, const greenrt::SocketAddress& peer) const;

  [[nodiscard]] const TransmitterCounters& counters() const { return counters_; }
  [[nodiscard]] std::size_t awaited() const { return awaited_.size(); }

 private:
  struct Command {
    std::string nserie;
    greenrt::Deadline until = greenrt::Duration::zero();
  };

  void serve_woken();
  void transmit(const Downlink& downlink);
  void fail(const Downlink& downlink, std::string_view error, bool retry);
  void await(const std::string& nserie);
  void release_addresses();
  void wake(std::string_view nserie) noexcept;
  bool hold_address(const std::string& address, const Downlink& downlink);

  TransmitterOptions options_;
  DownlinkSource& source_;
  const DeviceTable& devices_;
  Reporter& reporter_;
  TransmitterCounters counters_;
  std::unordered_set<std::string, TextHash, std::equal_to<>> awaited_;  // not to be sent to before they are heard
  std::deque<std::string> woken_;
  greenrt::Event work_;
  // By address, where answers name nobody.
  std::unordered_map<std::string, Command, TextHash, std::equal_to<>> commands_;
};

}  // namespace ingest
