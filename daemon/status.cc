#include "daemon/status.h"

#include <nlohmann/json.hpp>

#include <algorithm>
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
          {"address", listener.closed() ? "" : listener.socket().local_address().to_string()},
          {"open", !listener.retired()},
          {"received", counters.received},
          {"accepted", counters.accepted},
          {"control", counters.control},
          {"rejected", std::move(rejected)},
          {"kernel_drops", listener.socket().kernel_drops()},
          {"acks_sent", counters.acks_sent},
          {"replies_failed", counters.replies_failed}};
}

json document_of(const Database& database) {
  const db::PoolStats stats = database.pool().stats();
  json errors = json::object();
  for (const db::ErrorClass each : kErrorClasses) {
    if (database.errors()[each] > 0) errors[std::string(db::to_string(each))] = database.errors()[each];
  }
  json replays = json::object();
  for (std::size_t i = 0; i < kDeadLetterOutcomes; ++i) {
    const auto outcome = static_cast<DeadLetterOutcome>(i);
    const std::uint64_t count = database.dead_letters().count(outcome);
    if (count > 0) replays[std::string(to_string(outcome))] = count;
  }
  const db::HostChoice& hosts = *database.pool().hosts();
  return {
      {"healthy", database.monitor().healthy()},
      {"problem", database.monitor().problem()},
      {"host", hosts.current().to_string()},
      {"failovers", hosts.changes()},
      {"losses", hosts.losses()},
      {"connections",
       {{"idle", stats.idle}, {"leased", stats.leased}, {"connecting", stats.connecting}, {"waiting", stats.waiting}}},
      {"errors", std::move(errors)},
      {"dead_letter_replays", std::move(replays)}};
}

double seconds_since(std::int64_t arrival) {
  if (arrival == 0) return 0;
  const auto age = std::chrono::system_clock::now().time_since_epoch() - std::chrono::microseconds(arrival);
  return std::max(std::chrono::duration<double>(age).count(), 0.0);
}

json document_of(const Journal& journal) {
  const Journal::Stats& stats = journal.stats();
  return {
      {"bytes", stats.bytes},     {"segments", stats.segments}, {"oldest_seconds", seconds_since(stats.oldest_arrival)},
      {"waiting", stats.waiting}, {"commits", stats.commits},   {"io_errors", stats.io_errors},
      {"problem", stats.problem}};
}

json document_of(const Storage& storage) {
  return {{"shards", storage.shards()},
          {"lagging", storage.lagging_shards()},
          {"queued", storage.queued()},
          {"retries", storage.retries()},
          {"in_doubt", storage.shards_in_doubt()},
          {"confirmed", storage.confirmed()},
          {"restored", storage.restored()},
          {"doubts_abandoned", storage.doubts_abandoned()},
          {"devices_refused", storage.devices_refused()},
          {"letters_cut", storage.letters_cut()},
          {"problem", storage.store_problem()}};
}

}  // namespace

std::vector<std::string> Status::obstacles() const {
  std::vector<std::string> obstacles;
  if (!sources_.intake.receiving()) obstacles.emplace_back("the sockets are not read");
  if (const auto& problem = sources_.storage.journal_problem(); !problem.empty())
    obstacles.push_back("journal: " + problem);
  return obstacles;
}

std::vector<std::string> Status::problems() const {
  auto problems = obstacles();
  if (sources_.database && !sources_.database->monitor().healthy())
    problems.push_back("database: " + sources_.database->monitor().problem());
  if (auto problem = sources_.storage.store_problem(); !problem.empty())
    problems.push_back("records are not stored: " + problem);
  return problems;
}

Ledger Status::ledger() const {
  return {.intake = sources_.intake.ledger(), .store = sources_.storage.ledger()};
}

json Status::document() const {
  const ingest::PipelineCounters& counters = sources_.intake.counters();
  json dropped = json::object();
  for (std::size_t i = 0; i < counters.dropped.size(); ++i) {
    if (counters.dropped[i] > 0) dropped[std::string(ingest::kDropReasonNames[i])] = counters.dropped[i];
  }
  json listeners = json::array();
  for (const auto& listener : sources_.intake.listeners())
    listeners.push_back(document_of(*listener));
  const auto uptime = std::chrono::steady_clock::now() - started_;
  json document{{"version", version()},
                {"collector", sources_.config.collector},
                {"uptime_seconds", std::chrono::duration<double>(uptime).count()},
                {"ready", obstacles().empty()},
                {"problems", problems()},
                {"ledger", json::parse(ledger().json())},
                {"dropped", std::move(dropped)},
                {"acks_withheld", counters.acks_withheld},
                {"listeners", std::move(listeners)},
                {"journal", document_of(sources_.storage.journal())},
                {"store", document_of(sources_.storage)},
                {"devices_known", sources_.intake.devices().size()},
                {"greenlets", greenrt::Hub::current().stats().greenlets}};
  if (const Database* database = sources_.database) {
    const auto& downlinks = sources_.transmitter->counters();
    document["database"] = document_of(*database);
    const auto& answers = sources_.outcomes->counters();
    const auto& ends = database->downlinks().counters();
    document["downlink"] = {{"sent", downlinks.sent},
                            {"queued", ends.queued},
                            {"delivered", ends.delivered},
                            {"expired", ends.expired},
                            {"failed", ends.failed},
                            {"cancelled", ends.cancelled},
                            {"postponed", answers.postponed},
                            {"answers_unknown", answers.unknown},
                            {"answers_given_up", answers.given_up},
                            {"answers_waiting", sources_.outcomes->waiting()}};
  }
  return document;
}

void Status::declare_metrics(Metrics& metrics) const {
  metrics.gauge("hilera_build_info", "The version that runs, as a label.", [](Metrics::Samples& samples) {
    samples.add({{"version", std::string(version())}}, 1);
  });
  declare_intake(metrics);
  declare_storage(metrics);
  if (sources_.database) {
    declare_database(metrics);
    declare_downlink(metrics);
  }
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
  metrics.counter("hilera_acks_withheld_total",
                  "Datagrams in custody that were not stored in time for their acknowledgement.",
                  &sources_.intake.counters().acks_withheld);
  metrics.histogram("hilera_ack_seconds", "From the arrival of a datagram to the hand-over of its acknowledgement.",
                    &sources_.intake.counters().ack_seconds);
  metrics.gauge("hilera_devices_known", "Devices whose last address is known.",
                [this] { return static_cast<double>(sources_.intake.devices().size()); });
}

void Status::declare_storage(Metrics& metrics) const {
  const auto record_counter = [&](const char* name, const char* help, std::uint64_t StoreLedger::*member) {
    metrics.counter(name, help, &(sources_.storage.ledger().*member));
  };
  record_counter("hilera_records_accepted_total", "Records taken into custody.", &StoreLedger::accepted);
  record_counter("hilera_records_stored_total", "Records that became rows of the table frame.", &StoreLedger::stored);
  record_counter("hilera_records_duplicate_total", "Records that had been stored before, with the same content.",
                 &StoreLedger::duplicate);
  record_counter("hilera_records_dead_lettered_total", "Records refused by the database or in conflict.",
                 &StoreLedger::dead_lettered);
  record_counter("hilera_records_quarantined_total", "Records that cannot be read back and are kept for inspection.",
                 &StoreLedger::quarantined);
  const auto gauge = [&](const char* name, const char* help, auto read) {
    metrics.gauge(name, help, [this, read] { return static_cast<double>(read(sources_.storage)); });
  };
  gauge("hilera_records_found_at_start", "Records that the journal held for the database at the start.",
        [](const Storage& storage) { return storage.ledger().found_at_start; });
  gauge("hilera_records_pending", "Records in custody that are not in the database yet.",
        [](const Storage& storage) { return storage.ledger().pending; });
  gauge("hilera_store_queued", "Datagrams in memory that wait for the database.",
        [](const Storage& storage) { return storage.queued(); });
  gauge("hilera_shards_lagging", "Parts of the devices whose records are read back from the journal.",
        [](const Storage& storage) { return storage.lagging_shards(); });
  gauge("hilera_shards_in_doubt", "Parts of the devices whose stored records are looked for again.",
        [](const Storage& storage) { return storage.shards_in_doubt(); });
  metrics.counter("hilera_records_confirmed_total",
                  "Records that were looked for again after a loss, and had ended well. Beside the ledger.",
                  &sources_.storage.confirmed());
  metrics.counter("hilera_records_restored_total",
                  "Records that were looked for again after a loss, were gone, and are stored once more. Beside the "
                  "ledger.",
                  &sources_.storage.restored());
  metrics.counter("hilera_doubts_abandoned_total",
                  "Searches after a loss that could not be completed, because the journal could not be read.",
                  &sources_.storage.doubts_abandoned());
  metrics.histogram("hilera_store_seconds",
                    "From the arrival of a datagram to the commit of its records, where it was not read back.",
                    &sources_.storage.store_seconds());
  metrics.histogram("hilera_batch_rows", "Records of one transaction.", &sources_.storage.batch_rows());
  metrics.counter("hilera_store_retries_total",
                  "Attempts to store a batch that failed, waits for a connection included.",
                  [this](Metrics::Samples& samples) { samples.add({}, sources_.storage.retries()); });

  metrics.counter("hilera_device_states_refused_total",
                  "Rows of the table `device` that the database refused; the log says which, and why.",
                  [this](Metrics::Samples& samples) { samples.add({}, sources_.storage.devices_refused()); });
  metrics.counter("hilera_dead_letters_cut_total",
                  "Dead letters without all the bytes of their datagrams, for the server's max_allowed_packet.",
                  [this](Metrics::Samples& samples) { samples.add({}, sources_.storage.letters_cut()); });

  const auto journal_counter = [&](const char* name, const char* help, std::uint64_t Journal::Stats::*member) {
    metrics.counter(name, help, [this, member](Metrics::Samples& samples) {
      samples.add({}, sources_.storage.journal().stats().*member);
    });
  };
  journal_counter("hilera_journal_datagrams_total", "Datagrams made durable.", &Journal::Stats::appended);
  journal_counter("hilera_journal_commits_total", "Groups of datagrams made durable with one sync.",
                  &Journal::Stats::commits);
  journal_counter("hilera_journal_io_errors_total", "Errors of the journal's disk; each begins a new segment.",
                  &Journal::Stats::io_errors);
  gauge("hilera_journal_bytes", "Size of the journal's files.",
        [](const Storage& storage) { return storage.journal().stats().bytes; });
  gauge("hilera_journal_segments", "Files of the journal.",
        [](const Storage& storage) { return storage.journal().stats().segments; });
  gauge("hilera_journal_oldest_seconds", "Age of the oldest datagram that is not in the database yet.",
        [](const Storage& storage) { return seconds_since(storage.journal().stats().oldest_arrival); });
  metrics.gauge("hilera_journal_up", "1 when datagrams can be made durable.",
                [this] { return sources_.storage.journal_problem().empty() ? 1.0 : 0.0; });
  metrics.histogram("hilera_journal_commit_datagrams", "Datagrams made durable with one sync.",
                    &sources_.storage.journal().commit_rows());
  metrics.histogram("hilera_journal_commit_seconds", "Time to write and sync one group of datagrams.",
                    &sources_.storage.journal().commit_seconds());
}

void Status::declare_database(Metrics& metrics) const {
  metrics.gauge("hilera_db_up", "1 when the database answers and has the right tables.",
                [this] { return sources_.database->monitor().healthy() ? 1.0 : 0.0; });
  metrics.gauge("hilera_db_connections", "Connections by state; waiting counts those who wait for one.",
                [this](Metrics::Samples& samples) {
                  const db::PoolStats stats = sources_.database->pool().stats();
                  samples.add({{"state", "idle"}}, stats.idle);
                  samples.add({{"state", "leased"}}, stats.leased);
                  samples.add({{"state", "connecting"}}, stats.connecting);
                  samples.add({{"state", "waiting"}}, stats.waiting);
                });
  metrics.counter("hilera_db_errors_total", "Errors of the database by class, failed connects included.",
                  [this](Metrics::Samples& samples) {
                    for (const db::ErrorClass each : kErrorClasses) {
                      samples.add({{"class", std::string(db::to_string(each))}}, sources_.database->errors()[each]);
                    }
                  });
  metrics.counter("hilera_db_failovers_total", "Changes from one server of several to another.",
                  [this](Metrics::Samples& samples) { samples.add({}, sources_.database->pool().hosts()->changes()); });
  metrics.counter("hilera_db_losses_total",
                  "How often another server, or the same one restarted, took the place of the one before.",
                  [this](Metrics::Samples& samples) { samples.add({}, sources_.database->pool().hosts()->losses()); });
}

void Status::declare_downlink(Metrics& metrics) const {
  metrics.counter(
      "hilera_downlink_total",
      "Downlink frames that came into a state by this collector: sent counts each attempt, the others rows.",
      [this](Metrics::Samples& samples) {
        const auto& ends = sources_.database->downlinks().counters();
        samples.add({{"state", "queued"}}, ends.queued);
        samples.add({{"state", "sent"}}, sources_.transmitter->counters().sent);
        samples.add({{"state", "delivered"}}, ends.delivered);
        samples.add({{"state", "expired"}}, ends.expired);
        samples.add({{"state", "failed"}}, ends.failed);
        samples.add({{"state", "cancelled"}}, ends.cancelled);
      });
  metrics.counter("hilera_downlink_answers_total", "Answers of devices to downlinks that changed the end of none.",
                  [this](Metrics::Samples& samples) {
                    const auto& answers = sources_.outcomes->counters();
                    samples.add({{"outcome", "postponed"}}, answers.postponed);
                    samples.add({{"outcome", "unknown"}}, answers.unknown);
                    samples.add({{"outcome", "given_up"}}, answers.given_up);
                  });
  metrics.counter("hilera_downlink_source_errors_total", "Looks at the downlink queue that failed.",
                  &sources_.transmitter->counters().source_errors);
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
