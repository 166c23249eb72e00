#include "ingest/transmitter.h"

#include <chrono>
#include <system_error>

#include "greenrt/greenlet.h"
#include "ingest/listener.h"

namespace ingest {
namespace {

constexpr std::chrono::seconds kSendLimit{1};

bool proves_itself(const Device& device, const Listener& listener) {
  return device.proof() && device.proof()->codec == &listener.codec();
}

// A device that proves itself is spoken to under the key that it used last.
std::optional<DownlinkKey> key_for(const Device& device, const Listener& listener) {
  const Device::Proof* proof = device.proof();
  if (!proof->key_id || !listener.trust().keys) return std::nullopt;
  const auto key = listener.trust().keys->device_key(device.nserie(), *proof->key_id);
  return key ? std::optional(DownlinkKey{.id = *proof->key_id, .key = *key}) : std::nullopt;
}

}  // namespace

Transmitter::Transmitter(const TransmitterOptions& options, DownlinkSource& source, const DeviceTable& devices,
                         Reporter& reporter)
    : options_(options), source_(source), devices_(devices), reporter_(reporter) {}

void Transmitter::run() {
  while (true) {
    bool more = false;
    try {
      more = poll() == options_.batch;
    } catch (const std::exception& error) {
      ++counters_.source_errors;
      reporter_.warn("downlink_source_failed", "transmitter", error.what());
    }
    greenrt::sleep(more ? greenrt::Duration::zero() : options_.poll_interval);
  }
}

std::size_t Transmitter::poll() {
  const auto downlinks = source_.due(options_.batch);
  for (const Downlink& downlink : downlinks)
    transmit(downlink);
  return downlinks.size();
}

void Transmitter::transmit(const Downlink& downlink) {
  const Device* device = devices_.find(downlink.nserie);
  if (!device) return;
  // Copies: the table may change while the source yields.
  Listener& listener = *device->listener();
  const greenrt::UdpPath path = device->path();
  const std::int64_t heard_at = device->last_arrival();

  const bool proved = proves_itself(*device, listener);
  const auto key = proved ? key_for(*device, listener) : std::nullopt;
  if (proved && !key) return;  // it would not believe us; its next frame names a key
  const auto bytes =
      listener.codec().encode_downlink(downlink.nserie, downlink.id, downlink.payload, key ? &*key : nullptr);
  if (!bytes) {
    fail(downlink, "the codec of the device cannot carry this payload", false);
    return;
  }
  const DownlinkManners manners = listener.codec().downlink_manners(0);
  if (!source_.begin_attempt(downlink, {.repeatable = manners.repeatable, .heard_at = heard_at})) return;
  // From here on a kill would leave an attempt of unknown outcome, and the frame would be sent twice.
  const greenrt::Shield until_marked;
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
