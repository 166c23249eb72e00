#include "daemon/sim/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace hilera::sim {
namespace {

constexpr std::size_t kBarWidth = 20;
constexpr const char* kEraseLine = "\r\x1b[K";

double seconds(greenrt::Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

double share_done(const SimulatorOptions& options, const Tally& tally, greenrt::Duration elapsed) {
  double share = 0;
  if (options.frames) share = static_cast<double>(tally.sent) / static_cast<double>(*options.frames);
  if (options.duration) share = std::max(share, seconds(elapsed) / seconds(*options.duration));
  return std::clamp(share, 0.0, 1.0);
}

}  // namespace

std::string progress_line(const SimulatorOptions& options, const Tally& tally, greenrt::Duration elapsed, double rate) {
  const double share = share_done(options, tally, elapsed);
  const auto filled = static_cast<std::size_t>(share * kBarWidth);
  std::string line = fmt::format("[{:#>{}}{:.>{}}] {:3.0f} % {:6.1f} s {:8.0f}/s  sent {}", "", filled, "",
                                 kBarWidth - filled, share * 100, seconds(elapsed), rate, tally.sent);
  if (options.acks) line += fmt::format("  acked {}  open {}", tally.acked, tally.unacked);
  if (tally.resent > 0) line += fmt::format("  resent {}", tally.resent);
  return line;
}

void Progress::show(const Tally& tally, greenrt::Duration elapsed) {
  const double interval = seconds(elapsed - last_elapsed_);
  const double rate = interval > 0 ? static_cast<double>(tally.sent - last_sent_) / interval : 0;
  last_elapsed_ = elapsed;
  last_sent_ = tally.sent;
  std::fprintf(terminal_, "%s%s", kEraseLine, progress_line(options_, tally, elapsed, rate).c_str());
  std::fflush(terminal_);
}

void Progress::clear() {
  std::fputs(kEraseLine, terminal_);
  std::fflush(terminal_);
}

}  // namespace hilera::sim
