#include "ingest/key_ring.h"

#include <sodium.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "ingest/native_frame.h"

namespace ingest {
namespace {

constexpr std::string_view kMaster = "*";
constexpr std::string_view kPersonal = "hilera-device-01";
constexpr std::string_view kBlank = " \t";
static_assert(kPersonal.size() == crypto_generichash_blake2b_PERSONALBYTES);

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") + 1 - begin);
}

std::string_view take_word(std::string_view& line) {
  const std::string_view word = line.substr(0, line.find_first_of(kBlank));
  line = trimmed(line.substr(word.size()));
  return word;
}

}  // namespace

DeviceKey::DeviceKey(std::span<const std::byte, kSize> bytes) {
  std::ranges::copy(bytes, bytes_.begin());
}

DeviceKey::~DeviceKey() {
  sodium_memzero(bytes_.data(), bytes_.size());
}

DeviceKey DeviceKey::generate() {
  DeviceKey key;
  randombytes_buf(key.bytes_.data(), key.bytes_.size());
  return key;
}

DeviceKey DeviceKey::derive(std::string_view serial) const {
  DeviceKey key;
  crypto_generichash_blake2b_salt_personal(reinterpret_cast<unsigned char*>(key.bytes_.data()), key.bytes_.size(),
                                           reinterpret_cast<const unsigned char*>(serial.data()), serial.size(),
                                           reinterpret_cast<const unsigned char*>(bytes_.data()), bytes_.size(),
                                           nullptr, reinterpret_cast<const unsigned char*>(kPersonal.data()));
  return key;
}

std::optional<DeviceKey> DeviceKey::from_hex(std::string_view digits) {
  DeviceKey key;
  std::size_t size = 0;
  const bool valid = digits.size() == 2 * kSize &&
                     sodium_hex2bin(reinterpret_cast<unsigned char*>(key.bytes_.data()), kSize, digits.data(),
                                    digits.size(), nullptr, &size, nullptr) == 0 &&
                     size == kSize;
  return valid ? std::optional(key) : std::nullopt;
}

std::shared_ptr<const KeyRing> KeyRing::parse(std::string_view text, KeyForm form, std::string_view file) {
  const std::shared_ptr<KeyRing> ring(new KeyRing);
  ring->capacity_ = text.size() + 1;  // a secret is shorter than its line
  ring->arena_ = std::make_unique<std::byte[]>(ring->capacity_);
  // Refused beyond RLIMIT_MEMLOCK: the secrets may then reach the swap, which is no reason not to run.
  static_cast<void>(sodium_mlock(ring->arena_.get(), ring->capacity_));
  for (int number = 1; !text.empty(); ++number) {
    const std::string_view line = trimmed(text.substr(0, text.find('\n')));
    text.remove_prefix(std::min(text.size(), text.find('\n')));
    if (!text.empty()) text.remove_prefix(1);
    if (line.empty() || line.front() == '#') continue;
    try {
      form == KeyForm::kPasswords ? ring->add_password(line) : ring->add_device_key(line);
    } catch (const std::invalid_argument& error) {
      throw KeyFileError(std::string(file) + ":" + std::to_string(number) + ": " + error.what());
    }
  }
  return ring;
}

KeyRing::~KeyRing() {
  sodium_munlock(arena_.get(), capacity_);  // zeroes it
}

void KeyRing::add_device_key(std::string_view line) {
  const std::string_view name = take_word(line);
  const std::string_view number = take_word(line);
  std::uint8_t id = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), id);
  if (name != kMaster && !native::is_serial(name)) {
    throw std::invalid_argument("expected a serial (1 to 32 letters, digits, '.', '_' or '-') or * for all devices");
  }
  if (number.empty() || error != std::errc() || end != number.data() + number.size()) {
    throw std::invalid_argument("expected the number of the key, 0 to 255, behind the serial");
  }
  const auto key = DeviceKey::from_hex(line);
  if (!key) throw std::invalid_argument("expected a key of 64 hex digits behind its number");
  Keys& keys = name == kMaster ? masters_ : named_[std::string(name)];
  if (!keys.try_emplace(id, keep(key->bytes())).second) {
    throw std::invalid_argument("a second key " + std::string(number) + " of " + std::string(name));
  }
}

void KeyRing::add_password(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) throw std::invalid_argument("expected USER: PASSWORD");
  const std::string_view user = trimmed(line.substr(0, colon));
  const std::string_view password = trimmed(line.substr(colon + 1));
  if (user.empty() || password.empty()) throw std::invalid_argument("expected USER: PASSWORD, neither of them empty");
  if (!named_[std::string(user)].try_emplace(0, keep(as_bytes(password))).second) {
    throw std::invalid_argument("a second password of " + std::string(user));
  }
}

KeyRing::Secret KeyRing::keep(Bytes secret) {
  std::ranges::copy(secret, arena_.get() + used_);
  const Secret kept{.offset = used_, .size = secret.size()};
  used_ += secret.size();
  ++size_;
  return kept;
}

DeviceKey KeyRing::key_of(const Secret& secret) const {
  return DeviceKey(bytes_of(secret).first<DeviceKey::kSize>());
}

std::optional<DeviceKey> KeyRing::device_key(std::string_view serial, std::uint8_t id) const {
  if (const auto own = named_.find(serial); own != named_.end()) {
    const auto key = own->second.find(id);
    if (key != own->second.end() && key->second.size == DeviceKey::kSize) return key_of(key->second);
  }
  const auto master = masters_.find(id);
  if (master == masters_.end()) return std::nullopt;
  return key_of(master->second).derive(serial);
}

std::optional<Bytes> KeyRing::password(std::string_view user) const {
  const auto found = named_.find(user);
  if (found == named_.end()) return std::nullopt;
  return bytes_of(found->second.begin()->second);
}

}  // namespace ingest
