// Whether bytes are UTF-8 as Unicode defines it: no overlong form, no surrogate, nothing above U+10FFFF.

#pragma once

#include <string_view>

namespace ingest {

[[nodiscard]] bool is_utf8(std::string_view text);

}  // namespace ingest
