#include "daemon/control_arguments.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <string_view>

#include "daemon/units.h"

namespace hilera::control {
namespace {

using nlohmann::json;
using std::chrono::seconds;

constexpr std::size_t kLongestSerial = 127;         // columns nserie
constexpr std::size_t kLongestPayload = 60 * 1024;  // no datagram carries more
constexpr std::chrono::days kLongestTime{3650};

// nullptr when it is missing or null.
const json* find_argument(const json& arguments, const char* name) {
  const auto found = arguments.find(name);
  return found == arguments.end() || found->is_null() ? nullptr : &*found;
}

std::byte hex_digit(char c, const char* name) {
  if (c >= '0' && c <= '9') return static_cast<std::byte>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::byte>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<std::byte>(c - 'A' + 10);
  throw ControlError(std::string(name) + " must be hexadecimal digits");
}

}  // namespace

std::optional<std::string> text_argument(const json& arguments, const char* name) {
  const json* value = find_argument(arguments, name);
  if (!value) return std::nullopt;
  if (!value->is_string()) throw ControlError(std::string(name) + " must be a text");
  return value->get<std::string>();
}

std::optional<std::uint64_t> number_argument(const json& arguments, const char* name, std::uint64_t most) {
  const json* value = find_argument(arguments, name);
  if (!value) return std::nullopt;
  // The parser holds one as unsigned exactly when it is whole and not negative.
  const std::uint64_t number = value->is_number_unsigned() ? value->get<std::uint64_t>() : 0;
  if (number < 1 || number > most) {
    throw ControlError(std::string(name) + " must be a whole number from 1 to " + std::to_string(most));
  }
  return number;
}

bool flag_argument(const json& arguments, const char* name) {
  const json* value = find_argument(arguments, name);
  if (!value) return false;
  if (!value->is_boolean()) throw ControlError(std::string(name) + " must be true or false");
  return value->get<bool>();
}

std::optional<seconds> duration_argument(const json& arguments, const char* name) {
  const auto text = text_argument(arguments, name);
  if (!text) return std::nullopt;
  const auto duration = parse_duration(*text);
  if (!duration || *duration > kLongestTime) {
    throw ControlError(std::string(name) + " must be a duration such as 5min, at most 3650d");
  }
  return std::chrono::ceil<seconds>(*duration);
}

std::optional<std::vector<std::byte>> bytes_argument(const json& arguments, const char* name) {
  const auto hex = text_argument(arguments, name);
  if (!hex) return std::nullopt;
  if (hex->empty() || hex->size() % 2 != 0) {
    throw ControlError(std::string(name) + " must be pairs of hexadecimal digits");
  }
  if (hex->size() / 2 > kLongestPayload) throw ControlError(std::string(name) + " is too long for a datagram");
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i < hex->size(); i += 2)
    bytes.push_back(hex_digit((*hex)[i], name) << 4 | hex_digit((*hex)[i + 1], name));
  return bytes;
}

std::optional<std::string> name_argument(const json& arguments, const char* name, std::size_t longest) {
  auto text = text_argument(arguments, name);
  if (!text) return text;
  const bool printable_ascii = std::all_of(text->begin(), text->end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (text->empty() || text->size() > longest || !printable_ascii) {
    throw ControlError(std::string(name) + " must be 1 to " + std::to_string(longest) + " printable ASCII characters");
  }
  return text;
}

std::optional<std::string> serial_argument(const json& arguments) {
  return name_argument(arguments, "nserie", kLongestSerial);
}

}  // namespace hilera::control
