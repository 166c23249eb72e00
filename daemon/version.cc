#include "daemon/version.h"

namespace hilera {

std::string_view version() {
  return HILERA_VERSION;
}

}  // namespace hilera
