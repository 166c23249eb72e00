#include "daemon/sim/fleet.h"

#include <algorithm>

namespace hilera::sim {

Fleet::Fleet(Protocol& protocol, const FleetOptions& options, Tally& tally)
    : protocol_(protocol),
      tally_(tally),
      window_(options.window),
      acks_(options.acks),
      policy_(options.resend),
      random_(options.seed),
      has_turn_(options.devices, true),
      slots_(options.acks ? options.devices * options.window : 0) {
  devices_.reserve(options.devices);
  for (std::size_t i = 0; i < options.devices; ++i) {
    devices_.push_back({.index = i, .serial = protocol.serial(i), .telemetry = Telemetry(random_.next())});
    turns_.push_back(i);
  }
}

std::optional<Transmission> Fleet::make_frame(TimePoint now, WallTime wall) {
  if (turns_.empty()) return std::nullopt;
  const std::size_t index = turns_.front();
  turns_.pop_front();
  has_turn_[index] = false;
  Device& device = devices_[index];
  std::vector<std::byte>& bytes = acks_ ? slot_of(index, device.made).bytes : scratch_;
  const std::size_t records = protocol_.make_frame(device, wall, acks_, bytes);
  ++tally_.sent;
  tally_.records += records;
  if (acks_) {
    Slot& slot = slot_of(index, device.made);
    slot.number = device.made;
    slot.device = index;
    slot.records = records;
    slot.open = true;
    slot.transmissions = 0;
    slot.first_sent = now;
    ++tally_.unacked;
    sent(slot, now);
  }
  ++device.made;
  take_turn_if_room(index);
  return Transmission{index, bytes};
}

void Fleet::take_turn_if_room(std::size_t device) {
  if (has_turn_[device]) return;
  if (acks_ && slot_of(device, devices_[device].made).open) return;
  has_turn_[device] = true;
  turns_.push_back(device);
}

void Fleet::sent(Slot& slot, TimePoint now) {
  auto wait = policy_.first;
  for (unsigned i = 0; i < slot.transmissions && wait < policy_.longest; ++i)
    wait *= 2;
  wait = std::min(wait, policy_.longest);
  const std::chrono::duration<double> extra = std::chrono::duration<double>(wait) * policy_.jitter * random_.unit();
  ++slot.transmissions;
  slot.due = now + wait + std::chrono::duration_cast<greenrt::Duration>(extra);
  queue(slot);
}

void Fleet::queue(Slot& slot) {
  if (slot.queued && slot.queued_at <= slot.due) return;
  resends_.push({slot.due, static_cast<std::size_t>(&slot - slots_.data())});
  slot.queued = true;
  slot.queued_at = slot.due;
}

std::optional<Transmission> Fleet::resend(TimePoint now) {
  while (!resends_.empty() && resends_.top().when <= now) {
    const Resend entry = resends_.top();
    resends_.pop();
    Slot& slot = slots_[entry.slot];
    if (!slot.queued || slot.queued_at != entry.when) continue;
    slot.queued = false;
    if (!slot.open) continue;
    if (slot.due > now) {
      queue(slot);
      continue;
    }
    sent(slot, now);
    ++tally_.resent;
    return Transmission{slot.device, slot.bytes};
  }
  return std::nullopt;
}

std::optional<Fleet::TimePoint> Fleet::next_resend() const {
  if (resends_.empty()) return std::nullopt;
  return resends_.top().when;
}

// The number that the answer means: of those made, the last one that agrees with it. None when there is none.
std::optional<std::uint64_t> Fleet::number_of(const Answer& answer) const {
  if (answer.device >= devices_.size() || devices_[answer.device].made == 0) return std::nullopt;
  const std::uint64_t last = devices_[answer.device].made - 1;
  if (answer.modulus == 0) return answer.number <= last ? std::optional(answer.number) : std::nullopt;
  const std::uint64_t back = (last % answer.modulus + answer.modulus - answer.number % answer.modulus) % answer.modulus;
  return back <= last ? std::optional(last - back) : std::nullopt;
}

std::optional<ingest::Bytes> Fleet::acknowledge(const Answer& answer, TimePoint now) {
  const auto number = acks_ ? number_of(answer) : std::nullopt;
  if (!number) {
    ++tally_.unexpected;
    return std::nullopt;
  }
  Slot& slot = slot_of(answer.device, *number);
  if (!slot.open || slot.number != *number) {
    ++tally_.duplicate_acks;
    return std::nullopt;
  }
  if (answer.records && *answer.records != slot.records) {
    ++tally_.unexpected;
    return std::nullopt;
  }
  slot.open = false;
  ++tally_.acked;
  --tally_.unacked;
  if (answer.refused) ++tally_.refused;
  tally_.ack_latency.add(now - slot.first_sent);
  take_turn_if_room(answer.device);
  return slot.bytes;
}

}  // namespace hilera::sim
