#include "ingest/device_table.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <functional>
#include <utility>

#include "ingest/keyed_hash.h"
#include "ingest/listener.h"

namespace ingest {
namespace {

constexpr std::size_t kMostBuckets = std::size_t{1} << 20;
constexpr std::size_t kCandidates = 16;  // to make room

struct Key {
  std::string_view nserie;
  std::uint64_t hash;
};
struct KeyHash {
  std::size_t operator()(const Key& key) const { return key.hash; }
};
struct KeyEqual {
  bool operator()(const Key& key, const Device& device) const { return key.nserie == device.nserie(); }
};
struct HashEqual {
  bool operator()(std::uint64_t hash, const Device& device) const { return hash == device.hash(); }
};

}  // namespace

void Device::heard(Listener& listener, const greenrt::UdpPath& path, std::int64_t arrival, std::uint8_t version) {
  if (arrival < last_arrival_) return;
  listener_ = &listener;
  path_ = path;
  version_ = version;
  last_arrival_ = arrival;
}

Device::Proof* Device::proof(const Codec& codec) {
  const auto found = std::ranges::find(proofs_, &codec, &Proof::codec);
  return found == proofs_.end() ? nullptr : &*found;
}

Device::Proof& Device::make_proof(const Codec& codec) {
  if (Proof* known = proof(codec)) return *known;
  return proofs_.emplace_front(Proof{.codec = &codec});
}

DeviceTable::DeviceTable(std::size_t max_devices)
    : max_devices_(max_devices),
      buckets_(std::bit_ceil(std::clamp<std::size_t>(max_devices, 1, kMostBuckets))),
      index_(Index::bucket_traits(buckets_.data(), buckets_.size())) {}

DeviceTable::~DeviceTable() {
  assert(held_ == 0);
  index_.clear();
}

DeviceTable::Hold DeviceTable::hold(std::string_view nserie) {
  return hold(nserie, keyed_hash(as_bytes(nserie)));
}

DeviceTable::Hold DeviceTable::hold(std::string_view nserie, std::uint64_t hash) {
  const auto known = index_.find(Key{nserie, hash}, KeyHash(), KeyEqual());
  Device& device = known == index_.end() ? insert(nserie, hash) : *known;
  if (device.holds_++ == 0) ++held_;
  return {*this, device};
}

DeviceTable::Familiarity DeviceTable::familiarity(std::uint64_t hash, const greenrt::SocketAddress& peer) const {
  const auto known = index_.find(hash, std::identity(), HashEqual());
  if (known == index_.end() || !known->listener_) return Familiarity::kUnheard;
  const greenrt::SocketAddress& heard = known->path_.peer;
  if (heard.mapped() != peer.mapped()) return Familiarity::kElsewhere;
  return heard.port() == peer.port() ? Familiarity::kSamePort : Familiarity::kSameHost;
}

void DeviceTable::note_proof(std::string_view nserie, const Codec& codec, const ReplayWindow& window) {
  const auto found = index_.find(Key{nserie, keyed_hash(as_bytes(nserie))}, KeyHash(), KeyEqual());
  if (found == index_.end()) return;
  const bool proved_here = found->proof(codec) != nullptr;
  Device::Proof& proof = found->make_proof(codec);
  const bool old_number = proof.heard != 0 && proof.heard <= window.highest();
  const bool heard_by_it = found->listener() && &found->listener()->codec() == &codec;
  if (!std::exchange(proof.past_known, true) && heard_by_it && (!proved_here || old_number)) found->forget_where();
  proof.guard.merge(window);
}

const Device* DeviceTable::find(std::string_view nserie) const {
  const auto known = index_.find(Key{nserie, keyed_hash(as_bytes(nserie))}, KeyHash(), KeyEqual());
  return known == index_.end() || !known->listener_ ? nullptr : &*known;
}

void DeviceTable::fetch_bucket(std::uint64_t hash) const {
  __builtin_prefetch(&buckets_[hash & (buckets_.size() - 1)]);
}

void DeviceTable::fetch_device(std::uint64_t hash) const {
  const std::size_t bucket = hash & (buckets_.size() - 1);
  if (index_.begin(bucket) == index_.end(bucket)) return;
  const auto* device = reinterpret_cast<const char*>(&*index_.begin(bucket));
  __builtin_prefetch(device);
  __builtin_prefetch(device + 64);
}

Device& DeviceTable::insert(std::string_view nserie, std::uint64_t hash) {
  if (size() >= max_devices_) make_room();
  auto& device = *devices_.emplace_back(std::make_unique<Device>(nserie, hash));
  device.index_ = static_cast<std::uint32_t>(devices_.size() - 1);
  index_.insert(device);
  return device;
}

void DeviceTable::release(Device& device) noexcept {
  if (--device.holds_ > 0) return;
  --held_;
  const bool known = device.listener_ || device.has_proved_itself();
  if (!known || size() > max_devices_) forget(device);
}

void DeviceTable::forget(Device& device) noexcept {
  index_.erase(index_.iterator_to(device));
  auto& place = devices_[device.index_];
  std::swap(place, devices_.back());
  place->index_ = device.index_;
  devices_.pop_back();
}

void DeviceTable::make_room() {
  Device* oldest = nullptr;
  const auto consider = [&oldest](Device& device) {
    if (device.holds_ == 0 && (!oldest || device.last_arrival_ < oldest->last_arrival_)) oldest = &device;
  };
  if (size() <= kCandidates) {
    for (const auto& device : devices_)
      consider(*device);
  } else {
    for (std::size_t i = 0; i < kCandidates; ++i)
      consider(*devices_[random_() % size()]);
  }
  if (oldest) forget(*oldest);
}

}  // namespace ingest
