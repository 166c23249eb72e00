// The object of a "txpk": what a gateway of Semtech's protocol is asked to send by radio. Pure, never throws on bad
// input.

#pragma once

#include <string_view>

namespace ingest::semtech {

// Whether the reference forwarders would take it: members that they know and of the right type, all those that must be
// there (freq, modu LORA with codr or FSK with fdev, datr, size, data), exactly one way to say when (imme, tmst, tmms),
// and a size that is that of the data.
[[nodiscard]] bool is_txpk(std::string_view text);

}  // namespace ingest::semtech
