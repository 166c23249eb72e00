#include "ingest/replies.h"

#include <cerrno>
#include <chrono>
#include <utility>

#include "greenrt/error.h"
#include "greenrt/hub.h"

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
      sender_(greenrt::spawn([this] { run(); })) {
  sender_->set_name("replies");
  sender_->set_kind(greenrt::Hub::current().kind("replies"));
}

Replies::~Replies() {
  stop();
}

void Replies::acknowledge(Bytes bytes, const greenrt::UdpPath& path) {
  while (sender_ && filling_->full()) {
    room_.clear();
    room_.wait();
  }
  if (!sender_) {
    ++counters_.replies_failed;
    return;
  }
  filling_->add(bytes, path);
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
    sent_.set();
  }
}

greenrt::UdpSocket::SendResult Replies::send_batch(greenrt::SendBatch& batch, greenrt::Deadline deadline) {
  greenrt::UdpSocket::SendResult result;
  try {
    result = socket_.send(batch, deadline);
  } catch (const greenrt::Closed&) {
    result = {.failed = batch.size(), .error = EBADF};
    batch.clear();
  }
  counters_.replies_sent += result.sent;
  counters_.replies_failed += result.failed;
  return result;
}

int Replies::send(Bytes bytes, const greenrt::UdpPath& path, greenrt::Deadline deadline) {
  greenrt::SendBatch single(1);
  single.add(bytes, path);
  const greenrt::Permit permit(socket_use_);
  const auto result = send_batch(single, deadline);
  return result.sent == 1 ? 0 : result.error;
}

bool Replies::flush(greenrt::Deadline deadline) {
  while (!idle()) {
    sent_.clear();
    if (!sent_.wait(deadline)) return idle();
  }
  return true;
}

void Replies::stop() {
  if (!sender_) return;
  std::exchange(sender_, nullptr)->kill();
  counters_.replies_failed += filling_->size() + sending_->size();
  filling_->clear();
  sending_->clear();
  room_.set();
  sent_.set();
}

}  // namespace ingest
