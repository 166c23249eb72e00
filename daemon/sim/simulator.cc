#include "daemon/sim/simulator.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "daemon/sim/target.h"
#include "greenrt/deadline.h"

namespace hilera::sim {
namespace {

using greenrt::Clock;
using greenrt::Deadline;

constexpr std::size_t kSendBatch = SocketPlan::kBlock;
constexpr std::size_t kReceiveBatch = 64;
constexpr std::size_t kMaxDatagram = 1500;
constexpr std::size_t kReceiveBuffer = 4 << 20;
constexpr std::uint64_t kBurst = 1024;  // frames made before anybody else has a turn
constexpr std::size_t kMaxReplies = 10'000;
constexpr Clock::duration kTick = std::chrono::milliseconds(1);
constexpr Clock::duration kSendPatience = std::chrono::seconds(1);

std::unique_ptr<Protocol> checked_protocol(const SimulatorOptions& options) {
  auto protocol = make_protocol(options.codec, {.devices = options.devices,
                                                .window = options.acks ? options.window : 0,
                                                .epoch = options.epoch,
                                                .keys = options.keys,
                                                .key_id = options.key_id});
  if (!protocol) throw std::invalid_argument("there are no devices that speak " + options.codec);
  return protocol;
}

}  // namespace

Simulator::Simulator(const SimulatorOptions& options, AckedHandler on_acked)
    : options_(options),
      on_acked_(std::move(on_acked)),
      protocol_(checked_protocol(options)),
      plan_(options.devices),
      fleet_(*protocol_,
             {.devices = options.devices,
              .window = options.window,
              .seed = options.seed,
              .acks = options.acks,
              .resend = options.resend},
             tally_),
      adversary_(options.adversary),
      pacer_(options.rate, Clock::now()) {
  open_ports();
}

Simulator::~Simulator() = default;

void Simulator::open_ports() {
  const auto local = local_address_towards(options_.target);
  for (std::size_t i = 0; i < plan_.sockets(); ++i) {
    ports_.push_back(
        std::make_unique<Port>(i, greenrt::UdpSocket::bind(local, {.receive_buffer = kReceiveBuffer}), kSendBatch));
  }
}

void Simulator::stop() {
  ++stops_;
  news_.set();
}

greenrt::Duration Simulator::elapsed() const {
  if (begun_ == TimePoint()) return {};
  return (phase_ == Phase::kDone ? ended_ : Clock::now()) - begun_;
}

void Simulator::run() {
  begun_ = Clock::now();
  last_progress_ = begun_;
  pacer_ = Pacer(options_.rate, begun_);
  struct Receivers {
    ~Receivers() { greenrt::kill_all(greenlets); }
    std::vector<greenrt::GreenletRef> greenlets;
  } receivers;
  for (const auto& port : ports_) {
    receivers.greenlets.push_back(greenrt::spawn([this, &port = *port] { receive(port); }));
    receivers.greenlets.back()->set_name("answers to socket " + std::to_string(port->number));
  }
  send_until_done();
}

void Simulator::send_until_done() {
  while (true) {
    const auto now = Clock::now();
    advance(now);
    if (phase_ == Phase::kDone) return;
    send_replies();
    resend_frames(now);
    const bool more = make_frames(now);
    for (const auto& port : ports_)
      flush(*port);
    if (more) {
      greenrt::yield();
    } else {
      news_.wait(next_step());
      news_.clear();
    }
  }
}

void Simulator::advance(TimePoint now) {
  if (phase_ == Phase::kMaking && (making_is_over(now) || stalled(now))) {
    phase_ = Phase::kWaiting;
    give_up_at_ = (stalled(now) ? last_progress_ : now) + options_.wait_acks;
  }
  if (phase_ == Phase::kWaiting && (tally_.unacked == 0 || stops_ > 1 || now >= give_up_at_)) {
    phase_ = Phase::kDone;
    ended_ = now;
  }
}

bool Simulator::making_is_over(TimePoint now) const {
  if (stops_ > 0) return true;
  if (options_.frames && tally_.sent >= *options_.frames) return true;
  return options_.duration && now - begun_ >= *options_.duration;
}

// Without a limit of time, a collector that has gone would keep the simulator waiting for room for ever.
bool Simulator::stalled(TimePoint now) const {
  return !options_.duration && !fleet_.has_room() && now >= last_progress_ + options_.wait_acks;
}

// Makes what is due, as far as the windows have room. True when more could be made at once.
bool Simulator::make_frames(TimePoint now) {
  if (phase_ != Phase::kMaking) return false;
  const std::uint64_t left =
      options_.frames ? *options_.frames - tally_.sent : std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t due = std::min(pacer_.due(now), left);
  const std::uint64_t wanted = std::min(due, kBurst);
  const WallTime wall = wall_now();
  std::uint64_t made = 0;
  for (; made < wanted; ++made) {
    if (!fleet_.has_room()) break;
    keep_alive(fleet_.next(), wall);
    const auto frame = fleet_.make_frame(now, wall);
    send(plan_.socket_of(frame->device), frame->bytes);
  }
  pacer_.made(made);
  if (made > 0) last_progress_ = now;
  return made == left || (made == wanted && due > wanted);
}

void Simulator::keep_alive(const Device& device, WallTime now) {
  if (!protocol_->keep_alive(device, now, keep_alive_)) return;
  add(plan_.socket_of(device.index), keep_alive_);
  ++tally_.keep_alives;
}

void Simulator::resend_frames(TimePoint now) {
  while (const auto frame = fleet_.resend(now))
    send(plan_.socket_of(frame->device), frame->bytes);
}

void Simulator::send_replies() {
  while (!replies_.empty()) {
    const Reply reply = std::move(replies_.front());
    replies_.pop_front();
    add(reply.port, reply.bytes);
  }
}

void Simulator::send(std::size_t port, ingest::Bytes frame) {
  add(port, frame);
  if (adversary_.idle()) return;
  adversary_.overhear(frame);
  if (const auto replay = adversary_.replay()) {
    add(port, *replay);
    ++tally_.replayed;
  }
  if (const auto forgery = adversary_.forge()) {
    add(port, *forgery);
    ++tally_.forged;
  }
}

void Simulator::add(std::size_t port, ingest::Bytes bytes) {
  greenrt::SendBatch& batch = ports_[port]->batch;
  batch.add(bytes, {.peer = options_.target});
  if (batch.full()) flush(*ports_[port]);
}

void Simulator::flush(Port& port) {
  if (port.batch.empty()) return;
  const auto result = port.socket.send(port.batch, kSendPatience);
  tally_.datagrams += result.sent;
  tally_.send_failed += result.failed;
}

Deadline Simulator::next_step() const {
  Deadline next;
  if (const auto resend = fleet_.next_resend()) next = Deadline::at(*resend);
  if (phase_ == Phase::kWaiting) return next.sooner(Deadline::at(give_up_at_));
  if (options_.duration) next = next.sooner(Deadline::at(begun_ + *options_.duration));
  if (fleet_.has_room()) return next.sooner(Deadline::at(std::max(pacer_.next(), Clock::now() + kTick)));
  if (!options_.duration) next = next.sooner(Deadline::at(last_progress_ + options_.wait_acks));
  return next;
}

void Simulator::receive(Port& port) {
  greenrt::ReceiveBatch batch(kReceiveBatch, kMaxDatagram);
  while (true) {
    port.socket.receive(batch);
    for (std::size_t i = 0; i < batch.size(); ++i)
      take(port, batch.bytes(i));
    greenrt::yield();
  }
}

void Simulator::take(const Port& port, ingest::Bytes datagram) {
  if (const auto answer = protocol_->read_answer(datagram, port.number)) {
    const auto now = Clock::now();
    const bool sender_has_work = phase_ == Phase::kMaking && fleet_.has_room();
    const auto frame = fleet_.acknowledge(*answer, now);
    if (!frame) return;
    last_progress_ = now;
    if (on_acked_) on_acked_(*frame);
    if (!sender_has_work) news_.set();
    return;
  }
  if (protocol_->answers_keep_alive(datagram)) return;
  Reply reply{.port = port.number, .bytes = {}};
  if (replies_.size() >= kMaxReplies || !protocol_->answer_downlink(datagram, reply.bytes)) {
    ++tally_.unexpected;
    return;
  }
  ++tally_.downlinks;
  replies_.push_back(std::move(reply));
  news_.set();
}

}  // namespace hilera::sim
