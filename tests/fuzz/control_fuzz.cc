// Target control: lines that a peer sends to the control socket. Each has one answer of one line, and no argument gets
// past its reader that is not what the reader says.

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <sstream>
#include <string>

#include "daemon/control_arguments.h"
#include "daemon/control_protocol.h"
#include "daemon/control_server.h"
#include "tests/fuzz/conversation.h"

namespace {

using fuzz::check;
using nlohmann::json;
using namespace hilera;

constexpr std::chrono::seconds kPatience{10};
constexpr std::uint64_t kMost = 1000;

json read_arguments(const json& arguments) {
  if (const auto serial = control::serial_argument(arguments)) {
    check(!serial->empty() && serial->size() <= 127, "a serial fits its column");
    check(std::ranges::all_of(*serial, [](char c) { return c > ' ' && c < '\x7f'; }), "a serial is printable ASCII");
  }
  if (const auto number = control::number_argument(arguments, "limit", kMost)) {
    check(*number >= 1 && *number <= kMost, "a number is in its range");
  }
  if (const auto duration = control::duration_argument(arguments, "expires_in")) {
    check(duration->count() >= 0 && *duration <= std::chrono::days(3650), "a duration is in its range");
  }
  if (const auto payload = control::bytes_argument(arguments, "payload")) {
    check(!payload->empty() && payload->size() <= 65507, "a payload fits a datagram");
  }
  control::flag_argument(arguments, "all");
  return {{"text", control::required(control::text_argument(arguments, "text"), "text")}};
}

void check_answer(const std::string& line) {
  const json answer = json::parse(line, nullptr, false);
  check(answer.is_object() && answer.contains("ok") && answer["ok"].is_boolean(), "an answer is an object");
  const bool ok = answer["ok"].get<bool>();
  check(ok ? answer.contains("result") : answer.contains("error") && !answer["error"].get<std::string>().empty(),
        "an answer has a result or a reason");
}

void run(fuzz::Bytes input) {
  if (input.size() > control::kMaxRequest) return;
  const auto sent = std::ranges::count(input, std::byte{'\n'});
  std::string answers;
  fuzz::run_in_hub([&] {
    ControlServer server(fuzz::socket_path(), {{"read", {.changes_something = false, .handler = read_arguments}}});
    server.start();
    answers = fuzz::converse(fuzz::socket_path(), input);
    server.stop(kPatience);
  });
  check(std::ranges::count(answers, '\n') == sent, "each line has one answer");
  std::istringstream lines(answers);
  for (std::string line; std::getline(lines, line);)
    check_answer(line);
}

const fuzz::Target kTarget("control", run);

}  // namespace
