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

constexpr std::chrono::seconds kFlush{1};
constexpr std::chrono::seconds kJournalLimit{20};  // what a frame may wait for the journal
constexpr std::chrono::seconds kEmptySocket{1};    // what one that ends may spend on what its socket holds

greenrt::Duration longest_frame(const PipelineConfig& config) {
  return config.store_deadline + kJournalLimit;
}

const ListenerConfig* find_config(const Config& config, std::string_view name) {
  const auto found = std::ranges::find(config.listeners, name, &ListenerConfig::name);
  return found == config.listeners.end() ? nullptr : &*found;
}

ingest::Trust trust_of(const ListenerConfig& listener, const std::vector<ListenerConfig>& all) {
  ingest::Trust trust = load_trust(listener);
  trust.guarded = std::any_of(all.begin(), all.end(), [&](const ListenerConfig& each) {
    return each.codec == listener.codec && each.auth != AuthMode::kNone;
  });
  return trust;
}

ingest::PrefixRate::Options prefix_rate_options(const ListenerConfig& config) {
  return {.per_second = config.prefix_rate, .burst = config.prefix_burst};
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
    auto listener = std::make_unique<ingest::Listener>(config.name, *codec, std::move(socket), config.store_raw,
                                                       std::move(trust), config.reply_window);
    listener->prefix_rate().set_options(prefix_rate_options(config));
    return listener;
  } catch (const std::system_error& error) {
    throw std::runtime_error("listener " + config.name + " at " + address->to_string() + ": " + error.what());
  }
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
    : frame_limit_(longest_frame(config.pipeline)),
      reporter_(reporter),
      devices_(config.devices.max_known),
      pipeline_(pipeline_options(config.pipeline), custody, devices_, reporter),
      arrivals_(last_arrival),
      misfits_(sockets.misfits()) {
  for (const std::string& each : misfits_)
    log::error("socket_not_read", {{"detail", each}});
  const auto trusts = load_trusts(config.listeners);
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    auto handed = sockets.take(config.listeners[i].name);
    const bool own = !handed;
    add(make_listener(config.listeners[i], trusts[i], std::move(handed)), own);
  }
}

Intake::~Intake() {
  const greenrt::Shield shield;
  greenrt::kill_all(take_greenlets(&Reception::retiring));
  greenrt::kill_all(take_greenlets(&Reception::greenlet));
  pipeline_.abandon();
}

std::vector<ingest::Trust> Intake::load_trusts(const std::vector<ListenerConfig>& listeners) {
  std::vector<ingest::Trust> trusts;
  for (const ListenerConfig& each : listeners)
    trusts.push_back(trust_of(each, listeners));
  return trusts;
}

Intake::Listeners Intake::prepare(const Config& config, const std::vector<ingest::Trust>& trusts) const {
  for (std::size_t i = 0; i < listeners_.size(); ++i) {
    if (receptions_[i].own_socket || find_config(config, listeners_[i]->name())) continue;
    throw std::runtime_error("listener " + listeners_[i]->name() +
                             ": systemd holds its socket: take it out of the socket unit, too, and restart both");
  }
  Listeners added;
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    const ListenerConfig& each = config.listeners[i];
    const auto known = std::ranges::find(listeners_, each.name, [](const auto& listener) { return listener->name(); });
    if (known == listeners_.end()) {
      added.push_back(make_listener(each, trusts[i], std::nullopt));
    } else if ((*known)->retired()) {
      throw std::runtime_error("listener " + each.name + " was ended since the start; a restart begins it again");
    }
  }
  return added;
}

void Intake::configure(const Config& config, const std::vector<ingest::Trust>& trusts, Listeners added) {
  frame_limit_ = longest_frame(config.pipeline);
  pipeline_.set_options(pipeline_options(config.pipeline));
  for (std::size_t i = 0; i < listeners_.size(); ++i) {
    ingest::Listener& listener = *listeners_[i];
    if (listener.retired()) continue;
    const ListenerConfig* wanted = find_config(config, listener.name());
    if (!wanted) {
      retire(i);
      continue;
    }
    listener.set_trust(trusts[static_cast<std::size_t>(wanted - config.listeners.data())]);
    listener.prefix_rate().set_options(prefix_rate_options(*wanted));
  }
  for (auto& listener : added) {
    add(std::move(listener), true);
    if (receiving_) receive(listeners_.size() - 1);
  }
}

void Intake::add(std::unique_ptr<ingest::Listener> listener, bool own_socket) {
  receptions_.push_back({.receiver = std::make_unique<ingest::Receiver>(*listener, pipeline_, arrivals_, reporter_),
                         .own_socket = own_socket});
  listeners_.push_back(std::move(listener));
}

void Intake::start() {
  receiving_ = true;
  for (std::size_t i = 0; i < listeners_.size(); ++i)
    receive(i);
}

void Intake::receive(std::size_t index) {
  auto greenlet = greenrt::spawn([receiver = receptions_[index].receiver.get()] { receiver->run(); });
  greenlet->set_name("receiver " + listeners_[index]->name());
  greenlet->set_kind(greenrt::Hub::current().kind("receiver"));
  receptions_[index].greenlet = std::move(greenlet);
}

void Intake::retire(std::size_t index) {
  ingest::Listener& listener = *listeners_[index];
  listener.retire();
  if (auto& greenlet = receptions_[index].greenlet) greenlet->kill_soon();
  auto greenlet = greenrt::spawn([this, index] { end(index); });
  greenlet->set_name("retire " + listener.name());
  greenlet->set_kind(greenrt::Hub::current().kind("retire"));
  receptions_[index].retiring = std::move(greenlet);
}

void Intake::end(std::size_t index) {
  ingest::Listener& listener = *listeners_[index];
  if (const auto greenlet = std::exchange(receptions_[index].greenlet, {})) greenlet->join();
  const greenrt::Deadline last_look(kEmptySocket);
  while (receptions_[index].receiver->take_waiting() && !last_look.expired())
    greenrt::yield();
  const bool idle = listener.wait_idle(frame_limit_);
  const bool sent = listener.replies().flush(kFlush);
  listener.close();
  log::info("listener_closed", {{"name", listener.name()}, {"frames_ended", idle}, {"acks_sent", sent}});
}

std::vector<greenrt::GreenletRef> Intake::take_greenlets(greenrt::GreenletRef Reception::*member) {
  std::vector<greenrt::GreenletRef> taken;
  for (Reception& reception : receptions_)
    if (auto greenlet = std::exchange(reception.*member, {})) taken.push_back(std::move(greenlet));
  return taken;
}

void Intake::stop_receiving(greenrt::Deadline deadline) {
  receiving_ = false;
  greenrt::kill_all(take_greenlets(&Reception::retiring));
  greenrt::kill_all(take_greenlets(&Reception::greenlet));
  empty_sockets(&ingest::Receiver::take_waiting, deadline);
}

void Intake::turn_away(greenrt::Deadline deadline) {
  const std::uint64_t before = counters().dropped_total();
  empty_sockets(&ingest::Receiver::turn_away_waiting, deadline);
  if (const auto late = counters().dropped_total() - before) log::info("turned_away", {{"datagrams", late}});
}

void Intake::empty_sockets(bool (ingest::Receiver::*take)(), greenrt::Deadline deadline) {
  std::vector<ingest::Receiver*> not_empty;
  for (std::size_t i = 0; i < listeners_.size(); ++i)
    if (receptions_[i].own_socket && !listeners_[i]->closed()) not_empty.push_back(receptions_[i].receiver.get());
  while (!not_empty.empty() && !deadline.expired()) {
    std::erase_if(not_empty, [take](ingest::Receiver* receiver) { return !(receiver->*take)(); });
    greenrt::yield();
  }
}

void Intake::finish(greenrt::Deadline deadline) {
  if (!pipeline_.wait_idle(deadline)) pipeline_.abandon();
  for (const auto& listener : listeners_) {
    if (!listener->replies().flush(deadline.sooner(kFlush))) {
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
