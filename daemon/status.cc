#include "daemon/status.h"

#include <nlohmann/json.hpp>

#include <array>
#include <utility>

#include "daemon/version.h"
#include "db/error.h"
#include "greenrt/hub.h"

namespace hilera {
namespace {

using ingest::ListenerCounters;
using nlohmann::json;

constexpr std::array kErrorClasses{
    db::ErrorClass::kRetry, db::ErrorClass::kRollbackRetry, db::ErrorClass::kReconnect,    db::ErrorClass::kDuplicate,
    db::ErrorClass::kSplit, db::ErrorClass::kPoisonRow,     db::ErrorClass::kStopAndAlarm, db::ErrorClass::kWait};
static_assert(kErrorClasses.size() == db::kErrorClasses);

json document_of(const ingest::Listener& listener) {
  const ListenerCounters& counters = listener.counters();
  json rejected = json::object();
  for (const auto& [reason, count] : counters.rejected.counts()) {
    if (count > 0) rejected[std::string(reason)] = count;
  }
  return {{"name", listener.name()},
          {"codec", listener.codec().name()},
          {"address", listener.socket().local_address().to_string()},
          {"received", counters.received},
          {"accepted", counters.accepted},
          {"control", counters.control},
          {"rejected", std::move(rejected)},
          {"kernel_drops", listener.socket().kernel_drops()},
          {"acks_sent", counters.acks_sent},
          {"replies_failed", counters.replies_failed}};
}

json document_of(const MariaStore& store, const db::ConnectionPool& pool, const DatabaseMonitor& database) {
  const db::PoolStats stats = pool.stats();
  json errors = json::object();
  for (const db::ErrorClass each : kErrorClasses) {
    if (stats.errors[each] > 0) errors[std::string(db::to_string(each))] = stats.errors[each];
  }
  return {
      {"healthy", database.healthy()},
      {"problem", database.problem()},
      {"connections",
       {{"idle", stats.idle}, {"leased", stats.leased}, {"connecting", stats.connecting}, {"waiting", stats.waiting}}},
      {"errors", std::move(errors)},
      {"retries", store.retries()}};
}

}  // namespace

std::vector<std::string> Status::problems() const {
  std::vector<std::string> problems;
  if (!sources_.intake.receiving()) problems.emplace_back("the sockets are not read");
  if (!sources_.database.healthy()) problems.push_back("database: " + sources_.database.problem());
  if (auto problem = sources_.store.problem(); !problem.empty())
    problems.push_back("records are not stored: " + problem);
  return problems;
}

json Status::document() const {
  const auto problems_now = problems();
  const ingest::PipelineCounters& counters = sources_.intake.counters();
  json dropped = json::object();
  for (std::size_t i = 0; i < counters.dropped.size(); ++i) {
    if (counters.dropped[i] > 0) dropped[std::string(ingest::kDropReasonNames[i])] = counters.dropped[i];
  }
  json listeners = json::array();
  for (const auto& listener : sources_.intake.listeners())
    listeners.push_back(document_of(*listener));
  const auto uptime = std::chrono::steady_clock::now() - started_;
  const auto& downlinks = sources_.transmitter.counters();
  return {{"version", version()},
          {"collector", sources_.config.collector},
          {"uptime_seconds", std::chrono::duration<double>(uptime).count()},
          {"ready", problems_now.empty()},
          {"problems", problems_now},
          {"ledger", json::parse(sources_.intake.ledger().json())},
          {"dropped", std::move(dropped)},
          {"listeners", std::move(listeners)},
          {"database", document_of(sources_.store, sources_.pool, sources_.database)},
          {"devices_known", sources_.intake.devices().size()},
          {"downlink", {{"sent", downlinks.sent}, {"failed", downlinks.failed}}},
          {"greenlets", greenrt::Hub::current().stats().greenlets}};
}

void Status::declare_metrics(Metrics& metrics) const {
  metrics.gauge("hilera_build_info", "The version that runs, as a label.", [](Metrics::Samples& samples) {
    samples.add({{"version", std::string(version())}}, 1);
  });
  declare_intake(metrics);
  declare_store(metrics);
  declare_downlink(metrics);
  declare_runtime(metrics);
}

void Status::declare_intake(Metrics& metrics) const {
  const auto per_listener = [&](const char* name, const char* help, auto read) {
    metrics.counter(name, help, [this, read](Metrics::Samples& samples) {
      for (const auto& listener : sources_.intake.listeners()) {
        samples.add({{"listener", listener->name()}}, read(*listener));
      }
    });
  };
  const auto counter_of = [](std::uint64_t ListenerCounters::*member) {
    return [member](const ingest::Listener& listener) { return listener.counters().*member; };
  };
  per_listener("hilera_datagrams_received_total", "Datagrams read from the socket.",
               counter_of(&ListenerCounters::received));
  per_listener("hilera_datagrams_accepted_total", "Datagrams whose records are in custody.",
               counter_of(&ListenerCounters::accepted));
  per_listener("hilera_datagrams_control_total", "Well-formed datagrams that carried nothing to store.",
               counter_of(&ListenerCounters::control));
  metrics.counter("hilera_datagrams_rejected_total", "Malformed or refused datagrams, by reason. Nobody is answered.",
                  [this](Metrics::Samples& samples) {
                    for (const auto& listener : sources_.intake.listeners()) {
                      for (const auto& [reason, count] : listener->counters().rejected.counts()) {
                        samples.add({{"listener", listener->name()}, {"reason", std::string(reason)}}, count);
                      }
                    }
                  });
  metrics.counter("hilera_datagrams_dropped_total",
                  "Well-received datagrams that went no further, by reason. They were not acknowledged.",
                  [this](Metrics::Samples& samples) {
                    const auto& dropped = sources_.intake.counters().dropped;
                    for (std::size_t i = 0; i < dropped.size(); ++i) {
                      samples.add({{"reason", std::string(ingest::kDropReasonNames[i])}}, dropped[i]);
                    }
                  });
  metrics.gauge("hilera_datagrams_in_flight", "Datagrams that are worked on now.",
                [this] { return static_cast<double>(sources_.intake.counters().in_flight); });
  per_listener("hilera_kernel_drops_total",
               "Datagrams that the kernel dropped because the receive buffer was full; not counted as received.",
               [](const ingest::Listener& listener) { return listener.socket().kernel_drops(); });
  per_listener("hilera_receive_errors_total", "Receive calls that failed.",
               counter_of(&ListenerCounters::receive_errors));
  per_listener("hilera_acks_sent_total", "Acknowledgements handed to the kernel.",
               counter_of(&ListenerCounters::acks_sent));
  per_listener("hilera_replies_failed_total", "Acknowledgements and downlinks that the kernel refused.",
               counter_of(&ListenerCounters::replies_failed));
  metrics.histogram("hilera_ack_seconds", "From the arrival of a datagram to the hand-over of its acknowledgement.",
                    &sources_.intake.counters().ack_seconds);
  metrics.gauge("hilera_devices_known", "Devices whose last address is known.",
                [this] { return static_cast<double>(sources_.intake.devices().size()); });
}

void Status::declare_store(Metrics& metrics) const {
  const auto record_counter = [&](const char* name, const char* help, std::uint64_t StoreLedger::*member) {
    metrics.counter(name, help, [this, member](Metrics::Samples& samples) {
      samples.add({}, sources_.intake.ledger().store.*member);
    });
  };
  record_counter("hilera_records_accepted_total", "Records taken into custody.", &StoreLedger::accepted);
  record_counter("hilera_records_stored_total", "Records that became rows of the table frame.", &StoreLedger::stored);
  record_counter("hilera_records_duplicate_total", "Records that had been stored before, with the same content.",
                 &StoreLedger::duplicate);
  record_counter("hilera_records_dead_lettered_total", "Records refused by the database or in conflict.",
                 &StoreLedger::dead_lettered);
  record_counter("hilera_records_quarantined_total", "Records that cannot be read back and are kept for inspection.",
                 &StoreLedger::quarantined);
  metrics.gauge("hilera_records_pending", "Records in custody that are not in the database yet.",
                [this] { return static_cast<double>(sources_.intake.ledger().store.pending); });
  metrics.histogram("hilera_store_seconds", "From the arrival of a datagram to the commit of its records.",
                    &sources_.intake.counters().store_seconds);
  metrics.counter("hilera_store_retries_total", "Attempts to store that had to be made again.",
                  &sources_.store.retries());
  metrics.gauge("hilera_db_up", "1 when the database answers and has the right tables.",
                [this] { return sources_.database.healthy() ? 1.0 : 0.0; });
  metrics.gauge("hilera_db_connections", "Connections by state; waiting counts those who wait for one.",
                [this](Metrics::Samples& samples) {
                  const db::PoolStats stats = sources_.pool.stats();
                  samples.add({{"state", "idle"}}, stats.idle);
                  samples.add({{"state", "leased"}}, stats.leased);
                  samples.add({{"state", "connecting"}}, stats.connecting);
                  samples.add({{"state", "waiting"}}, stats.waiting);
                });
  metrics.counter("hilera_db_errors_total", "Errors of the database by class, failed connects included.",
                  [this](Metrics::Samples& samples) {
                    const db::PoolStats stats = sources_.pool.stats();
                    for (const db::ErrorClass each : kErrorClasses) {
                      samples.add({{"class", std::string(db::to_string(each))}}, stats.errors[each]);
                    }
                  });
}

void Status::declare_downlink(Metrics& metrics) const {
  metrics.counter("hilera_downlink_total", "Downlink frames by what became of them.",
                  [this](Metrics::Samples& samples) {
                    const auto& counters = sources_.transmitter.counters();
                    samples.add({{"state", "sent"}}, counters.sent);
                    samples.add({{"state", "failed"}}, counters.failed);
                  });
  metrics.counter("hilera_downlink_source_errors_total", "Looks at the downlink queue that failed.",
                  &sources_.transmitter.counters().source_errors);
}

void Status::declare_runtime(Metrics& metrics) const {
  metrics.gauge("hilera_greenlets", "Greenlets that run or wait.",
                [] { return static_cast<double>(greenrt::Hub::current().stats().greenlets); });
  metrics.histogram("hilera_hub_lag_seconds", "How long an I/O event may have waited for its turn.",
                    &greenrt::Hub::current().lag());
  metrics.gauge("hilera_stack_high_water_bytes", "The deepest use of a greenlet's stack.",
                [] { return static_cast<double>(greenrt::Hub::current().stack_high_water()); });
  metrics.counter("hilera_hub_errors_total", "Exceptions that ended a greenlet or a callback.",
                  &greenrt::Hub::current().stats().errors);
  metrics.counter("hilera_log_lost_lines_total", "Log lines lost because the writer could not follow.",
                  [this](Metrics::Samples& samples) { samples.add({}, sources_.logging.lost_lines()); });
}

}  // namespace hilera
