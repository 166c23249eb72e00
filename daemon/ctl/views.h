// What people see of hilerad's answers. The documents come from another process, perhaps of another version: a value
// that is missing is shown as '-', and no text in them reaches the terminal unescaped.

#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace hilera::ctl {

// hilerad is ready, nothing is wrong, and its ledger balances.
bool all_is_well(const nlohmann::json& status);

// One screen that says first whether all is well.
std::string view_status(const nlohmann::json& status);

// What the journal holds: "journal", "store" and "ledger" of the status.
std::string view_journal(const nlohmann::json& status);

// The same of a journal whose daemon does not run.
std::string view_stopped_journal(const nlohmann::json& answer);

// A table, one row a downlink.
std::string view_downlinks(const nlohmann::json& answer);
std::string view_downlink(const nlohmann::json& answer);

// A table, one row a dead letter.
std::string view_dead_letters(const nlohmann::json& answer);
// One dead letter, a line for each thing known of it.
std::string view_dead_letter(const nlohmann::json& answer);

// One line a letter: its number, its device, and what became of its replay.
std::string view_replays(const nlohmann::json& letters);

// "3 replayed, 1 conflict"; empty when there is none.
std::string view_counts(const nlohmann::json& counts);

}  // namespace hilera::ctl
