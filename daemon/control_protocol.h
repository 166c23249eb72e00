// The control socket's protocol: one JSON object per line, each way, over a Unix stream socket.
//
//   request  {"command": "downlink_add", "arguments": {"nserie": "123", "payload": "0a0b"}}
//   answer   {"ok": true, "result": {"id": 7}}  or  {"ok": false, "error": "why"}
//
// The commands, their arguments (those in brackets may be missing), and their results:
//
//   status                                                          what /status shows
//   downlink_add     nserie, payload (hex),                         {"id"}
//                    [not_before_in, expires_in ("5min"), max_attempts]
//   downlink_list    [nserie, state, limit]                         {"downlinks": [{"id", "nserie", "state", ...}]}
//   downlink_cancel  id                                             {"cancelled": true or false}
//   journal_page     [after, limit]                                 {"records": [..], "read_to"}: see journal_export.h

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
inline constexpr std::string_view kJournalPage = "journal_page";

}  // namespace hilera::control
