// What people see of hilerad's answers; see document.h for what they may expect.

#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace hilera::ctl {

// hilerad is ready, nothing is wrong, and its ledger balances.
bool all_is_well(const nlohmann::json& status);

// One line that says whether all is well.
std::string view_headline(const nlohmann::json& status);

// A line for each thing that is wrong, or worth a look, and one below it that says what to do.
std::string view_findings(const nlohmann::json& status);

// One screen: both of these, and the figures.
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
