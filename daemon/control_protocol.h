// The control socket's protocol: one JSON object per line, each way, over a Unix stream socket.
//
//   request  {"command": "downlink_add", "arguments": {"nserie": "123", "payload": "0a0b"}}
//   answer   {"ok": true, "result": {"id": 7}}  or  {"ok": false, "error": "why"}
//
// Commands and their arguments (those in brackets may be missing) and results:
//   status           {}                                                       the status document, see status.h
//   downlink_add     nserie, payload (hex), [expires_in, not_before_in: "5min", max_attempts]   {"id"}
//   downlink_list    [nserie, state, limit]                                   {"downlinks": [{"id", "nserie", "state",
//   ...}]} downlink_cancel  id                                                       {"cancelled": bool}

#pragma once

#include <cstddef>
#include <string_view>

namespace hilera::control {

inline constexpr std::size_t kMaxRequest = 64 * 1024;  // bytes of a line
inline constexpr std::size_t kMaxAnswer = 16 * 1024 * 1024;

inline constexpr std::string_view kStatus = "status";
inline constexpr std::string_view kDownlinkAdd = "downlink_add";
inline constexpr std::string_view kDownlinkList = "downlink_list";
inline constexpr std::string_view kDownlinkCancel = "downlink_cancel";

}  // namespace hilera::control
