// PrivateMariadb: a MariaDB server of the test's own, through tools/private-mariadb.
//
// Ends, with its folder, when the object is destroyed, and also when the test process dies in whatever way. Calls block
// and throw std::runtime_error with what the tool has said.

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace db::testing {

class PrivateMariadb {
 public:
  // Starts it. The server speaks TLS, with a certificate for localhost and 127.0.0.1.
  explicit PrivateMariadb(std::vector<std::string> server_options = {});
  ~PrivateMariadb();
  PrivateMariadb(const PrivateMariadb&) = delete;
  PrivateMariadb& operator=(const PrivateMariadb&) = delete;

  // One for all tests of the process, made when it is first asked for.
  static PrivateMariadb& shared();

  void start();  // again, with the same data and port
  void stop();
  void kill();  // as a crash would

  // As root; what the client prints, without column names.
  std::string sql(const std::string& statement);

  // A new empty database. Gives its name.
  std::string new_database();

  [[nodiscard]] const std::string& socket() const { return socket_; }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string ca_file() const { return directory_ + "/ca.pem"; }

  // An account that may do everything, from anywhere.
  static constexpr const char* kUser = "hilera";
  static constexpr const char* kPassword = "let me in";

 private:
  void start_reaper();
  void read_environment();
  std::string tool(const std::vector<std::string>& arguments);

  std::string directory_;
  std::vector<std::string> server_options_;
  std::string socket_;
  std::uint16_t port_ = 0;
  unsigned databases_ = 0;
  int reaper_pipe_ = -1;
  pid_t reaper_ = -1;
};

}  // namespace db::testing
