#include "daemon/ctl/keys.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <ostream>
#include <stdexcept>
#include <string>

#include "daemon/ctl/answer.h"
#include "daemon/exit_codes.h"
#include "daemon/hex.h"
#include "daemon/secret.h"
#include "ingest/key_ring.h"
#include "ingest/native_frame.h"

namespace hilera::ctl {
namespace {

constexpr std::size_t kLargestFile = 64U << 20;
constexpr std::string_view kAllDevices = "*";

void print_key(const CommandLine& line, std::string_view name, const ingest::DeviceKey& key, std::ostream& out) {
  const std::string digits = to_hex(key.bytes());
  print(out, line, {{"nserie", name}, {"key_id", line.key_id}, {"key", digits}},
        fmt::format("{} {} {}\n", name, line.key_id, digits));
}

void require_serial(const std::string& nserie) {
  if (!ingest::native::is_serial(nserie)) {
    throw std::invalid_argument("'" + nserie + "' is no serial: 1 to 32 letters, digits, '.', '_' or '-'");
  }
}

}  // namespace

int generate_key(const CommandLine& line, std::ostream& out) {
  if (!line.nserie.empty()) require_serial(line.nserie);
  print_key(line, line.nserie.empty() ? kAllDevices : line.nserie, ingest::DeviceKey::generate(), out);
  return kExitOk;
}

int derive_key(const CommandLine& line, std::ostream& out) {
  require_serial(line.nserie);
  const auto keys = ingest::KeyRing::parse(read_secret_file(line.keys_file, kLargestFile).value,
                                           ingest::KeyForm::kDeviceKeys, line.keys_file);
  const auto key = keys->device_key(line.nserie, line.key_id);
  if (!key) throw std::runtime_error(fmt::format("{} has no key {} of {}", line.keys_file, line.key_id, line.nserie));
  print_key(line, line.nserie, *key, out);
  return kExitOk;
}

}  // namespace hilera::ctl
