#include "daemon/intake.h"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "daemon/logging.h"
#include "daemon/trust_files.h"
#include "greenrt/hub.h"

namespace hilera {
namespace {

ingest::Trust trust_of(const ListenerConfig& listener, const std::vector<ListenerConfig>& all) {
  ingest::Trust trust = load_trust(listener);
  trust.guarded = std::any_of(all.begin(), all.end(), [&](const ListenerConfig& each) {
    return each.codec == listener.codec && each.auth != AuthMode::kNone;
  });
  return trust;
}

std::unique_ptr<ingest::Listener> make_listener(const ListenerConfig& config, ingest::Trust trust,
                                                std::optional<greenrt::UdpSocket> handed) {
  const auto address = greenrt::SocketAddress::parse(config.address, config.port);
  const ingest::Codec* codec = ingest::find_codec(config.codec);
  if (!address || !codec) throw std::logic_error("a listener that was not checked: " + config.name);
  try {
    auto socket =
        handed ? std::move(*handed) : greenrt::UdpSocket::bind(*address, {.receive_buffer = config.receive_buffer});
    log::info("listener_bound", {{"name", config.name},
                                 {"codec", config.codec},
                                 {"address", socket.local_address().to_string()},
                                 {"receive_buffer", socket.receive_buffer()},
                                 {"handed_over", handed.has_value()}});
    // The kernel's figure is twice what it grants, for its own bookkeeping: socket(7).
    if (socket.receive_buffer() < 2 * config.receive_buffer) {
      log::warning("receive_buffer_small",
                   {{"name", config.name},
                    {"wanted", config.receive_buffer},
                    {"granted", socket.receive_buffer() / 2},
                    {"hint", handed ? "raise ReceiveBuffer= in the socket unit" : "raise net.core.rmem_max"}});
    }
    return std::make_unique<ingest::Listener>(config.name, *codec, std::move(socket), config.store_raw,
                                              std::move(trust), config.reply_window);
  } catch (const std::system_error& error) {
    throw std::runtime_error("listener " + config.name + " at " + address->to_string() + ": " + error.what());
  }
}

ingest::PrefixRate::Options prefix_rate_options(const ListenerConfig& config) {
  return {.per_second = config.prefix_rate, .burst = config.prefix_burst};
}

ingest::PipelineOptions pipeline_options(const PipelineConfig& config) {
  return {.limits = {.in_flight = config.max_in_flight, .in_flight_per_source = config.max_in_flight_per_source},
          .in_flight_per_device = config.max_in_flight_per_device,
          .ack = config.ack == AckMode::kJournal ? ingest::AckWhen::kDurable : ingest::AckWhen::kStored,
          .store_deadline = config.store_deadline};
}

}  // namespace

Intake::Intake(const Config& config, ingest::Custody& custody, ingest::Reporter& reporter, std::int64_t last_arrival,
               HandedSockets sockets)
    : devices_(config.devices.max_known),
      pipeline_(pipeline_options(config.pipeline), custody, devices_, reporter),
      arrivals_(last_arrival) {
  auto trusts = load_trusts(config.listeners);
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    const ListenerConfig& each = config.listeners[i];
    auto handed = sockets.take(each.name);
    const bool own = !handed;
    listeners_.push_back(make_listener(each, std::move(trusts[i]), std::move(handed)));
    listeners_.back()->prefix_rate().set_options(prefix_rate_options(each));
    receivers_.push_back(std::make_unique<ingest::Receiver>(*listeners_.back(), pipeline_, arrivals_, reporter));
    if (own) of_own_sockets_.push_back(receivers_.back().get());
  }
}

Intake::~Intake() {
  const greenrt::Shield shield;
  greenrt::kill_all(receiver_greenlets_);
  pipeline_.abandon();
}

std::vector<ingest::Trust> Intake::load_trusts(const std::vector<ListenerConfig>& listeners) {
  std::vector<ingest::Trust> trusts;
  for (const ListenerConfig& each : listeners)
    trusts.push_back(trust_of(each, listeners));
  return trusts;
}

void Intake::configure(const Config& config, std::vector<ingest::Trust> trusts) {
  pipeline_.set_options(pipeline_options(config.pipeline));
  for (std::size_t i = 0; i < listeners_.size(); ++i) {
    listeners_[i]->set_trust(std::move(trusts[i]));
    listeners_[i]->prefix_rate().set_options(prefix_rate_options(config.listeners[i]));
  }
}

void Intake::start() {
  for (std::size_t i = 0; i < receivers_.size(); ++i) {
    auto greenlet = greenrt::spawn([receiver = receivers_[i].get()] { receiver->run(); });
    greenlet->set_name("receiver " + listeners_[i]->name());
    greenlet->set_kind(greenrt::Hub::current().kind("receiver"));
    receiver_greenlets_.push_back(std::move(greenlet));
  }
}

void Intake::stop_receiving(greenrt::Deadline deadline) {
  greenrt::kill_all(std::exchange(receiver_greenlets_, {}));
  empty_sockets(&ingest::Receiver::take_waiting, deadline);
}

void Intake::turn_away(greenrt::Deadline deadline) {
  const std::uint64_t before = counters().dropped_total();
  empty_sockets(&ingest::Receiver::turn_away_waiting, deadline);
  if (const auto late = counters().dropped_total() - before) log::info("turned_away", {{"datagrams", late}});
}

void Intake::empty_sockets(bool (ingest::Receiver::*take)(), greenrt::Deadline deadline) {
  auto not_empty = of_own_sockets_;
  while (!not_empty.empty() && !deadline.expired()) {
    std::erase_if(not_empty, [take](ingest::Receiver* receiver) { return !(receiver->*take)(); });
    greenrt::yield();
  }
}

void Intake::finish(greenrt::Deadline deadline) {
  if (!pipeline_.wait_idle(deadline)) pipeline_.abandon();
  for (const auto& listener : listeners_) {
    if (!listener->replies().flush(deadline.sooner(std::chrono::seconds(1)))) {
      log::warning("acks_not_sent", {{"listener", listener->name()}});
    }
    listener->replies().stop();
  }
}

IntakeLedger Intake::ledger() const {
  const ingest::PipelineCounters& counters = pipeline_.counters();
  IntakeLedger ledger;
  for (const auto& listener : listeners_) {
    ledger.received += listener->counters().received;
    ledger.accepted += listener->counters().accepted;
    ledger.control += listener->counters().control;
    ledger.rejected += listener->counters().rejected.total();
  }
  ledger.dropped = counters.dropped_total();
  ledger.in_flight = counters.in_flight;
  return ledger;
}

}  // namespace hilera
