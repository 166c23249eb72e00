// DeviceTable: the devices that there are, as far as they are remembered: for each the chain of its frames, and where
// it was heard last.
//
// A Hold keeps a device in the table while something of it is under way. Without one a device stays as long as there is
// room, if it was heard or has proved itself; when there is none, one that was heard long ago makes room (the one
// longest ago of a few taken at random, which is nearly the one longest ago of all, and costs a device that is heard
// nothing). So the table is bounded by `max_devices` and the number of holds.
//
// One look-up a frame: serials are hashed before, and fetch_bucket() and fetch_device() bring what it will touch into
// the cache, so that it takes no longer among a hundred thousand devices than among a thousand.
//
// Never yields. One thread only.

#pragma once

#include <boost/intrusive/unordered_set.hpp>

#include <cstddef>
#include <cstdint>
#include <forward_list>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "greenrt/udp_socket.h"
#include "ingest/codec.h"
#include "ingest/replay_guard.h"
#include "ingest/serial_chain.h"

namespace ingest {

class Listener;

// Two cache lines, the first of which is what a look-up and a chain touch.
class alignas(64) Device : public boost::intrusive::unordered_set_base_hook<> {
 public:
  Device(std::string_view nserie, std::uint64_t hash) : nserie_(nserie), hash_(hash) {}

  [[nodiscard]] const std::string& nserie() const { return nserie_; }
  [[nodiscard]] std::uint64_t hash() const { return hash_; }  // keyed_hash() of it
  [[nodiscard]] SerialChain& chain() { return chain_; }

  // Those who hold it: the frames of it that are under way.
  [[nodiscard]] std::size_t holds() const { return holds_; }

  // Where it was heard last. No listener: nowhere yet.
  [[nodiscard]] Listener* listener() const { return listener_; }  // lives as long as the table
  [[nodiscard]] const greenrt::UdpPath& path() const { return path_; }
  [[nodiscard]] std::uint8_t version() const { return version_; }            // see Decoded
  [[nodiscard]] std::int64_t last_arrival() const { return last_arrival_; }  // microseconds since 1970

  // Notes that a datagram came over `path`. An earlier arrival than the noted one changes nothing.
  void heard(Listener& listener, const greenrt::UdpPath& path, std::int64_t arrival, std::uint8_t version = 0);
  // Until it is heard again.
  void forget_where() { listener_ = nullptr; }

  // What it has proved since it is remembered, in the words of one codec.
  struct Proof {
    const Codec* codec = nullptr;
    std::optional<std::uint8_t> key_id;  // the one that it used last, since it is remembered here
    std::uint64_t heard = 0;             // the number with which its address came last; 0: with none
    bool past_known = false;             // `guard` also knows what was before it was remembered here
    ReplayGuard guard;
  };
  // nullptr: nothing.
  [[nodiscard]] Proof* proof(const Codec& codec);
  [[nodiscard]] const Proof* proof(const Codec& codec) const { return const_cast<Device*>(this)->proof(codec); }
  [[nodiscard]] bool has_proved_itself() const { return !proofs_.empty(); }  // whatever the codec
  Proof& make_proof(const Codec& codec);

 private:
  friend class DeviceTable;

  std::string nserie_;
  std::uint64_t hash_;
  SerialChain chain_;
  std::uint32_t holds_ = 0;
  std::uint32_t index_ = 0;  // in DeviceTable::devices_
  std::int64_t last_arrival_ = 0;
  Listener* listener_ = nullptr;
  greenrt::UdpPath path_;
  std::uint8_t version_ = 0;
  std::forward_list<Proof> proofs_;
};

class DeviceTable {
 public:
  class Hold {
   public:
    Hold() = default;
    Hold(Hold&& other) noexcept
        : table_(std::exchange(other.table_, nullptr)), device_(std::exchange(other.device_, nullptr)) {}
    Hold& operator=(Hold&& other) noexcept {
      std::swap(table_, other.table_);
      std::swap(device_, other.device_);
      return *this;
    }
    ~Hold() {
      if (table_) table_->release(*device_);
    }
    Device* operator->() const { return device_; }
    Device& operator*() const { return *device_; }

   private:
    friend class DeviceTable;
    Hold(DeviceTable& table, Device& device) : table_(&table), device_(&device) {}
    DeviceTable* table_ = nullptr;
    Device* device_ = nullptr;
  };

  explicit DeviceTable(std::size_t max_devices);
  ~DeviceTable();
  DeviceTable(const DeviceTable&) = delete;
  DeviceTable& operator=(const DeviceTable&) = delete;

  // The device of that serial, known or new. `hash` is its keyed_hash(). Throws for memory only.
  [[nodiscard]] Hold hold(std::string_view nserie, std::uint64_t hash);
  [[nodiscard]] Hold hold(std::string_view nserie);

  // nullptr when it was not heard, or is forgotten. Valid until the next hold is taken or given back.
  [[nodiscard]] const Device* find(std::string_view nserie) const;

  // How near `peer` is to where the device with this keyed_hash() was heard last. kUnheard: nobody has heard it.
  enum class Familiarity : std::uint8_t { kElsewhere, kUnheard, kSameHost, kSamePort };
  [[nodiscard]] Familiarity familiarity(std::uint64_t hash, const greenrt::SocketAddress& peer) const;

  // What is known from elsewhere of what a device has proved. Only of one that is in the table. Where it is has to be
  // heard again if that came from a datagram which would not have been believed, had this been known.
  void note_proof(std::string_view nserie, const Codec& codec, const ReplayWindow& window);

  // In two steps, a few datagrams apart: the second one reads what the first one fetches.
  void fetch_bucket(std::uint64_t hash) const;
  void fetch_device(std::uint64_t hash) const;

  [[nodiscard]] std::size_t size() const { return devices_.size(); }
  // Those that somebody holds.
  [[nodiscard]] std::size_t held() const { return held_; }

 private:
  struct Hash {
    std::size_t operator()(const Device& device) const { return device.hash_; }
  };
  struct Same {
    bool operator()(const Device& a, const Device& b) const { return a.nserie_ == b.nserie_; }
  };
  using Index = boost::intrusive::unordered_set<Device, boost::intrusive::hash<Hash>, boost::intrusive::equal<Same>,
                                                boost::intrusive::power_2_buckets<true>,
                                                boost::intrusive::constant_time_size<false>>;

  Device& insert(std::string_view nserie, std::uint64_t hash);
  void release(Device& device) noexcept;
  void forget(Device& device) noexcept;
  void make_room();

  std::size_t max_devices_;
  std::size_t held_ = 0;
  std::vector<std::unique_ptr<Device>> devices_;
  std::vector<Index::bucket_type> buckets_;
  Index index_;
  std::minstd_rand random_{std::random_device()()};
};

}  // namespace ingest
