#include "greenrt/subprocess.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern "C" {
#include <sys/pidfd.h>  // glibc 2.36 does not say that it is C
}

#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "greenrt/error.h"
#include "greenrt/greenlet.h"
#include "greenrt/group.h"

namespace greenrt {
namespace {

void check(int error, const char* what) {
  if (error != 0) throw std::system_error(error, std::generic_category(), what);
}

// What the new process does before it becomes the program.
class SpawnPlan {
 public:
  SpawnPlan() {
    check(::posix_spawn_file_actions_init(&actions_), "posix_spawn_file_actions_init");
    ::posix_spawnattr_init(&attributes_);
    sigset_t all;
    sigset_t none;
    ::sigfillset(&all);
    ::sigemptyset(&none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  }
  ~SpawnPlan() {
    ::posix_spawnattr_destroy(&attributes_);
    ::posix_spawn_file_actions_destroy(&actions_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  // Gives the program its `target`. Of a pipe: `ours` is left in this process, `theirs` until the program is started.
  void connect(int target, Subprocess::Stdio kind, std::optional<PipeEnd>& ours, std::optional<PipeEnd>& theirs) {
    const bool reads = target == STDIN_FILENO;
    if (kind == Subprocess::kNull) {
      check(::posix_spawn_file_actions_addopen(&actions_, target, "/dev/null", reads ? O_RDONLY : O_WRONLY, 0), "open");
    } else if (kind == Subprocess::kPipe) {
      auto [reading, writing] = PipeEnd::make();
      theirs.emplace(std::move(reads ? reading : writing));
      ours.emplace(std::move(reads ? writing : reading));
      // Programs expect to wait where a pipe is empty or full.
      check(::fcntl(theirs->fd(), F_SETFL, 0) == 0 ? 0 : errno, "fcntl");
      check(::posix_spawn_file_actions_adddup2(&actions_, theirs->fd(), target), "dup2");
    }
  }

  pid_t start(const std::vector<std::string>& words) {
    if (words.empty()) throw std::invalid_argument("a subprocess needs the name of a program");
    std::vector<char*> arguments;
    for (const std::string& word : words)
      arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    pid_t pid = -1;
    check(::posix_spawnp(&pid, arguments[0], &actions_, &attributes_, arguments.data(), environ), words[0].c_str());
    return pid;
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

ExitStatus decode(int status) {
  if (WIFSIGNALED(status)) return {.signal = WTERMSIG(status)};
  return {.code = WEXITSTATUS(status)};
}

PipeEnd& require(std::optional<PipeEnd>& pipe) {
  if (!pipe) throw std::logic_error("this stream of the subprocess is not a pipe");
  return *pipe;
}

}  // namespace

Subprocess::Subprocess(const std::vector<std::string>& words, const Options& options) {
  SpawnPlan plan;
  std::optional<PipeEnd> their_in;
  std::optional<PipeEnd> their_out;
  std::optional<PipeEnd> their_err;
  plan.connect(STDIN_FILENO, options.in, in_, their_in);
  plan.connect(STDOUT_FILENO, options.out, out_, their_out);
  plan.connect(STDERR_FILENO, options.err, err_, their_err);
  pid_ = plan.start(words);
  pidfd_ = ::pidfd_open(pid_, 0);
  if (pidfd_ < 0) {
    const int error = errno;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    check(error, "pidfd_open");
  }
  end_.emplace(pidfd_);
}

Subprocess::~Subprocess() {
  if (!status_) {
    ::pidfd_send_signal(pidfd_, SIGKILL, nullptr, 0);  // fails when it has ended, which is as well
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  end_.reset();
  ::close(pidfd_);
}

PipeEnd& Subprocess::in() {
  return require(in_);
}
PipeEnd& Subprocess::out() {
  return require(out_);
}
PipeEnd& Subprocess::err() {
  return require(err_);
}

std::optional<ExitStatus> Subprocess::poll() {
  if (status_) return status_;
  int status = 0;
  const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
  if (ended < 0 && errno != EINTR) check(errno, "waitpid");
  if (ended == pid_) status_ = decode(status);
  return status_;
}

std::optional<ExitStatus> Subprocess::wait(Deadline deadline) {
  while (!poll()) {
    if (!end_->wait_read(deadline)) return poll();
  }
  return status_;
}

Subprocess::Output Subprocess::communicate(std::string_view input, Deadline deadline) {
  Output output;
  Group pumps;
  const struct KillPumps {
    Group& pumps;
    ~KillPumps() {
      const Shield shield;
      pumps.kill();
    }
  } kill_pumps{pumps};

  if (in_) {
    pumps.spawn([&] {
      try {
        in_->write_all(input);
      } catch (const std::system_error& error) {
        if (error.code().value() != EPIPE) throw;
      }
      in_->close();
    });
  }
  if (out_) pumps.spawn([&] { output.out = out_->read_all(); });
  if (err_) pumps.spawn([&] { output.err = err_->read_all(); });
  if (!pumps.join_or_throw(deadline)) throw TimeoutExpired();
  const auto status = wait(deadline);
  if (!status) throw TimeoutExpired();
  output.status = *status;
  return output;
}

void Subprocess::send_signal(int signal) {
  if (poll()) return;
  if (::pidfd_send_signal(pidfd_, signal, nullptr, 0) != 0 && errno != ESRCH) check(errno, "pidfd_send_signal");
}

}  // namespace greenrt
