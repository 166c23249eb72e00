#include "daemon/sim/replay.h"

#include "daemon/sim/target.h"
#include "greenrt/error.h"

namespace hilera::sim {
namespace {

constexpr std::size_t kBetweenTurns = 64;  // datagrams that are sent before answers are looked at
constexpr std::size_t kAnswersAtOnce = 8;
constexpr std::size_t kLongestAnswer = 2048;  // a longer one counts as well

}  // namespace

struct Replay::Socket {
  Socket(const greenrt::SocketAddress& target, ReplayTally& tally)
      : udp(greenrt::UdpSocket::bind(local_address_towards(target))), receiver(greenrt::spawn([this, &tally] {
          greenrt::ReceiveBatch batch(kAnswersAtOnce, kLongestAnswer);
          try {
            while (udp.receive(batch))
              tally.answers += batch.size();
          } catch (const greenrt::Closed&) {
            return;
          }
        })) {}
  ~Socket() {
    udp.close();
    receiver->join();
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  greenrt::UdpSocket udp;
  greenrt::GreenletRef receiver;
};

Replay::Replay(capture::Reader& reader, const ReplayOptions& options) : reader_(reader), options_(options) {}
Replay::~Replay() = default;

void Replay::run() {
  began_ = greenrt::Clock::now();
  for (capture::Captured captured; reader_.next(captured);) {
    if (options_.port && captured.destination && captured.destination->port() != *options_.port) {
      ++tally_.other_ports;
      continue;
    }
    if (!wait_for_turn(captured)) return;
    send(captured);
    if (tally_.sent % kBetweenTurns == 0) greenrt::yield();
  }
  stop_.wait(options_.wait);
}

bool Replay::wait_for_turn(const capture::Captured& captured) {
  if (options_.speed > 0 && captured.time) {
    if (!first_) first_ = captured.time;
    const std::chrono::duration<double, std::micro> behind = (*captured.time - *first_) / options_.speed;
    stop_.wait(greenrt::Deadline::at(began_ + std::chrono::duration_cast<greenrt::Duration>(behind)));
  }
  return !stop_.is_set();
}

Replay::Socket& Replay::socket_of(const capture::Captured& captured) {
  const std::string source = captured.source ? captured.source->to_string() : "";
  const auto [found, is_new] = sources_.emplace(source, sources_.size());
  tally_.sources = sources_.size();
  if (is_new && sockets_.size() < kMaxSockets) {
    sockets_.push_back(std::make_unique<Socket>(options_.target, tally_));
  }
  return *sockets_[found->second % sockets_.size()];
}

void Replay::send(const capture::Captured& captured) {
  greenrt::SendBatch batch(1);
  batch.add(captured.bytes, {.peer = options_.target});
  const auto result = socket_of(captured).udp.send(batch);
  tally_.sent += result.sent;
  tally_.send_failed += result.failed;
}

}  // namespace hilera::sim
