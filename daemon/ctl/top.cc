#include "daemon/ctl/top.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <utility>

#include "daemon/control_client.h"
#include "daemon/control_protocol.h"
#include "daemon/ctl/answer.h"
#include "daemon/ctl/rates.h"
#include "daemon/ctl/screen.h"
#include "daemon/ctl/top_view.h"
#include "daemon/exit_codes.h"
#include "greenrt/event.h"
#include "greenrt/greenlet.h"
#include "greenrt/signal.h"

namespace hilera::ctl {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds kShortestPatience{3};  // with one answer

// Asks hilerad, and keeps what it has answered before.
class Watch {
 public:
  explicit Watch(const CommandLine& line) : line_(line) {}

  Look look() {
    try {
      json status =
          ask(line_, control::kStatus, json::object(), std::max<greenrt::Duration>(line_.interval, kShortestPatience));
      Look look{.status = status, .rates = rates_between(last_, status)};
      look.first = !std::exchange(asked_, true);
      last_ = std::move(status);
      return look;
    } catch (const ControlUnavailable& error) {
      asked_ = true;
      last_ = nullptr;
      return {.trouble = error.what()};
    }
  }

 private:
  const CommandLine& line_;
  bool asked_ = false;
  json last_;
};

// Looks once an interval, until there were `count` looks that `show` has counted (true).
void look_on(const CommandLine& line, const std::function<bool(const Look&)>& show) {
  Watch watch(line);
  for (std::uint64_t shown = 0;;) {
    const greenrt::Deadline next(line.interval);
    if (show(watch.look()) && ++shown == line.count) return;
    greenrt::sleep(next.remaining());
  }
}

// Runs `body` until it ends, or `stop` is set. What it has thrown; null when it has not.
std::exception_ptr run_until(greenrt::Event& stop, const std::function<void()>& body) {
  std::exception_ptr failure;
  const auto running = greenrt::spawn([&] {
    try {
      body();
    } catch (const std::exception&) {
      failure = std::current_exception();
    }
    stop.set();
  });
  stop.wait();
  running->kill();
  return failure;
}

int show_lines(const CommandLine& line, std::ostream& out, greenrt::Event& stop) {
  bool answered = true;
  if (!line.json) out << top_heading() << std::flush;
  const std::exception_ptr failure = run_until(stop, [&] {
    look_on(line, [&](const Look& look) {
      if (look.first) return false;
      answered = look.trouble.empty();
      if (line.json) {
        print_line(out, top_document(look));
      } else {
        out << top_line(look);
      }
      if (!out.flush()) {
        out.clear();  // a reader that leaves is how it ends
        stop.set();
      }
      return true;
    });
  });
  if (failure) std::rethrow_exception(failure);
  return answered ? kExitOk : kExitUnavailable;
}

int show_screen(const CommandLine& line, greenrt::Event& stop) {
  Screen screen(STDIN_FILENO, STDOUT_FILENO);
  std::optional<Look> last;
  const auto draw = [&] {
    if (last) screen.draw(top_screen(*last, line.interval));
  };
  const greenrt::SignalHandler on_resize(SIGWINCH, [&](int) { draw(); });
  const auto keys = greenrt::spawn([&] {
    std::optional<char> key;
    do
      key = screen.key();
    while (key && *key != 'q' && *key != 'Q');
    stop.set();
  });
  const std::exception_ptr failure = run_until(stop, [&] {
    look_on(line, [&](const Look& look) {
      last = look;
      draw();
      return true;
    });
  });
  keys->kill();
  if (failure) std::rethrow_exception(failure);
  return kExitOk;
}

}  // namespace

int top(const CommandLine& line, std::ostream& out, const Terminals& terminals) {
  greenrt::Event stop;
  const auto on_signal = [&](int) { stop.set(); };
  const greenrt::SignalHandler on_interrupt(SIGINT, on_signal);
  const greenrt::SignalHandler on_term(SIGTERM, on_signal);
  return terminals.screen && !line.json ? show_screen(line, stop) : show_lines(line, out, stop);
}

}  // namespace hilera::ctl
