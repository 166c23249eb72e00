#include "daemon/sim/command_line.h"

#include <CLI/CLI.hpp>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <ostream>
#include <string_view>

#include "daemon/sim/protocol.h"
#include "daemon/version.h"

namespace hilera::sim {
namespace {

constexpr std::size_t kMaxWindow = 1024;
constexpr std::size_t kMaxOpenFrames = 1'000'000;
constexpr double kMaxSeconds = 1e8;
constexpr double kMaxRate = 1e8;

// What CLI11 fills in: seconds as a person writes them.
struct Raw {
  std::string target;
  std::uint64_t frames = 0;
  double seconds = 0;
  double wait_acks = std::chrono::duration<double>(SimulatorOptions{}.wait_acks).count();
  bool no_acks = false;
  std::string keys_file;
};

// CLI::Range lets NaN through.
std::string check_number(const std::string& text) {
  return std::isnan(std::strtod(text.c_str(), nullptr)) ? "not a number: " + text : std::string();
}

greenrt::Duration duration_of(double seconds) {
  return std::chrono::duration_cast<greenrt::Duration>(std::chrono::duration<double>(seconds));
}

HostPort parse_target(const std::string& text) {
  const auto target = parse_host_port(text, 0);
  if (!target || target->port == 0) throw CLI::ValidationError("--target", "'" + text + "' is not HOST:PORT");
  return *target;
}

void add_options(CLI::App& app, CommandLine& line, Raw& raw) {
  SimulatorOptions& simulator = line.simulator;
  app.add_option("--target", raw.target, "The collector, HOST:PORT")->required();
  app.add_option("--codec", simulator.codec, "What the devices speak: native, semtech or teltonika")
      ->check(CLI::IsMember({"native", "semtech", "teltonika"}))
      ->capture_default_str();
  app.add_option("--devices", simulator.devices, "How many devices")
      ->check(CLI::Range(std::size_t{1}, kMaxDevices))
      ->capture_default_str();
  app.add_option("--rate", simulator.rate, "Frames per second of all devices together, 0: as fast as possible")
      ->check(CLI::Range(0.0, kMaxRate))
      ->check(check_number)
      ->capture_default_str();
  auto* limits = app.add_option_group("When to stop making frames")->require_option(1);
  limits->add_option("--frames", raw.frames, "After so many frames")->check(CLI::PositiveNumber);
  limits->add_option("--seconds", raw.seconds, "After so many seconds")
      ->check(CLI::Range(0.001, kMaxSeconds))
      ->check(check_number);
  app.add_option("--window", simulator.window, "Frames that a device may have unacknowledged")
      ->check(CLI::Range(std::size_t{1}, kMaxWindow))
      ->capture_default_str();
  app.add_option("--wait-acks", raw.wait_acks, "Seconds to wait for the last acknowledgements")
      ->check(CLI::Range(0.0, kMaxSeconds))
      ->check(check_number)
      ->capture_default_str();
  app.add_option("--seed", simulator.seed, "What the devices measure depends on it")->capture_default_str();
  app.add_option("--json", line.json_path, "Write the summary to this file instead of standard output");
  app.add_option("--log", line.log_path, "Write the key of each acknowledged record: nserie frame_id codec");
  app.add_flag("--no-acks", raw.no_acks, "Ask for no acknowledgements, send each frame once");
  CLI::Option* keys = app.add_option("--keys-file", raw.keys_file,
                                     "The keys with which native devices prove who they are, as of a listener")
                          ->check(CLI::ExistingFile);
  app.add_option("--key-id", simulator.key_id, "The number of the key that they use")->needs(keys);
  app.add_option("--replay", simulator.adversary.replays, "Copies of earlier frames that somebody else sends, a frame")
      ->check(CLI::Range(0.0, 1.0))
      ->check(check_number)
      ->needs(keys);
  app.add_option("--forge", simulator.adversary.forgeries, "Altered copies that somebody else sends, a frame")
      ->check(CLI::Range(0.0, 1.0))
      ->check(check_number)
      ->needs(keys);
  app.add_flag("--quiet", line.quiet, "Show no progress");
  app.footer(
      "Subcommands:\n"
      "  replay                      Sends the datagrams of a capture again\n"
      "  capture                     Writes the datagrams that come to an address to a file");
  app.set_version_flag("--version", "hilera-sim " + std::string(version()));
}

void take(const CLI::App& app, const Raw& raw, CommandLine& line) {
  line.target = parse_target(raw.target);
  if (app.get_option_group("When to stop making frames")->count("--frames") > 0) line.simulator.frames = raw.frames;
  if (raw.seconds > 0) line.simulator.duration = duration_of(raw.seconds);
  line.simulator.wait_acks = duration_of(raw.wait_acks);
  line.simulator.acks = !raw.no_acks;
  line.keys_file = raw.keys_file;
  line.simulator.adversary.seed = line.simulator.seed;
  if (!line.keys_file.empty() && line.simulator.codec != "native") {
    throw CLI::ValidationError("--keys-file", "only native devices have keys");
  }
  if (line.simulator.acks && line.simulator.devices * line.simulator.window > kMaxOpenFrames) {
    throw CLI::ValidationError("--window", "devices times window is more than " + std::to_string(kMaxOpenFrames));
  }
  if (raw.no_acks && !line.log_path.empty()) {
    throw CLI::ValidationError("--log", "nothing is acknowledged with --no-acks");
  }
}

}  // namespace

ParsedCommandLine parse_command_line(int argc, const char* const* argv, std::ostream& out, std::ostream& error) {
  CLI::App app("A fleet of simulated devices that send frames to a collector.", "hilera-sim");
  CommandLine line;
  Raw raw;
  add_options(app, line, raw);
  try {
    app.parse(argc, argv);
    take(app, raw, line);
    return {.options = std::move(line)};
  } catch (const CLI::ParseError& reason) {
    return {.options = std::nullopt, .exit_status = app.exit(reason, out, error) == 0 ? 0 : kExitBadUsage};
  }
}

}  // namespace hilera::sim
