#include "daemon/sim/capture_commands.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <signal.h>

#include <functional>
#include <ostream>
#include <stdexcept>
#include <string>

#include "daemon/sim/command_line.h"
#include "daemon/sim/recorder.h"
#include "daemon/sim/replay.h"
#include "daemon/sim/target.h"
#include "greenrt/hub.h"
#include "greenrt/signal.h"

namespace hilera::sim {
namespace {

constexpr double kMaxSpeed = 1e6;
constexpr double kMaxSeconds = 1e8;

greenrt::Duration duration_of(double seconds) {
  return std::chrono::duration_cast<greenrt::Duration>(std::chrono::duration<double>(seconds));
}

HostPort parse_address(const char* option, const std::string& text) {
  const auto address = parse_host_port(text, 0);
  if (!address || address->port == 0) throw CLI::ValidationError(option, "'" + text + "' is not HOST:PORT");
  return *address;
}

void write(std::ostream& out, const nlohmann::ordered_json& summary) {
  out << summary.dump() << std::endl;
  if (!out) throw std::runtime_error("the summary could not be written");
}

// Parses, then works; every way in which that can fail has its exit status.
int run_command(CLI::App& app, int argc, const char* const* argv, std::ostream& out, std::ostream& error,
                const std::function<int()>& work) {
  try {
    app.parse(argc, argv);
    return work();
  } catch (const CLI::ParseError& reason) {
    return app.exit(reason, out, error) == 0 ? 0 : kExitBadUsage;
  } catch (const std::exception& reason) {
    error << app.get_name() << ": " << reason.what() << '\n';
    return kExitUnacked;
  }
}

template <typename Worker>
void run_until_signal(Worker& worker, const std::function<void()>& work) {
  const greenrt::SignalHandler on_interrupt(SIGINT, [&](int) { worker.stop(); });
  const greenrt::SignalHandler on_terminate(SIGTERM, [&](int) { worker.stop(); });
  work();
}

}  // namespace

int replay_command(int argc, const char* const* argv, std::ostream& out, std::ostream& error) {
  CLI::App app("Sends the datagrams of a capture again, each source from a socket of its own.", "hilera-sim replay");
  std::string file;
  std::string target;
  ReplayOptions options;
  double wait = std::chrono::duration<double>(options.wait).count();
  app.add_option("file", file, "The capture: pcap, or hexadecimal digits, a datagram a line; - is standard input")
      ->required();
  app.add_option("--target", target, "The collector, HOST:PORT")->required();
  app.add_option("--port", options.port, "Send only what was sent to this port")->check(CLI::Range(1, 65535));
  app.add_option("--speed", options.speed, "Times as fast as it was captured, 0: as fast as possible")
      ->check(CLI::Range(0.0, kMaxSpeed))
      ->capture_default_str();
  app.add_option("--wait", wait, "Seconds to wait for answers at the end")
      ->check(CLI::Range(0.0, kMaxSeconds))
      ->capture_default_str();
  return run_command(app, argc, argv, out, error, [&] {
    options.target = resolve(parse_address("--target", target));
    options.wait = duration_of(wait);
    const auto reader = capture::open_file(file);
    ReplayTally tally;
    greenrt::Hub hub;
    hub.run([&] {
      Replay replay(*reader, options);
      run_until_signal(replay, [&] { replay.run(); });
      tally = replay.tally();
    });
    const capture::LeftOut& left_out = reader->left_out();
    write(out, {{"sent", tally.sent},
                {"send_failed", tally.send_failed},
                {"answers", tally.answers},
                {"sources", tally.sources},
                {"other_ports", tally.other_ports},
                {"not_udp", left_out.not_udp},
                {"fragments", left_out.fragments},
                {"cut", left_out.cut}});
    return tally.send_failed == 0 ? 0 : kExitUnacked;
  });
}

int capture_command(int argc, const char* const* argv, std::ostream& out, std::ostream& error) {
  CLI::App app("Writes the datagrams that come to an address to a file in the format pcap, and answers none.",
               "hilera-sim capture");
  std::string file;
  std::string listen;
  std::optional<std::uint64_t> datagrams;
  std::optional<double> seconds;
  app.add_option("file", file, "The file, which is replaced")->required();
  app.add_option("--listen", listen, "Where they come to, ADDRESS:PORT")->required();
  app.add_option("--datagrams", datagrams, "End after so many")->check(CLI::PositiveNumber);
  app.add_option("--seconds", seconds, "End after so many seconds")->check(CLI::Range(0.001, kMaxSeconds));
  return run_command(app, argc, argv, out, error, [&] {
    const HostPort address = parse_address("--listen", listen);
    const auto bound = greenrt::SocketAddress::parse(address.host, address.port);
    if (!bound) throw CLI::ValidationError("--listen", "'" + listen + "' is not an address of this host");
    nlohmann::ordered_json summary;
    greenrt::Hub hub;
    hub.run([&] {
      capture::PcapWriter writer(file);
      Recorder recorder(*bound, writer);
      writer.flush();
      run_until_signal(recorder, [&] {
        recorder.run(datagrams, seconds ? greenrt::Deadline(duration_of(*seconds)) : greenrt::Deadline::never());
      });
      summary = {{"captured", recorder.captured()}, {"kernel_drops", recorder.kernel_drops()}};
    });
    write(out, summary);
    return 0;
  });
}

}  // namespace hilera::sim
