#include "ingest/transmitter.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <system_error>

#include "greenrt/greenlet.h"
#include "ingest/arrival_clock.h"

namespace ingest {
namespace {

constexpr std::chrono::seconds kSendLimit{1};

// A device that proves itself is spoken to under the key that it used last.
std::optional<DownlinkKey> key_for(const Device& device, const Listener& listener) {
  const Device::Proof* proof = device.proof(listener.codec());
  if (!proof || !proof->key_id || !listener.trust().keys) return std::nullopt;
  const auto key = listener.trust().keys->device_key(device.nserie(), *proof->key_id);
  return key ? std::optional(DownlinkKey{.id = *proof->key_id, .key = *key}) : std::nullopt;
}

// The way to a device that was not heard for long may be closed, or lead to another one.
bool is_silent(const Device& device, const Listener& listener) {
  const std::chrono::microseconds since(ArrivalClock::now() - device.last_arrival());
  return listener.reply_window() > greenrt::Duration::zero() && since > listener.reply_window();
}

std::string address_of(const Listener& listener, const greenrt::SocketAddress& peer) {
  return listener.name() + " " + peer.to_string();
}

}  // namespace

Transmitter::Transmitter(const TransmitterOptions& options, DownlinkSource& source, const DeviceTable& devices,
                         Reporter& reporter)
    : options_(options), source_(source), devices_(devices), reporter_(reporter) {}

void Transmitter::run() {
  while (true) {
    bool more = false;
    const auto guarded = [this](auto step) {
      try {
        step();
      } catch (const std::exception& error) {
        ++counters_.source_errors;
        reporter_.warn("downlink_source_failed", "transmitter", error.what());
      }
    };
    guarded([&] { more = poll() == options_.batch; });
    guarded([&] { serve_woken(); });
    if (more) {
      greenrt::yield();
      continue;
    }
    const greenrt::Deadline next_pass(options_.poll_interval);
    while (work_.wait(next_pass) && !next_pass.expired())
      guarded([&] { serve_woken(); });
  }
}

std::size_t Transmitter::poll() {
  release_addresses();
  const auto downlinks = source_.due(options_.batch);
  for (const Downlink& downlink : downlinks)
    transmit(downlink);
  return downlinks.size();
}

void Transmitter::serve_woken() {
  work_.clear();
  while (!woken_.empty()) {
    const std::string nserie = std::move(woken_.front());
    woken_.pop_front();
    if (const auto downlink = source_.due_for(nserie)) transmit(*downlink);
  }
}

void Transmitter::heard(std::string_view nserie) noexcept {
  if (awaited_.empty()) return;
  const auto found = awaited_.find(nserie);
  if (found == awaited_.end()) return;
  awaited_.erase(found);
  wake(nserie);
}

void Transmitter::ended(std::string_view nserie) noexcept {
  wake(nserie);
}

void Transmitter::wake(std::string_view nserie) noexcept {
  if (woken_.size() == kMostAwaited) return;
  try {
    woken_.emplace_back(nserie);
    work_.set();
  } catch (const std::bad_alloc&) {
    reporter_.warn("downlink_waits_for_next_pass", nserie, "out of memory");
  }
}

void Transmitter::await(const std::string& nserie) {
  if (awaited_.size() < kMostAwaited) awaited_.insert(nserie);
}

std::optional<std::string> Transmitter::take_addressee(const Listener& listener, const greenrt::SocketAddress& peer) {
  if (commands_.empty()) return std::nullopt;
  const auto command = commands_.extract(address_of(listener, peer));
  if (command.empty() || command.mapped().until.expired()) return std::nullopt;
  return command.mapped().nserie;
}

bool Transmitter::has_addressee(const Listener& listener, const greenrt::SocketAddress& peer) const {
  if (commands_.empty()) return false;
  const auto command = commands_.find(address_of(listener, peer));
  return command != commands_.end() && !command->second.until.expired();
}

bool Transmitter::hold_address(const std::string& address, const Downlink& downlink) {
  Command& command = commands_[address];
  if (command.nserie != downlink.nserie && !command.until.expired()) return false;
  command = {.nserie = downlink.nserie, .until = std::max<greenrt::Duration>(kAddressHeld, downlink.answer_timeout)};
  return true;
}

void Transmitter::release_addresses() {
  std::erase_if(commands_, [](const auto& each) { return each.second.until.expired(); });
}

void Transmitter::transmit(const Downlink& downlink) {
  const Device* device = devices_.find(downlink.nserie);
  if (!device || device->listener()->retired() || is_silent(*device, *device->listener()))
    return await(downlink.nserie);
  // Copies: the table may change while the source yields.
  Listener& listener = *device->listener();
  const greenrt::UdpPath path = device->path();
  const std::uint8_t version = device->version();
  const std::int64_t heard_at = device->last_arrival();

  const Device::Proof* proof = device->proof(listener.codec());
  const bool proved = proof != nullptr;
  const std::uint64_t heard_number = proof ? proof->heard : 0;
  const auto key = key_for(*device, listener);
  if (proved && !key) return await(downlink.nserie);  // it would not believe us; its next frame names a key
  const Codec& codec = listener.codec();
  const auto bytes =
      codec.encode_downlink(downlink.nserie, downlink.id, downlink.payload, {key ? &*key : nullptr, version});
  const DownlinkManners manners = codec.downlink_manners(version);
  const std::string address = manners.answers_name_device ? std::string() : address_of(listener, path.peer);
  greenrt::yield();  // a kill comes here, or after the mark: in between it would leave an attempt of unknown outcome
  if (!address.empty() && !hold_address(address, downlink)) return;
  const greenrt::Shield until_marked;
  if (!source_.begin_attempt(downlink, {.repeatable = manners.repeatable,
                                        .heard_at = heard_at,
                                        .guarded_codec = listener.trust().guarded ? codec.name() : "",
                                        .heard_number = heard_number})) {
    commands_.erase(address);
    return;
  }
  if (!bytes) {
    commands_.erase(address);
    fail(downlink, "the codec of the device cannot carry this payload", false);
    return;
  }
  if (const int error = listener.replies().send(*bytes, path, kSendLimit)) {
    fail(downlink, std::system_category().message(error), true);
    return;
  }
  ++counters_.sent;
  source_.mark_sent(downlink, manners.answered);
}

void Transmitter::fail(const Downlink& downlink, std::string_view error, bool retry) {
  ++counters_.failed;
  source_.mark_failed(downlink, error, retry);
}

}  // namespace ingest
