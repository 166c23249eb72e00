// The control socket's protocol: one JSON object per line, each way, over a Unix stream socket.
//
//   request  {"command": "downlink_add", "arguments": {"nserie": "123", "payload": "0a0b"}}
//   answer   {"ok": true, "result": {"id": 7}}  or  {"ok": false, "error": "why"}
//
// The commands, their arguments (those in brackets may be missing), and their results:
//
//   status                                                          what /status shows
//   reload                                                          {"reloaded": true}
//   downlink_add     nserie, payload (hex),                         {"id"}
//                    [not_before_in, expires_in ("5min"), max_attempts,
//                    idempotent (true)]
//   downlink_list    [nserie, state, limit]                         {"downlinks": [{"id", "nserie", "state", ...}]}
//   downlink_show    id                                             {"downlink": {"id", .., "payload": hex, ..}}
//   downlink_cancel  id                                             {"cancelled": true or false}
//   dead_letter_list    [nserie, reason, before (an id), limit,     {"dead_letters": [{"id", "nserie", ...}]}
//                       replayed ("yes", "no", "all"; else "no")]
//   dead_letter_show    id                                          {"dead_letter": {"id", .., "raw": hex}}
//   dead_letter_replay  one of id, nserie, reason, all (true);      {"letters": [{"id", "nserie", "outcome", ...}],
//                       [after (an id), limit, count (true)]        "read_to": an id, ["waiting": n]}
//   journal_page     [after, limit]                                 {"records": [..], ..}: see journal_export.h
//
// Dead letters are listed the newest first; "obstacle" is the outcome that a replay of one would have, null when
// nothing stands in its way so far. They are replayed the oldest first, in pages of the daemon's choice: who wants all
// asks again with after = read_to, until a page is empty; with count, it is told how many there were before this page.
// "all" is all but those whose reason is "unreadable", which no codec could make records of: these wait for another
// version of it, or for somebody to look at their bytes. The outcomes are those of dead_letter_table.h.

#pragma once

#include <cstddef>
#include <string_view>

namespace hilera::control {

inline constexpr std::size_t kMaxRequest = 64 * 1024;  // bytes of a line
inline constexpr std::size_t kMaxAnswer = 16 * 1024 * 1024;

inline constexpr std::string_view kStatus = "status";
inline constexpr std::string_view kReload = "reload";
inline constexpr std::string_view kDownlinkAdd = "downlink_add";
inline constexpr std::string_view kDownlinkList = "downlink_list";
inline constexpr std::string_view kDownlinkShow = "downlink_show";
inline constexpr std::string_view kDownlinkCancel = "downlink_cancel";
inline constexpr std::string_view kDeadLetterList = "dead_letter_list";
inline constexpr std::string_view kDeadLetterShow = "dead_letter_show";
inline constexpr std::string_view kDeadLetterReplay = "dead_letter_replay";
inline constexpr std::string_view kJournalPage = "journal_page";

}  // namespace hilera::control
