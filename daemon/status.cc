#include "daemon/status.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <utility>

#include "daemon/version.h"
#include "db/error.h"
#include "greenrt/hub.h"

namespace hilera {
namespace {

using ingest::ListenerCounters;
using nlohmann::json;

constexpr const char* kNotRead = "the sockets are not read";
constexpr std::uint64_t kNearlyFull = 80;  // percent

constexpr std::array kErrorClasses{
    db::ErrorClass::kRetry, db::ErrorClass::kRollbackRetry, db::ErrorClass::kReconnect,    db::ErrorClass::kDuplicate,
    db::ErrorClass::kSplit, db::ErrorClass::kPoisonRow,     db::ErrorClass::kStopAndAlarm, db::ErrorClass::kWait};
static_assert(kErrorClasses.size() == db::kErrorClasses);

// Since the start of this process.
std::uint64_t kernel_drops(const ingest::Listener& listener) {
  return listener.socket().kernel_drops() - listener.socket().kernel_drops_before();
}

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
          {"dropped", counters.dropped},
          {"kernel_drops", kernel_drops(listener)},
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

json document_of(const Journal& journal, const JournalConfig& config) {
  const Journal::Stats& stats = journal.stats();
  return {{"bytes", stats.bytes},       {"max_bytes", config.max_size},
          {"segments", stats.segments}, {"oldest_seconds", seconds_since(stats.oldest_arrival)},
          {"waiting", stats.waiting},   {"datagrams", stats.appended},
          {"commits", stats.commits},   {"io_errors", stats.io_errors},
          {"problem", stats.problem}};
}

json document_of(const greenrt::Histogram& histogram) {
  return {{"bounds", histogram.bounds()}, {"counts", histogram.counts()}, {"sum", histogram.sum()}};
}

json document_of(const greenrt::GreenletKind& kind) {
  return {{"kind", kind.name()},
          {"samples", kind.slices().count()},
          {"slice_seconds", kind.slices().sum()},
          {"delay_seconds", kind.delays().sum()},
          {"longest_slice_seconds", std::chrono::duration<double>(kind.longest_slice()).count()},
          {"stack_bytes", kind.stack_high_water()}};
}

json document_of(const std::deque<greenrt::GreenletKind>& kinds) {
  json document = json::array();
  for (const greenrt::GreenletKind& kind : kinds)
    document.push_back(document_of(kind));
  return document;
}

json document_of(const Reloader& reloader) {
  return {{"taken", reloader.taken()}, {"refused", reloader.refused()}, {"problem", reloader.last_refusal()}};
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
  if (!sources_.intake.receiving()) obstacles.emplace_back(kNotRead);
  if (const auto& problem = sources_.storage.journal_problem(); !problem.empty())
    obstacles.push_back("journal: " + problem);
  return obstacles;
}

std::vector<Finding> Status::findings() const {
  std::vector<Finding> findings = wrong();
  for (Finding& finding : worth_a_look())
    findings.push_back(std::move(finding));
  return findings;
}

std::vector<std::string> Status::problems() const {
  std::vector<std::string> problems;
  for (Finding& finding : wrong())
    problems.push_back(std::move(finding.what));
  return problems;
}

std::vector<Finding> Status::wrong() const {
  std::vector<Finding> findings;
  const auto add = [&](std::string what, std::string advice) {
    findings.push_back({Finding::Severity::kProblem, std::move(what), std::move(advice)});
  };
  if (!sources_.intake.receiving()) add(kNotRead, "hilerad is starting or ending; if it stays so, see its log.");
  if (const auto& problem = sources_.storage.journal_problem(); !problem.empty()) {
    add("journal: " + problem, "Nothing is acknowledged. If it is full: make room on the disk of " +
                                   sources_.config.journal.directory +
                                   ", bring the database back, or raise journal.max_size and restart. If the disk "
                                   "fails: replace it; journal_io_error in the log has more.");
  }
  const Database* database = sources_.database;
  const bool away = database && !database->monitor().healthy();
  if (away) add("database: " + database->monitor().problem(), advice_for(database->monitor().trouble()));
  if (auto problem = sources_.storage.store_problem(); !problem.empty()) {
    add("records are not stored: " + problem, away ? "They wait in the journal until the database can be written."
                                                   : "They wait in the journal, and are tried again; store_stopped in "
                                                     "the log says what the database refuses.");
  }
  for (const std::string& socket : sources_.intake.misfits()) {
    add(socket,
        "What comes there is lost. Give it a listener, or take it out of the socket unit, and restart both: "
        "docs/operations.md, \"Changing listeners\".");
  }
  if (sources_.reloader && !sources_.reloader->last_refusal().empty()) {
    add("the last reload was refused: " + sources_.reloader->last_refusal(),
        "The configuration from before is in effect. Mend the file (`hilerad --check-config`), then `hileractl "
        "reload`; what needs a restart, `systemctl restart hilera` takes. Address, port and buffer of a listener of "
        "hilera.socket are to be changed there, too: docs/operations.md, \"Changing listeners\".");
  }
  if (!ledger().balanced()) add("the ledger does not balance", "A fault of hilerad: keep its log, and report it.");
  return findings;
}

std::vector<Finding> Status::worth_a_look() const {
  std::vector<Finding> findings;
  const auto add = [&](std::uint64_t count, std::string what, std::string advice) {
    if (count == 0) return;
    findings.push_back({Finding::Severity::kNotice, std::to_string(count) + " " + what, std::move(advice)});
  };
  const Intake::Listeners& listeners = sources_.intake.listeners();
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    add(kernel_drops(*listeners[i]), "datagrams found the receive buffer of " + listeners[i]->name() + " full",
        advice_for_kernel_drops(sources_.intake.handed_over(i)));
    const ListenerCounters& counters = listeners[i]->counters();
    add(counters.receive_errors, "attempts of " + listeners[i]->name() + " to receive failed",
        "See receive_failed in the log.");
    add(counters.replies_failed, "answers of " + listeners[i]->name() + " were refused by the kernel",
        "Look at the routes to its devices; the log has more.");
  }
  const auto& dropped = sources_.intake.counters().dropped;
  for (std::size_t i = 0; i < dropped.size(); ++i) {
    const auto reason = static_cast<ingest::DropReason>(i);
    if (reason == ingest::DropReason::kUnderWay) continue;  // nothing is lost: the first one is acknowledged
    add(dropped[i], "datagrams were dropped: " + std::string(ingest::kDropReasonNames[i]), advice_for(reason));
  }
  add(sources_.intake.counters().acks_withheld, "datagrams were not stored in time for their acknowledgement",
      "The database is slow or away; devices send them again, and they are stored once.");
  const StoreLedger& store = sources_.storage.ledger();
  add(store.dead_lettered, "records were refused by the database, or are in conflict with others",
      "`hileractl dead-letter list` says why. What was refused is put back by `dead-letter replay`, once that is set "
      "right; a conflict remains one.");
  add(store.quarantined, "records cannot be read back from the journal",
      "The disk is not to be trusted; the damaged files are kept in " + sources_.config.journal.directory + ".");
  add(sources_.storage.doubts_abandoned(), "searches for what a node of the database may have lost were given up",
      "Acknowledged records may be missing in the database: see doubt_abandoned in the log, and keep the journal's "
      "folder; `hileractl journal export` has what is left of them.");
  add(sources_.storage.lagging_shards(), "shards are behind, and read on from the journal",
      "They catch up by themselves; if records pending keep growing, the database is slower than what comes.");
  const Journal::Stats& journal = sources_.storage.journal().stats();
  add(journal.io_errors, "errors of the journal's disk", "See journal_io_error in the log, and the disk's health.");
  const std::uint64_t percent = journal.bytes * 100 / std::max<std::uint64_t>(sources_.config.journal.max_size, 1);
  add(percent < kNearlyFull ? 0 : percent, "percent of journal.max_size are used",
      "When it is full, nothing more is taken: see that the database stores, or raise journal.max_size and restart.");
  add(greenrt::Hub::current().stats().errors, "greenlets or callbacks were ended by an exception",
      "A fault of hilerad: see greenlet_failed in the log, and report it; a restart begins again what they did.");
  add(sources_.logging.lost_lines(), "lines of the log were lost", "Raise log.level, or give the log a faster place.");
  return findings;
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
                {"findings", document_of(findings())},
                {"ledger", json::parse(ledger().json())},
                {"dropped", std::move(dropped)},
                {"acks_withheld", counters.acks_withheld},
                {"listeners", std::move(listeners)},
                {"latency",
                 {{"ack", document_of(counters.ack_seconds)},
                  {"store", document_of(sources_.storage.store_seconds())},
                  {"hub_lag", document_of(greenrt::Hub::current().lag())}}},
                {"journal", document_of(sources_.storage.journal(), sources_.config.journal)},
                {"store", document_of(sources_.storage)},
                {"devices_known", sources_.intake.devices().size()},
                {"greenlets", greenrt::Hub::current().stats().greenlets},
                {"greenlet_kinds", document_of(greenrt::Hub::current().kinds())}};
  if (sources_.reloader) document["reload"] = document_of(*sources_.reloader);
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
  metrics.gauge("hilera_listener_open", "1 while the listener receives, 0 since a reload has taken it away.",
                [this](Metrics::Samples& samples) {
                  for (const auto& listener : sources_.intake.listeners()) {
                    samples.add({{"listener", listener->name()}}, listener->retired() ? 0 : 1);
                  }
                });
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
               "Datagrams that the kernel dropped because the receive buffer was full; not counted as received. Of a "
               "socket that systemd holds, since it was made.",
               [](const ingest::Listener& listener) { return listener.socket().kernel_drops(); });
  metrics.gauge("hilera_sockets_unread",
                "Sockets that systemd has handed over and that fit no listener; what arrives there is lost.",
                [this] { return static_cast<double>(sources_.intake.misfits().size()); });
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
                  "Rows of the table `device` that the database refused, which the log names, or took none of for too "
                  "long.",
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
  metrics.gauge("hilera_journal_max_bytes", "What they may be together.",
                [this] { return static_cast<double>(sources_.config.journal.max_size); });
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
