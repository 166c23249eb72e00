// What hilerad does for `hileractl dead-letter`: the commands dead_letter_list, dead_letter_show and dead_letter_replay
// of control_protocol.h.
//
// Pages, which are bounded in rows, in bytes and in time, so that neither the hub nor the connections of the pool are
// held up: the peer asks for the next one. All yield, and throw ControlError.

#pragma once

#include <nlohmann/json_fwd.hpp>

#include "daemon/dead_letter_table.h"

namespace hilera {

nlohmann::json list_dead_letters(DeadLetterTable& table, const nlohmann::json& arguments);
nlohmann::json show_dead_letter(DeadLetterTable& table, const nlohmann::json& arguments);
nlohmann::json replay_dead_letters(DeadLetterTable& table, const nlohmann::json& arguments);

}  // namespace hilera
