#include "daemon/trust_files.h"

#include <algorithm>
#include <memory>
#include <string>

#include "daemon/logging.h"
#include "daemon/secret.h"
#include "ingest/codec.h"

namespace hilera {
namespace {

constexpr std::size_t kLargestFile = 64U << 20;
constexpr std::size_t kLongestSerial = 127;  // the width of the column nserie

ingest::AuthPolicy policy_of(AuthMode mode) {
  switch (mode) {
    case AuthMode::kOptional:
      return ingest::AuthPolicy::kOptional;
    case AuthMode::kRequired:
      return ingest::AuthPolicy::kRequired;
    case AuthMode::kNone:
      break;
  }
  return ingest::AuthPolicy::kNone;
}

std::shared_ptr<const ingest::KeyRing> load_keys(const std::string& source, ingest::KeyForm form) {
  const Secret file = read_secret_file(source, kLargestFile);
  if (!file.warning.empty()) log::warning("keys_readable", {{"detail", file.warning}});
  return ingest::KeyRing::parse(file.value, form, source);
}

std::shared_ptr<const ingest::KnownDevices> load_devices(const std::string& path, const ingest::Codec* codec) {
  const Secret file = read_secret_file(path, kLargestFile);
  auto devices = std::make_shared<ingest::KnownDevices>();
  std::string_view rest = file.value;
  for (int number = 1; !rest.empty(); ++number) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    line = line.substr(0, line.find_last_not_of(" \t\r") + 1);
    if (line.empty() || line.front() == '#') continue;
    const bool valid = line.size() <= kLongestSerial &&
                       std::all_of(line.begin(), line.end(), [](char c) { return c > ' ' && c < '\x7f'; });
    if (!valid) {
      throw std::runtime_error(path + ":" + std::to_string(number) +
                               ": expected one serial, 1 to 127 printable characters without spaces");
    }
    devices->insert(codec ? codec->stored_form(line) : std::string(line));
  }
  return devices;
}

}  // namespace

ingest::Trust load_trust(const ListenerConfig& config) try {
  ingest::Trust trust{
      .auth = policy_of(config.auth),
      .devices = config.devices == DevicesMode::kKnown ? ingest::DevicePolicy::kKnown : ingest::DevicePolicy::kAny,
      .pin = config.pin_address};
  const ingest::Codec* codec = ingest::find_codec(config.codec);
  if (codec && !config.keys_file.empty()) trust.keys = load_keys(config.keys_file, codec->key_form());
  if (!config.devices_file.empty()) trust.known = load_devices(config.devices_file, codec);
  return trust;
} catch (const std::runtime_error& error) {
  throw TrustFileError("listener " + config.name + ": " + error.what());
}

}  // namespace hilera
