#include "ingest/replies.h"

#include <chrono>
#include <utility>

namespace ingest {
namespace {

constexpr std::size_t kBatch = 256;
// A socket that takes nothing for this long loses its replies; their devices ask again.
constexpr std::chrono::seconds kSendLimit{1};

}  // namespace

Replies::Replies(greenrt::UdpSocket& socket, ListenerCounters& counters)
    : socket_(socket),
      counters_(counters),
      filling_(std::make_unique<greenrt::SendBatch>(kBatch)),
      sending_(std::make_unique<greenrt::SendBatch>(kBatch)),
      single_(1),
      sender_(greenrt::spawn([this] { run(); })) {
  sender_->set_name("replies");
  idle_.set();
}

Replies::~Replies() {
  stop();
}

void Replies::acknowledge(Bytes bytes, const greenrt::UdpPath& path) {
  while (filling_->full()) {
    room_.clear();
    room_.wait();
  }
  filling_->add(bytes, path);
  idle_.clear();
  work_.set();
}

void Replies::run() {
  while (true) {
    work_.wait();
    work_.clear();
    std::swap(filling_, sending_);
    room_.set();
    {
      const greenrt::Permit permit(socket_use_);
      counters_.acks_sent += send_batch(*sending_, kSendLimit).sent;
    }
    if (filling_->empty()) idle_.set();
  }
}

greenrt::UdpSocket::SendResult Replies::send_batch(greenrt::SendBatch& batch, greenrt::Deadline deadline) {
  const auto result = socket_.send(batch, deadline);
  counters_.replies_sent += result.sent;
  counters_.replies_failed += result.failed;
  return result;
}

int Replies::send(Bytes bytes, const greenrt::UdpPath& path, greenrt::Deadline deadline) {
  const greenrt::Permit permit(socket_use_);
  single_.add(bytes, path);
  const auto result = send_batch(single_, deadline);
  return result.sent == 1 ? 0 : result.error;
}

bool Replies::flush(greenrt::Deadline deadline) {
  return idle_.wait(deadline);
}

void Replies::stop() {
  if (sender_) std::exchange(sender_, nullptr)->kill();
}

}  // namespace ingest
