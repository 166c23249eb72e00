#include "db/connect_options.h"

namespace db {

std::string Endpoint::to_string() const {
  if (!socket.empty()) return socket;
  const bool ipv6 = host.find(':') != std::string::npos;
  return (ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace db
