#include "daemon/ctl/answer.h"

#include <ostream>

#include "daemon/config.h"
#include "daemon/control_client.h"

namespace hilera::ctl {
namespace {

using nlohmann::json;

std::string control_path(const CommandLine& line) {
  if (!line.control.empty()) return line.control;
  if (!line.config.empty()) return load_config(line.config).control.socket;
  return ControlConfig{}.socket;
}

}  // namespace

json ask(const CommandLine& line, std::string_view command, const json& arguments, greenrt::Duration time_limit) {
  const greenrt::Deadline deadline(time_limit);
  return ControlClient(control_path(line), deadline).call(command, arguments, deadline);
}

void print(std::ostream& out, const CommandLine& line, const json& answer, const std::string& text) {
  if (line.json) {
    out << answer.dump(2, ' ', false, json::error_handler_t::replace) << '\n';
  } else {
    out << text;
  }
}

void print_line(std::ostream& out, const json& value) {
  out << value.dump(-1, ' ', false, json::error_handler_t::replace) << '\n';
}

}  // namespace hilera::ctl
