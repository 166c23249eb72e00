// Subprocess: a program that runs beside the hub, and whose end and pipes greenlets wait for.
//
//   Subprocess sort({"sort"}, {.in = Subprocess::kPipe, .out = Subprocess::kPipe});
//   const auto result = sort.communicate("b\na\n", 10s);   // result.out == "a\nb\n"
//
// The end of the program is seen through a pidfd, so no signal handler is needed and no other child is touched. The
// program starts with default signal actions and nothing blocked; descriptors that are closed on exec are not its own.
//
// One greenlet at a time may wait for the end, or use one pipe. Destroying a Subprocess closes its pipes, and kills and
// reaps a program that still runs, which blocks the thread for the moment that takes.

#pragma once

#include <sys/types.h>

#include <csignal>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "greenrt/deadline.h"
#include "greenrt/fd_watcher.h"
#include "greenrt/pipe.h"

namespace greenrt {

struct ExitStatus {
  int code = 0;    // what the program returned
  int signal = 0;  // what ended it otherwise; 0 when it returned

  [[nodiscard]] bool success() const { return code == 0 && signal == 0; }
  friend bool operator==(const ExitStatus&, const ExitStatus&) = default;
};

class Subprocess {
 public:
  enum Stdio { kInherit, kPipe, kNull };
  struct Options {
    Stdio in = kInherit;
    Stdio out = kInherit;
    Stdio err = kInherit;
  };
  struct Output {
    std::string out;
    std::string err;
    ExitStatus status;
  };

  // Starts the program words[0], which is looked for in PATH, with the rest as its arguments. Throws std::system_error
  // when it cannot be started, std::invalid_argument when there are no words.
  explicit Subprocess(const std::vector<std::string>& words) : Subprocess(words, Options()) {}
  Subprocess(const std::vector<std::string>& words, const Options& options);
  ~Subprocess();
  Subprocess(const Subprocess&) = delete;
  Subprocess& operator=(const Subprocess&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }

  // Its standard streams, as far as they are pipes: otherwise std::logic_error.
  PipeEnd& in();
  PipeEnd& out();
  PipeEnd& err();

  // How it ended; nothing while it runs. Never yields.
  std::optional<ExitStatus> poll();
  // Yields until it has ended; nothing at the deadline.
  std::optional<ExitStatus> wait(Deadline deadline = Deadline::never());

  // Writes `input` to its standard input and closes that, reads the other pipes to their ends, and waits for its end,
  // all at once. A program that does not read all of its input is no error. Throws TimeoutExpired, with the program
  // still running, and std::system_error.
  Output communicate(std::string_view input = {}, Deadline deadline = Deadline::never());

  // Does nothing once the end has been seen.
  void send_signal(int signal);
  void terminate() { send_signal(SIGTERM); }
  void kill() { send_signal(SIGKILL); }

 private:
  pid_t pid_ = -1;
  std::optional<PipeEnd> in_;
  std::optional<PipeEnd> out_;
  std::optional<PipeEnd> err_;
  int pidfd_ = -1;
  std::optional<FdWatcher> end_;
  std::optional<ExitStatus> status_;
};

}  // namespace greenrt
