// Responder: a collector for tests, on loopback, in the test's own hub. Takes each datagram apart with the codec,
// remembers it, and answers as the test says.

#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "greenrt/greenlet.h"
#include "greenrt/udp_socket.h"
#include "ingest/codec.h"
#include "ingest/frame_id.h"

namespace hilera::sim {

class Responder {
 public:
  using Frame = std::vector<std::byte>;

  // How many times a datagram is answered that has come for the `times`th time, from 1.
  using Answers = std::function<std::size_t(std::size_t times)>;

  explicit Responder(std::string_view codec, Answers answers, ingest::AckStatus status = ingest::AckStatus::kStored)
      : codec_(*ingest::find_codec(codec)),
        answers_(std::move(answers)),
        status_(status),
        socket_(greenrt::UdpSocket::bind(*greenrt::SocketAddress::parse("127.0.0.1", 0))),
        receiver_(greenrt::spawn([this] { receive(); })) {}
  ~Responder() { receiver_->kill(); }
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;

  [[nodiscard]] greenrt::SocketAddress address() const { return socket_.local_address(); }

  // Each different datagram, and how often it came.
  [[nodiscard]] const std::map<Frame, std::size_t>& frames() const { return frames_; }
  [[nodiscard]] std::size_t datagrams() const { return datagrams_; }
  // `nserie frame_id codec` of all records received.
  [[nodiscard]] const std::multiset<std::string>& keys() const { return keys_; }
  [[nodiscard]] const std::set<std::string>& serials() const { return serials_; }
  [[nodiscard]] const std::set<std::string>& sources() const { return sources_; }
  // The most frames of one device that were unanswered when another one of it came.
  [[nodiscard]] std::size_t most_open() const { return most_open_; }
  // Datagrams that are neither frames nor answers to downlinks.
  [[nodiscard]] std::size_t rejected() const { return rejected_; }
  [[nodiscard]] std::size_t control() const { return control_; }

  // Sends a command to where the last datagram came from.
  void send_downlink(std::string_view nserie, std::uint64_t id, ingest::Bytes payload) {
    send(*codec_.encode_downlink(nserie, id, payload, nullptr), last_path_);
  }
  void send_noise() { send(Frame(40, std::byte{0x55}), last_path_); }

  void close() { socket_.close(); }

 private:
  void receive() {
    greenrt::ReceiveBatch batch(16, 2048);
    try {
      while (true) {
        socket_.receive(batch);
        for (std::size_t i = 0; i < batch.size(); ++i)
          take(batch.bytes(i), batch.path(i));
        greenrt::yield();
      }
    } catch (const greenrt::Closed&) {
      return;
    }
  }

  void take(ingest::Bytes datagram, const greenrt::UdpPath& path) {
    ++datagrams_;
    last_path_ = path;
    sources_.insert(path.peer.to_string());
    ingest::Decoded decoded;
    codec_.decode(datagram, decoded);
    if (decoded.verdict == ingest::Verdict::kRejected) ++rejected_;
    if (decoded.verdict == ingest::Verdict::kControl) ++control_;
    if (decoded.verdict != ingest::Verdict::kRecords) return;
    const std::size_t times = remember(datagram, decoded);
    ingest::Ack ack;
    codec_.make_ack(datagram, decoded, status_, nullptr, ack);
    for (std::size_t count = answers_(times); count > 0 && !ack.empty(); --count) {
      open_[std::string(decoded.nserie)].erase(Frame(datagram.begin(), datagram.end()));
      send(ack.bytes(), path);
    }
  }

  std::size_t remember(ingest::Bytes datagram, const ingest::Decoded& decoded) {
    const std::string serial(decoded.nserie);
    Frame frame(datagram.begin(), datagram.end());
    const std::size_t times = ++frames_[frame];
    serials_.insert(serial);
    if (times > 1) return times;
    auto& open = open_[serial];
    open.insert(std::move(frame));
    most_open_ = std::max(most_open_, open.size());
    std::vector<ingest::Record> records = decoded.records;
    ingest::identify(records);
    for (const ingest::Record& record : records)
      keys_.insert(serial + ' ' + std::to_string(record.frame_id) + ' ' + std::string(codec_.name()));
    return times;
  }

  void send(ingest::Bytes bytes, const greenrt::UdpPath& path) {
    greenrt::SendBatch batch(1);
    batch.add(bytes, path);
    socket_.send(batch);
  }

  const ingest::Codec& codec_;
  Answers answers_;
  ingest::AckStatus status_;
  greenrt::UdpSocket socket_;
  greenrt::UdpPath last_path_;
  std::map<Frame, std::size_t> frames_;
  std::map<std::string, std::set<Frame>> open_;
  std::multiset<std::string> keys_;
  std::set<std::string> serials_;
  std::set<std::string> sources_;
  std::size_t datagrams_ = 0;
  std::size_t rejected_ = 0;
  std::size_t control_ = 0;
  std::size_t most_open_ = 0;
  greenrt::GreenletRef receiver_;
};

inline std::size_t once(std::size_t /*times*/) {
  return 1;
}
inline std::size_t never(std::size_t /*times*/) {
  return 0;
}

}  // namespace hilera::sim
