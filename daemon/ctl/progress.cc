#include "daemon/ctl/progress.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <ostream>

#include "daemon/ctl/document.h"

namespace hilera::ctl {
namespace {

constexpr std::chrono::milliseconds kBetween{200};
constexpr const char* kClearLine = "\r\x1b[K";

}  // namespace

void Progress::note(std::uint64_t done, std::uint64_t total, Clock::time_point now) {
  if (!shown_ || (last_ != Clock::time_point() && now - last_ < kBetween)) return;
  last_ = now;
  notes_ << kClearLine << describe_progress(done, total, now - began_) << std::flush;
  drawn_ = true;
}

void Progress::clear() {
  if (!drawn_) return;
  notes_ << kClearLine << std::flush;
  drawn_ = false;
}

std::string describe_progress(std::uint64_t done, std::uint64_t total, std::chrono::duration<double> took) {
  std::string text = std::to_string(done);
  if (total > 0) text += fmt::format(" of {} ({} %)", total, std::min<std::uint64_t>(done * 100 / total, 100));
  if (took.count() <= 0 || done == 0) return text;
  const double pace = static_cast<double>(done) / took.count();
  text += fmt::format(", {:.0f} a second", pace);
  if (total > done) text += ", " + show_age(static_cast<double>(total - done) / pace) + " left";
  return text;
}

}  // namespace hilera::ctl
