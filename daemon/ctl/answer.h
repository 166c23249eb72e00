// How hileractl asks hilerad, and prints what it is answered.

#pragma once

#include <nlohmann/json.hpp>

#include <chrono>
#include <iosfwd>
#include <string>
#include <string_view>

#include "daemon/ctl/command_line.h"
#include "greenrt/deadline.h"

namespace hilera::ctl {

inline constexpr std::chrono::seconds kTimeLimit{15};

// Yields. Over a connection of its own. Throws ControlUnavailable, ControlError, ConfigError.
nlohmann::json ask(const CommandLine& line, std::string_view command,
                   const nlohmann::json& arguments = nlohmann::json::object(),
                   greenrt::Duration time_limit = kTimeLimit);

// The answer as JSON, or `text`.
void print(std::ostream& out, const CommandLine& line, const nlohmann::json& answer, const std::string& text);

// One line; bytes that are no UTF-8 are replaced.
void print_line(std::ostream& out, const nlohmann::json& value);

}  // namespace hilera::ctl
