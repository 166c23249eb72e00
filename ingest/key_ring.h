// KeyRing: the secrets with which datagrams prove who sent them, as one file of keys gives them.
//
// Two forms. Device keys, for codec `native`: a line `SERIAL ID KEY`, or `* ID KEY` for a master key from which the
// keys of all devices are derived; KEY is 64 hex digits, ID 0 to 255. A device may have several keys at a time, which
// is how they are rotated. Passwords, for codec `collectd`: a line `USER: PASSWORD`, which is the form of collectd's
// own AuthFile. In both, empty lines and lines that begin with # mean nothing.
//
// Derivation: BLAKE2b-256 of the serial, keyed with the master key, personalised with "hilera-device-01".
//
// Immutable after parse(); its memory is locked where the limit allows, and zeroed when it is freed. Never yields.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>

#include "ingest/bytes.h"
#include "ingest/text_hash.h"

namespace ingest {

// Zeroed at its end.
class DeviceKey {
 public:
  static constexpr std::size_t kSize = 32;

  DeviceKey() = default;
  explicit DeviceKey(std::span<const std::byte, kSize> bytes);
  DeviceKey(const DeviceKey&) = default;
  DeviceKey& operator=(const DeviceKey&) = default;
  ~DeviceKey();

  // Random, from the kernel.
  static DeviceKey generate();
  // The key of a device under a master key.
  [[nodiscard]] DeviceKey derive(std::string_view serial) const;
  // None unless it is 64 hex digits.
  static std::optional<DeviceKey> from_hex(std::string_view digits);

  [[nodiscard]] std::span<const std::byte, kSize> bytes() const { return bytes_; }

 private:
  std::array<std::byte, kSize> bytes_{};
};

enum class KeyForm : std::uint8_t { kNone, kDeviceKeys, kPasswords };

// `FILE:LINE: what is wrong`; never holds a part of a key.
class KeyFileError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

class KeyRing {
 public:
  // Throws KeyFileError. `file` is what messages call it.
  static std::shared_ptr<const KeyRing> parse(std::string_view text, KeyForm form, std::string_view file);
  ~KeyRing();
  KeyRing(const KeyRing&) = delete;
  KeyRing& operator=(const KeyRing&) = delete;

  // A device's own key of that number, or else the one derived from the master key of that number.
  [[nodiscard]] std::optional<DeviceKey> device_key(std::string_view serial, std::uint8_t id) const;
  // Valid as long as the ring.
  [[nodiscard]] std::optional<Bytes> password(std::string_view user) const;

  // The device or user has a line of its own.
  [[nodiscard]] bool names(std::string_view name) const { return named_.contains(name); }
  // Keys and passwords, master keys included.
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  struct Secret {
    std::size_t offset = 0;
    std::size_t size = 0;
  };
  using Keys = std::unordered_map<std::uint8_t, Secret>;

  KeyRing() = default;
  void add_device_key(std::string_view line);
  void add_password(std::string_view line);
  [[nodiscard]] Secret keep(Bytes secret);
  [[nodiscard]] Bytes bytes_of(const Secret& secret) const {
    return Bytes(arena_.get(), used_).subspan(secret.offset, secret.size);
  }
  [[nodiscard]] DeviceKey key_of(const Secret& secret) const;

  std::unique_ptr<std::byte[]> arena_;  // all secrets, one after the other
  std::size_t capacity_ = 0;
  std::size_t used_ = 0;
  std::size_t size_ = 0;
  Keys masters_;
  std::unordered_map<std::string, Keys, TextHash, std::equal_to<>> named_;
};

}  // namespace ingest
