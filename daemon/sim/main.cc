#include <signal.h>
#include <sodium.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "daemon/secret.h"
#include "daemon/sim/acked_log.h"
#include "daemon/sim/capture_commands.h"
#include "daemon/sim/command_line.h"
#include "daemon/sim/progress.h"
#include "daemon/sim/simulator.h"
#include "daemon/sim/target.h"
#include "greenrt/hub.h"
#include "greenrt/signal.h"

namespace hilera::sim {
namespace {

constexpr std::chrono::milliseconds kProgressInterval{250};

struct Files {
  std::unique_ptr<AckedLog> log;
  std::unique_ptr<std::ofstream> json;
};

// Before anything is sent, so that a wrong path costs nothing.
Files open_files(const CommandLine& line) {
  Files files;
  if (!line.log_path.empty()) files.log = std::make_unique<AckedLog>(line.log_path, line.simulator.codec);
  if (!line.json_path.empty()) {
    files.json = std::make_unique<std::ofstream>(line.json_path, std::ios::trunc);
    if (!*files.json) throw std::system_error(errno, std::generic_category(), line.json_path);
  }
  return files;
}

void write_summary(std::ostream& out, const SimulatorOptions& options, const Simulator& simulator) {
  out << summary_json(simulator.tally(), options.codec, options.devices, simulator.elapsed()) << std::endl;
  if (!out) throw std::runtime_error("the summary could not be written");
}

void run_with_progress(Simulator& simulator, const SimulatorOptions& options) {
  Progress progress(stderr, options);
  auto shown = greenrt::spawn([&] {
    while (true) {
      progress.show(simulator.tally(), simulator.elapsed());
      greenrt::sleep(kProgressInterval);
    }
  });
  simulator.run();
  shown->kill();
  progress.clear();
}

int simulate(const CommandLine& line, const SimulatorOptions& options) {
  Files files = open_files(line);
  Simulator::AckedHandler on_acked;
  if (files.log) on_acked = [&log = *files.log](ingest::Bytes frame) { log.add(frame); };
  Simulator simulator(options, std::move(on_acked));
  const greenrt::SignalHandler on_interrupt(SIGINT, [&](int) { simulator.stop(); });
  const greenrt::SignalHandler on_terminate(SIGTERM, [&](int) { simulator.stop(); });
  if (!line.quiet && ::isatty(STDERR_FILENO) == 1) {
    run_with_progress(simulator, options);
  } else {
    simulator.run();
  }
  if (files.log) files.log->close();
  write_summary(files.json ? *files.json : std::cout, options, simulator);
  return simulator.tally().unacked == 0 ? 0 : kExitUnacked;
}

std::shared_ptr<const ingest::KeyRing> read_keys(const std::string& path) {
  constexpr std::size_t kLargestFile = 64U << 20;
  return ingest::KeyRing::parse(read_secret_file(path, kLargestFile).value, ingest::KeyForm::kDeviceKeys, path);
}

int run(const CommandLine& line) {
  if (sodium_init() < 0) throw std::runtime_error("libsodium does not start");
  SimulatorOptions options = line.simulator;
  if (!line.keys_file.empty()) options.keys = read_keys(line.keys_file);
  options.target = resolve(line.target);
  options.epoch =
      static_cast<std::uint32_t>(std::chrono::floor<std::chrono::seconds>(wall_now()).time_since_epoch().count());
  greenrt::Hub hub;
  int status = kExitUnacked;
  hub.run([&] { status = simulate(line, options); });
  return status;
}

}  // namespace
}  // namespace hilera::sim

int main(int argc, char** argv) {
  const std::string_view command = argc > 1 ? argv[1] : "";
  if (command == "replay") return hilera::sim::replay_command(argc - 1, argv + 1, std::cout, std::cerr);
  if (command == "capture") return hilera::sim::capture_command(argc - 1, argv + 1, std::cout, std::cerr);
  const auto parsed = hilera::sim::parse_command_line(argc, argv, std::cout, std::cerr);
  if (!parsed.options) return parsed.exit_status;
  try {
    return hilera::sim::run(*parsed.options);
  } catch (const std::exception& error) {
    std::cerr << "hilera-sim: " << error.what() << '\n';
    return hilera::sim::kExitUnacked;
  }
}
