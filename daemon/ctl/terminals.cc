#include "daemon/ctl/terminals.h"

#include <unistd.h>

namespace hilera::ctl {

Terminals terminals() {
  return {.screen = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1, .notes = ::isatty(STDERR_FILENO) == 1};
}

}  // namespace hilera::ctl
