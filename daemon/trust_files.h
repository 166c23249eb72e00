// The files that say which devices a listener believes: their keys and their serials. Read once at start.

#pragma once

#include <stdexcept>

#include "daemon/config.h"
#include "ingest/trust.h"

namespace hilera {

// A file cannot be read, or something in it is wrong: `FILE:LINE: what`. Never holds a part of a key.
class TrustFileError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Logs a warning about a file of keys that everybody may read. Blocks. Throws TrustFileError.
ingest::Trust load_trust(const ListenerConfig& config);

}  // namespace hilera
