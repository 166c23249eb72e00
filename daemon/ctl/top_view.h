// What `hileractl top` shows of one look.

#pragma once

#include <nlohmann/json.hpp>

#include <chrono>
#include <string>

namespace hilera::ctl {

struct Look {
  nlohmann::json status;  // null when hilerad did not answer
  nlohmann::json rates;   // since the look before: see rates.h
  std::string trouble;    // why it did not
  bool first = false;     // there was no look before
};

// Lines of text, to be cut to the size of the screen. The most important ones come first.
std::string top_screen(const Look& look, std::chrono::milliseconds interval);

// One line of a table whose heading is top_heading().
std::string top_heading();
std::string top_line(const Look& look);

// {"answers": true, "well", "problems", "uptime_seconds", "in_flight", "pending", "journal_bytes", "rates"}, or
// {"answers": false, "error"}.
nlohmann::json top_document(const Look& look);

// "3.31 ms", with three digits; null: "-".
std::string show_seconds(const nlohmann::json& seconds);

}  // namespace hilera::ctl
