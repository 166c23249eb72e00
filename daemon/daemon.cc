#include "daemon/daemon.h"

#include <nlohmann/json.hpp>
#include <signal.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "daemon/control_commands.h"
#include "daemon/control_protocol.h"
#include "daemon/control_server.h"
#include "daemon/database.h"
#include "daemon/diagnosis.h"
#include "daemon/downlink_outcomes.h"
#include "daemon/exit_codes.h"
#include "daemon/http_server.h"
#include "daemon/intake.h"
#include "daemon/journal_export.h"
#include "daemon/metrics.h"
#include "daemon/notify.h"
#include "daemon/page.h"
#include "daemon/pool_options.h"
#include "daemon/reporter.h"
#include "daemon/status.h"
#include "daemon/storage.h"
#include "daemon/version.h"
#include "daemon/watchdog.h"
#include "greenrt/event.h"
#include "greenrt/hub.h"
#include "greenrt/signal.h"
#include "ingest/transmitter.h"

namespace hilera {
namespace {

using std::chrono::seconds;

constexpr seconds kDrainSockets{1};  // what may be spent on datagrams that the kernel still holds
constexpr seconds kCloseServers{1};
constexpr seconds kAfterDrain{15};                    // what the end may take beyond drain.timeout
constexpr std::chrono::milliseconds kCountLate{100};  // what may be spent on counting datagrams that came too late

StorageOptions storage_options(const Config& config) {
  StorageOptions options;
  options.collector = config.collector;
  options.journal = {.directory = config.journal.directory,
                     .max_size = config.journal.max_size,
                     .segment_size = config.journal.segment_size,
                     .max_waiting = config.pipeline.max_in_flight};
  options.max_devices = config.devices.max_known;
  if (!config.database) return options;
  options.shards = config.database->shards;
  if (config.database->hosts.size() > 1) options.journal.grace = config.database->grace;
  return options;
}

std::unique_ptr<Database> open_database(const Config& config) {
  return config.database ? std::make_unique<Database>(config.collector, pool_options(*config.database),
                                                      config.transmit.answer_timeout)
                         : nullptr;
}

class Daemon {
 public:
  Daemon(const Config& config, Logging& logging, HandedSockets sockets, Reloader::Read read_config)
      : config_(config),
        diagnosis_(config.greenlets.max_blocking),
        notifier_(Notifier::from_environment()),
        database_(open_database(config)),
        storage_(with_past(storage_options(config)), database_ ? &database_->pool() : nullptr, reporter_,
                 database_ ? &database_->gate() : nullptr),
        export_(storage_.journal()),
        intake_(config, storage_, reporter_, storage_.last_arrival(), std::move(sockets)),
        transmitter_(make_transmitter()),
        outcomes_(database_ ? std::make_unique<DownlinkOutcomes>(database_->downlinks(), reporter_) : nullptr),
        reloader_(
            config_, logging, intake_, database_ ? &database_->pool() : nullptr,
            [this](const ingest::Listener& listener) { introduce(listener); }, std::move(read_config)),
        status_(
            {config_, intake_, storage_, database_.get(), transmitter_.get(), outcomes_.get(), logging, &reloader_}),
        http_(config.http, http_routes()),
        control_(config.control.socket, commands()) {
    for (const auto& listener : intake_.listeners())
      introduce(*listener);
    if (outcomes_) {
      intake_.set_on_answer([this](const ingest::Decoded& decoded, const ingest::Origin& origin) {
        const bool proved = !origin.guarded || decoded.auth_level >= ingest::AuthLevel::kMac;
        outcomes_->note(decoded.nserie, *decoded.answer, proved ? "" : origin.codec->name());
      });
      intake_.set_addressee(
          [this](const auto& listener, const auto& peer) { return transmitter_->take_addressee(listener, peer); });
      intake_.set_has_addressee(
          [this](const auto& listener, const auto& peer) { return transmitter_->has_addressee(listener, peer); });
      intake_.set_on_heard([this](auto nserie) { transmitter_->heard(nserie); });
      database_->downlinks().set_answers_wait([this] { return outcomes_->waiting() > 0; });
      outcomes_->set_on_written([this](auto nserie) { transmitter_->ended(nserie); });
    }
    status_.declare_metrics(metrics_);
    if (database_) database_->dead_letters().declare_metrics(metrics_);
    diagnosis_.declare_metrics(metrics_);
    http_.declare_metrics(metrics_);
    reloader_.declare_metrics(metrics_);
  }

  // After an orderly drain nothing is left to do here.
  ~Daemon() {
    const greenrt::Shield shield;
    watchdog_.reset();
    if (transmitting_) transmitting_->kill();
    if (reloading_) reloading_->kill();
    storage_.stop();
    intake_.set_on_answer(nullptr);
    intake_.set_addressee(nullptr);
    intake_.set_has_addressee(nullptr);
    intake_.set_on_heard(nullptr);
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  int run() {
    greenrt::Event stop;
    const auto on_signal = [&](int signal) {
      log::info("signal", {{"number", signal}});
      if (stop.is_set()) {
        at_once_ = true;
        intake_.abandon();
        storage_.give_up();
        if (database_) database_->give_up();
      }
      stop.set();
    };
    const greenrt::SignalHandler on_term(SIGTERM, on_signal);
    const greenrt::SignalHandler on_interrupt(SIGINT, on_signal);
    const greenrt::SignalHandler on_hangup(SIGHUP, [this](int) { hangup_.set(); });

    start();
    stop.wait();
    drain();
    return report_ledger();
  }

 private:
  // What the table remembers of a device that has proved itself also keeps its datagrams from the journal.
  StorageOptions with_past(StorageOptions options) {
    options.on_past = [this](std::string_view nserie, std::string_view codec, const ingest::ReplayWindow& window) {
      if (const ingest::Codec* known = ingest::find_codec(codec)) intake_.devices().note_proof(nserie, *known, window);
    };
    return options;
  }

  std::unique_ptr<ingest::Transmitter> make_transmitter() {
    if (!database_) return nullptr;
    const ingest::TransmitterOptions options{.poll_interval = config_.transmit.poll_interval,
                                             .batch = config_.transmit.batch};
    return std::make_unique<ingest::Transmitter>(options, database_->downlinks(), intake_.devices(), reporter_);
  }

  // To those who read from the journal and from dead letters what came in there.
  void introduce(const ingest::Listener& listener) {
    storage_.know(listener.origin());
    if (database_) database_->dead_letters().know(listener.origin());
  }

  ControlServer::Commands commands() {
    auto commands = control_commands(status_, export_, database_.get(), intake_);
    commands.emplace(control::kReload, ControlServer::Command{true, [this](const nlohmann::json&) -> nlohmann::json {
                                                                reload();
                                                                return {{"reloaded", true}};
                                                              }});
    return commands;
  }

  // Throws ControlError, and then nothing has changed.
  void reload() {
    if (!watchdog_) throw ControlError("hilerad is starting, or ending");
    const auto deadline = config_.pipeline.store_deadline;
    try {
      reloader_.reload();
    } catch (const std::runtime_error& error) {
      throw ControlError(error.what());
    }
    if (watchdog_ && config_.pipeline.store_deadline != deadline) start_watchdog();
  }

  void start_watchdog() {
    watchdog_.reset();
    watchdog_ = std::make_unique<Watchdog>(notifier_, intake_, intake_.frame_limit());
  }

  // What SIGHUP asks for, one after the other; several signals meanwhile are one.
  void reload_on_hangup() {
    while (true) {
      hangup_.wait();
      hangup_.clear();
      try {
        reload();
      } catch (const ControlError&) {
        continue;  // the log has it
      }
    }
  }

  HttpServer::Routes http_routes() {
    HttpServer::Routes routes = page_routes();
    routes["/metrics"] = [this](const HttpRequest&) {
      return HttpResponse{.content_type = std::string(Metrics::kContentType), .body = metrics_.text()};
    };
    routes["/greenlets"] = [](const HttpRequest&) { return HttpResponse{.body = Diagnosis::greenlets_text()}; };
    routes["/healthz"] = [](const HttpRequest&) { return HttpResponse{.body = "ok\n"}; };
    routes["/readyz"] = [this](const HttpRequest&) { return readiness(); };
    routes["/status"] = [this](const HttpRequest&) {
      return HttpResponse{.content_type = "application/json", .body = status_text()};
    };
    return routes;
  }

  [[nodiscard]] std::string status_text() const {
    return status_.document().dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  }

  [[nodiscard]] HttpResponse readiness() const {
    const auto obstacles = status_.obstacles();
    if (obstacles.empty()) return {.body = "ready\n"};
    HttpResponse response{.status = 503};
    for (const std::string& obstacle : obstacles)
      response.body += obstacle + "\n";
    return response;
  }

  void start() {
    for (const std::string& notice : config_notices(config_))
      log::info("config_notice", {{"detail", notice}});
    http_.start();
    control_.start();
    storage_.start();
    if (outcomes_) outcomes_->start();
    intake_.start();
    if (transmitter_ && config_.transmit.enabled) {
      transmitting_ = greenrt::spawn([this] { transmitter_->run(); });
      transmitting_->set_name("transmitter");
      transmitting_->set_kind(greenrt::Hub::current().kind("transmitter"));
    }
    start_watchdog();
    reloading_ = greenrt::spawn([this] { reload_on_hangup(); });
    reloading_->set_name("reload");
    reloading_->set_kind(greenrt::Hub::current().kind("reload"));
    tell(notifier_.ready("receiving"));
    log::info("ready", {{"version", version()},
                        {"collector", config_.collector},
                        {"http", http_.local_address().to_string()},
                        {"control", config_.control.socket}});
  }

  // Intake first, and the servers last, so that an operator can watch the rest of the drain.
  void drain() {
    const greenrt::Deadline deadline(config_.drain.timeout);
    tell(notifier_.stopping("draining", config_.drain.timeout + kAfterDrain));
    log::info("draining", {{"in_flight", intake_.counters().in_flight}});
    watchdog_.reset();
    reloader_.stop();
    reloading_->kill();
    if (transmitting_) transmitting_->kill_soon();
    intake_.stop_receiving(deadline.sooner(kDrainSockets));
    const greenrt::Deadline rest = at_once_ ? greenrt::Deadline(seconds(0)) : deadline;
    intake_.finish(rest);
    if (!storage_.wait_idle(rest)) {
      log::info("left_in_journal", {{"records", storage_.ledger().pending}});
    }
    storage_.stop();
    if (transmitting_) transmitting_->join(rest);
    if (outcomes_) outcomes_->stop(rest);
    http_.stop(kCloseServers);
    control_.stop(kCloseServers);
    intake_.turn_away(kCountLate);
    if (database_) database_->close();
  }

  int report_ledger() {
    const Ledger ledger = status_.ledger();
    if (ledger.balanced()) {
      log::info("stopped", {{"ledger", ledger.json()}});
      return kExitOk;
    }
    log::error("ledger_does_not_balance", {{"ledger", ledger.json()}});
    return kExitFailure;
  }

  static void tell(std::error_code error) {
    if (error) log::warning("notify_failed", {{"error", error.message()}});
  }

  Config config_;
  Diagnosis diagnosis_;
  Notifier notifier_;
  LogReporter reporter_;
  std::unique_ptr<Database> database_;  // none: everything stays in the journal
  Storage storage_;
  JournalExport export_;
  Intake intake_;
  std::unique_ptr<ingest::Transmitter> transmitter_;  // none without a database
  std::unique_ptr<DownlinkOutcomes> outcomes_;        // the same
  Reloader reloader_;
  Status status_;
  Metrics metrics_;
  HttpServer http_;
  ControlServer control_;
  greenrt::GreenletRef transmitting_;
  greenrt::GreenletRef reloading_;
  greenrt::Event hangup_;
  std::unique_ptr<Watchdog> watchdog_;
  bool at_once_ = false;  // a second signal has come
};

}  // namespace

int run_daemon(const Config& config, Logging& logging, HandedSockets sockets, Reloader::Read read_config) {
  return Daemon(config, logging, std::move(sockets), std::move(read_config)).run();
}

}  // namespace hilera
