// hilerad: the daemon. See daemon.h for what it is made of.

#include <CLI/CLI.hpp>
#include <sodium.h>

#include <cstdio>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "daemon/config.h"
#include "daemon/daemon.h"
#include "daemon/decode.h"
#include "daemon/exit_codes.h"
#include "daemon/handed_sockets.h"
#include "daemon/logging.h"
#include "daemon/secret.h"
#include "daemon/trust_files.h"
#include "daemon/version.h"
#include "greenrt/hub.h"
#include "greenrt/signal.h"
#include "ingest/codec.h"

namespace {

using namespace hilera;

struct Arguments {
  std::string config_file = "/etc/hilera/hilera.yaml";
  bool check_config = false;
  bool print_config = false;
  bool reference_config = false;
  std::string decode_file;
  std::string listener;
  std::string codec;
};

void add_options(CLI::App& app, Arguments& arguments) {
  app.add_option("--config", arguments.config_file, "The configuration file")->capture_default_str();
  app.add_flag("--check-config", arguments.check_config, "Check the configuration and exit: 0 or 78");
  app.add_flag("--print-config", arguments.print_config, "Print the effective configuration and exit");
  app.add_flag("--reference-config", arguments.reference_config, "Print a file with every option explained and exit");
  auto* decode = app.add_option("--decode", arguments.decode_file,
                                "Print what would become of the datagrams of this file, pcap or hexadecimal lines");
  auto* listener =
      app.add_option("--listener", arguments.listener, "With --decode: as of this listener")->needs(decode);
  app.add_option("--codec", arguments.codec, "With --decode: by this codec, without a configuration")
      ->check(CLI::IsMember(ingest::codec_names()))
      ->needs(decode)
      ->excludes(listener);
  app.set_version_flag("--version", "hilerad " + std::string(version()));
}

void report_error(std::string_view context, const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& exception) {
    log::write_limited(LogLevel::kError, "greenlet_failed", {{"greenlet", context}, {"error", exception.what()}});
  } catch (const greenrt::Unwind& unwind) {
    log::write_limited(LogLevel::kError, "greenlet_failed", {{"greenlet", context}, {"error", unwind.what()}});
  } catch (...) {
    log::write_limited(LogLevel::kError, "greenlet_failed", {{"greenlet", context}, {"error", "of unknown type"}});
  }
}

// What the configuration names beside itself, as far as it is there for us. Throws TrustFileError and SecretError.
void check_files(const Config& config) {
  for (const ListenerConfig& listener : config.listeners)
    static_cast<void>(load_trust(listener));
  if (!config.database) return;
  const std::string& password = config.database->password_file;
  if (!password.empty() && !is_withheld(password)) static_cast<void>(read_secret(password));
}

// All listeners of the configuration, one of them, or one that takes whatever its codec reads.
std::vector<ListenerConfig> listeners_to_decode_for(const Arguments& arguments) {
  if (!arguments.codec.empty()) {
    ListenerConfig listener;
    listener.codec = arguments.codec;
    return {listener};
  }
  auto listeners = load_config(arguments.config_file).listeners;
  if (!arguments.listener.empty()) {
    std::erase_if(listeners, [&](const ListenerConfig& each) { return each.name != arguments.listener; });
    if (listeners.empty()) throw std::runtime_error("no listener is called " + arguments.listener);
    listeners.front().port = 0;  // it takes all, whatever port they were sent to
  }
  return listeners;
}

int decode(const Arguments& arguments) {
  if (sodium_init() < 0) throw std::runtime_error("libsodium finds no source of randomness");
  const DecodeTally tally = decode_file(arguments.decode_file, listeners_to_decode_for(arguments), std::cout);
  if (!std::cout.flush()) throw std::runtime_error("standard output cannot be written");
  return tally.datagrams > 0 && tally.rejected == 0 ? kExitOk : kExitFailure;
}

int run(const Config& config, const std::string& file) {
  Logging logging(config.log);
  try {
    HandedSockets sockets = HandedSockets::from_environment();
    sockets.assign(config.listeners);
    if (sodium_init() < 0) throw std::runtime_error("libsodium finds no source of randomness");
    greenrt::ignore_sigpipe();
    greenrt::Hub hub({.stack_size = config.greenlets.stack_size, .max_greenlets = config.greenlets.max});
    hub.set_error_handler(report_error);
    int status = kExitFailure;
    hub.run([&] { status = run_daemon(config, logging, std::move(sockets), [file] { return load_config(file); }); });
    return status;
  } catch (const HandedSocketError& error) {
    log::error("start_failed", {{"error", error.what()}});
    return kExitConfig;
  } catch (const TrustFileError& error) {
    log::error("start_failed", {{"error", error.what()}});
    return kExitConfig;
  } catch (const SecretError& error) {
    log::error("start_failed", {{"error", error.what()}});
    return kExitConfig;
  } catch (const std::exception& error) {
    log::error("start_failed", {{"error", error.what()}});
    return kExitFailure;
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Hilera: receives UDP telemetry frames and stores them in MariaDB, in order.", "hilerad");
  Arguments arguments;
  add_options(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }

  if (arguments.reference_config) {
    std::fputs(reference_config().c_str(), stdout);
    return kExitOk;
  }
  try {
    if (!arguments.decode_file.empty()) return decode(arguments);
    const Config config = load_config(arguments.config_file);
    if (arguments.check_config) check_files(config);
    if (arguments.print_config) std::fputs(print_config(config).c_str(), stdout);
    if (arguments.print_config || arguments.check_config) return kExitOk;
    return run(config, arguments.config_file);
  } catch (const ConfigError& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return kExitConfig;
  } catch (const TrustFileError& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return kExitConfig;
  } catch (const SecretError& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return kExitConfig;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hilerad: %s\n", error.what());
    return kExitFailure;
  }
}
