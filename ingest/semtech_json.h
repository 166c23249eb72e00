// The JSON bodies of Semtech's protocol: what PUSH_DATA carries up, and what TX_ACK says of a downlink. They are
// walked, with the bounds of strict_json.h, and never made into a tree.
//
// Never throws on bad input; views point into the given bytes, or are static.

#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "ingest/bytes.h"
#include "ingest/codec.h"

namespace ingest::semtech {

// The reference forwarders gather at most 255 packets, and a statistic with them.
inline constexpr std::size_t kMaxRecords = 256;

// Finds each object of "rxpk" and the one of "stat": bytes and time of each record, in the order of the text. Other
// members are skipped, as new ones come without a new version. Empty, or the reason.
[[nodiscard]] std::string_view scan_push(Bytes body, std::vector<Record>& records);

// The name of the member that a record which scan_push() found stands in: "rxpk" or "stat".
[[nodiscard]] std::string_view kind_of(Bytes body, Bytes record);

// What a gateway says of a PULL_RESP; `answer` gets outcome and text, and keeps its id. No body, an empty object and an
// error of "" or "NONE" mean success; zeros behind the text are ignored. Empty, or the reason.
[[nodiscard]] std::string_view read_tx_ack(Bytes body, DownlinkAnswer& answer);

}  // namespace ingest::semtech
