#include "daemon/control_client.h"

#include <nlohmann/json.hpp>

#include <system_error>

#include "daemon/control_protocol.h"
#include "daemon/control_server.h"
#include "greenrt/error.h"

namespace hilera {

namespace {

using nlohmann::json;

[[noreturn]] void unavailable(const std::string& path, std::string_view why) {
  throw ControlUnavailable(path + ": " + std::string(why));
}

// Turns what may happen to the stream into ControlUnavailable; another's Timeout passes.
template <typename Body>
auto on_stream(const std::string& path, Body body) -> decltype(body()) {
  try {
    return body();
  } catch (const greenrt::TimeoutExpired& expired) {
    if (expired.timeout_id() != 0) throw;
    unavailable(path, "hilerad does not answer in time");
  } catch (const std::system_error& error) {
    unavailable(path, error.code().message());
  } catch (const LineTooLong& error) {
    unavailable(path, error.what());
  }
}

}  // namespace

ControlClient::ControlClient(const std::string& path, greenrt::Deadline deadline)
    : path_(path),
      stream_(on_stream(path, [&] { return greenrt::Stream::connect_unix(path, deadline); })),
      reader_(stream_, control::kMaxAnswer) {}

json ControlClient::call(std::string_view command, const json& arguments, greenrt::Deadline deadline) {
  const json request{{"command", command}, {"arguments", arguments}};
  const auto line = on_stream(path_, [&] {
    stream_.write_all(request.dump(-1, ' ', false, json::error_handler_t::replace) + "\n", deadline);
    return reader_.read_line(deadline);
  });
  if (!line) unavailable(path_, "hilerad closed the connection");
  const json answer = json::parse(*line, nullptr, false);
  if (!answer.is_object() || !answer.contains("ok") || !answer["ok"].is_boolean()) {
    unavailable(path_, "the answer is not one of hilerad");
  }
  if (answer["ok"].get<bool>()) return answer.value("result", json());
  const json why = answer.value("error", json());
  throw ControlError(why.is_string() ? why.get<std::string>() : "refused without a reason");
}

}  // namespace hilera
