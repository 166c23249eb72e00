#include "tests/support/private_mariadb.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <system_error>

namespace db::testing {
namespace {

constexpr const char* kTool = HILERA_SOURCE_DIR "/tools/private-mariadb";

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// The child gets `input` and `output` as its standard input and output (and errors), when they are not negative.
pid_t launch(const std::vector<std::string>& command, int input, int output) {
  std::vector<char*> arguments;
  for (const std::string& each : command)
    arguments.push_back(const_cast<char*>(each.c_str()));
  arguments.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  if (input >= 0) ::posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  if (output >= 0) ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  if (output >= 0) ::posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
  pid_t child = -1;
  const int error = ::posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::system_error(error, std::generic_category(), command[0]);
  return child;
}

std::string read_all(int fd) {
  std::string text;
  char buffer[4096];
  while (true) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
  }
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) fail("waitpid");
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

PrivateMariadb::PrivateMariadb(std::vector<std::string> server_options) : server_options_(std::move(server_options)) {
  // Not TMPDIR: the server may run as another user, who must be able to reach the folder.
  std::string pattern = "/tmp/hilera-test-XXXXXX";
  if (!::mkdtemp(pattern.data())) fail("mkdtemp");
  directory_ = pattern;
  start_reaper();
  start();
  sql("CREATE USER '" + std::string(kUser) + "'@'%' IDENTIFIED BY '" + kPassword + "'; GRANT ALL ON *.* TO '" + kUser +
      "'@'%'");
}

PrivateMariadb::~PrivateMariadb() {
  ::close(reaper_pipe_);
  ::waitpid(reaper_, nullptr, 0);
}

// A shell that waits for the end of a pipe, which comes when this process ends, however that happens.
void PrivateMariadb::start_reaper() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail("pipe2");
  const int quiet = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  reaper_ = launch({"setsid", "--wait", "bash", "-c", "cat; \"$0\" kill \"$1\"; rm -rf \"$1\"", kTool, directory_},
                   ends[0], quiet);
  ::close(quiet);
  ::close(ends[0]);
  reaper_pipe_ = ends[1];
}

PrivateMariadb& PrivateMariadb::shared() {
  static PrivateMariadb server;
  return server;
}

void PrivateMariadb::start() {
  std::vector<std::string> arguments = {"start", directory_, "--tls"};
  if (!server_options_.empty()) arguments.emplace_back("--");
  arguments.insert(arguments.end(), server_options_.begin(), server_options_.end());
  tool(arguments);
  read_environment();
}

void PrivateMariadb::stop() {
  tool({"stop", directory_});
}

void PrivateMariadb::kill() {
  tool({"kill", directory_});
}

std::string PrivateMariadb::sql(const std::string& statement) {
  return tool({"sql", directory_, statement, "--batch", "--skip-column-names"});
}

std::string PrivateMariadb::new_database() {
  const std::string name = "test" + std::to_string(++databases_);
  sql("CREATE DATABASE " + name);
  return name;
}

void PrivateMariadb::read_environment() {
  std::ifstream file(directory_ + "/env");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("SOCKET=")) socket_ = line.substr(7);
    if (line.starts_with("PORT=")) port_ = static_cast<std::uint16_t>(std::stoul(line.substr(5)));
  }
  if (socket_.empty() || port_ == 0) throw std::runtime_error(directory_ + "/env is incomplete");
}

std::string PrivateMariadb::tool(const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {kTool};
  command.insert(command.end(), arguments.begin(), arguments.end());
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail("pipe2");
  const pid_t child = launch(command, -1, ends[1]);
  ::close(ends[1]);
  const std::string output = read_all(ends[0]);
  ::close(ends[0]);
  if (wait_for(child) != 0) throw std::runtime_error("private-mariadb " + arguments[0] + ": " + output);
  return output;
}

}  // namespace db::testing
