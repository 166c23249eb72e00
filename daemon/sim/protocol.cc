#include "daemon/sim/protocol.h"

#include "daemon/sim/native_protocol.h"
#include "daemon/sim/semtech_protocol.h"
#include "daemon/sim/teltonika_protocol.h"

namespace hilera::sim {

std::unique_ptr<Protocol> make_protocol(std::string_view codec, const ProtocolOptions& options) {
  if (codec == "native") return std::make_unique<NativeProtocol>(options);
  if (codec == "semtech") return std::make_unique<SemtechProtocol>(options);
  if (codec == "teltonika") return std::make_unique<TeltonikaProtocol>(options);
  return nullptr;
}

}  // namespace hilera::sim
