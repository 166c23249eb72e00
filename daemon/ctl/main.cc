// hileractl: asks and instructs a running hilerad over its control socket, and looks after the tables.

#include <sodium.h>

#include <exception>
#include <iostream>
#include <stdexcept>

#include "daemon/config.h"
#include "daemon/control_client.h"
#include "daemon/ctl/command_line.h"
#include "daemon/ctl/commands.h"
#include "daemon/ctl/terminals.h"
#include "daemon/exit_codes.h"
#include "greenrt/error.h"
#include "greenrt/hub.h"
#include "greenrt/signal.h"

namespace {

int run(const hilera::ctl::CommandLine& line) {
  if (sodium_init() < 0) throw std::runtime_error("libsodium finds no source of randomness");
  greenrt::ignore_sigpipe();
  greenrt::Hub hub;
  int status = hilera::kExitFailure;
  hub.run([&] { status = hilera::ctl::run_command(line, std::cout, std::cerr, hilera::ctl::terminals()); });
  if (!std::cout.flush()) throw std::runtime_error("standard output cannot be written");
  return status;
}

int fail(int status, std::string_view why) {
  std::cerr << "hileractl: " << why << '\n';
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  const auto parsed = hilera::ctl::parse_command_line(argc, argv, std::cout, std::cerr);
  if (!parsed.command_line) return parsed.exit_status;
  try {
    return run(*parsed.command_line);
  } catch (const hilera::ConfigError& error) {
    return fail(hilera::kExitConfig, error.what());
  } catch (const hilera::ControlUnavailable& error) {
    return fail(hilera::kExitUnavailable, error.what());
  } catch (const std::invalid_argument& error) {
    return fail(hilera::kExitUsage, error.what());
  } catch (const std::exception& error) {
    return fail(hilera::kExitFailure, error.what());
  }
}
