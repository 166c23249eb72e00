// The version of the programs, as `--version`, /status and hilera_build_info give it.

#pragma once

#include <string_view>

namespace hilera {

// The project's version from CMake, such as "0.1.0".
std::string_view version();

}  // namespace hilera
