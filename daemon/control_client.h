// ControlClient: one connection to hilerad's control socket, for hileractl and tests. Runs in a greenlet.

#pragma once

#include <nlohmann/json_fwd.hpp>

#include <stdexcept>
#include <string>
#include <string_view>

#include "daemon/line_reader.h"
#include "greenrt/deadline.h"
#include "greenrt/stream.h"

namespace hilera {

// hilerad does not answer, or its answer is not of this protocol.
class ControlUnavailable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class ControlClient {
 public:
  // Yields until connected. Throws ControlUnavailable, which says why and names the path.
  ControlClient(const std::string& path, greenrt::Deadline deadline);
  ControlClient(const ControlClient&) = delete;
  ControlClient& operator=(const ControlClient&) = delete;

  // Yields until there is the answer, and returns its result. Throws ControlError with hilerad's reason when it
  // refuses, and ControlUnavailable, after which the client is of no use.
  nlohmann::json call(std::string_view command, const nlohmann::json& arguments, greenrt::Deadline deadline);

 private:
  std::string path_;
  greenrt::Stream stream_;
  LineReader reader_;
};

}  // namespace hilera
