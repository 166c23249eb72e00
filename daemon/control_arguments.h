// The arguments of the commands of control_protocol.h: read from what a peer has sent, and checked.
//
// Each reader gives none when the argument is missing or null, and throws ControlError, with a sentence for the peer,
// when it is not what it must be. Never yield.

#pragma once

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/control_server.h"
#include "db/error.h"

namespace hilera::control {

std::optional<std::string> text_argument(const nlohmann::json& arguments, const char* name);

// A whole number from 1 to `most`.
std::optional<std::uint64_t> number_argument(const nlohmann::json& arguments, const char* name, std::uint64_t most);

bool flag_argument(const nlohmann::json& arguments, const char* name);

// "5min"; at most ten years, rounded up to whole seconds.
std::optional<std::chrono::seconds> duration_argument(const nlohmann::json& arguments, const char* name);

// Pairs of hexadecimal digits, at most as many as a datagram can carry.
std::optional<std::vector<std::byte>> bytes_argument(const nlohmann::json& arguments, const char* name);

// Printable ASCII without spaces, as it is in the columns of serials, reasons and names.
std::optional<std::string> name_argument(const nlohmann::json& arguments, const char* name, std::size_t longest);
// The argument "nserie".
std::optional<std::string> serial_argument(const nlohmann::json& arguments);

template <typename Value>
Value required(std::optional<Value> value, const char* name) {
  if (!value) throw ControlError(std::string(name) + " is missing");
  return *std::move(value);
}

// Runs `call`; what the database says against it is for the peer, in its own words.
template <typename Call>
auto tell_database_errors(Call call) {
  try {
    return call();
  } catch (const db::Error& error) {
    throw ControlError(std::string("the database: ") + error.what());
  }
}

}  // namespace hilera::control
