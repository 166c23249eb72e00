#include "daemon/ctl/journal.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <ostream>
#include <set>
#include <span>
#include <stdexcept>

#include "daemon/control_protocol.h"
#include "daemon/ctl/answer.h"
#include "daemon/ctl/progress.h"
#include "daemon/ctl/views.h"
#include "daemon/exit_codes.h"
#include "daemon/journal.h"
#include "daemon/journal_export.h"
#include "daemon/journal_snapshot.h"
#include "greenrt/signal.h"

namespace hilera::ctl {
namespace {

using nlohmann::json;

constexpr std::uint64_t kDatagramsAPage = 1000;

using ReadPage = std::function<json(std::uint64_t after, std::uint64_t limit)>;

// The journal of a daemon that does not run.
class StoppedJournal {
 public:
  explicit StoppedJournal(const std::string& directory) : snapshot_(directory) {}

  [[nodiscard]] json info() const {
    const Journal::Stats& stats = journal_.stats();
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto age = now - std::chrono::microseconds(stats.oldest_arrival);
    return {{"bytes", stats.bytes},
            {"segments", stats.segments},
            {"damaged_segments", snapshot_.damaged()},
            {"last_place", journal_.found().last_place},
            {"position", journal_.found().position},
            {"pending", journal_.found().records},
            {"oldest_seconds", stats.oldest_arrival == 0 ? 0 : std::chrono::duration<double>(age).count()}};
  }
  json page(std::uint64_t after, std::uint64_t limit) {
    return export_.page(static_cast<std::int64_t>(after), static_cast<std::size_t>(limit));
  }
  [[nodiscard]] std::size_t damaged_segments() const { return snapshot_.damaged(); }

 private:
  JournalSnapshot snapshot_;
  Journal journal_{snapshot_.options(), [](std::span<const ingest::EntryRef>, bool) {}};
  JournalExport export_{journal_};
};

// How many datagrams these records are of: those of one stand together.
std::uint64_t datagrams_of(const json& records) {
  std::set<std::int64_t> places;
  for (const json& record : records)
    places.insert(record.at("place").get<std::int64_t>());
  return places.size();
}

// How far an export is, in datagrams: the places of the journal are theirs, one after the other.
class ExportProgress {
 public:
  ExportProgress(const CommandLine& line, Progress& progress) : line_(line), progress_(progress) {}

  // `page` has records.
  void note(const json& page) {
    const auto read_to = page.at("read_to").get<std::uint64_t>();
    if (!begun_) before_ = page.at("records").front().at("place").get<std::uint64_t>() - 1;
    begun_ = true;
    const std::uint64_t last = std::max(page.value("last_place", std::uint64_t{0}), read_to);
    std::uint64_t total = last - before_;
    if (line_.limit) total = std::min<std::uint64_t>(total, *line_.limit);
    progress_.note(std::min(read_to - before_, total), total);
  }

 private:
  const CommandLine& line_;
  Progress& progress_;
  bool begun_ = false;
  std::uint64_t before_ = 0;  // the place before the first one
};

// A folder that is begun anew gives its places from 1 on: who goes on from an old one would miss all that is there.
void check_place(const json& page, std::uint64_t after) {
  const auto last = page.value("last_place", after);
  if (after <= last) return;
  throw std::runtime_error(
      fmt::format("--after {}: the last place of this journal is {}; if its folder was begun "
                  "anew, read it without --after",
                  after, last));
}

// Page by page, until there is none. How many records could not be read.
std::uint64_t print_pages(const CommandLine& line, std::ostream& out, Progress& progress, const ReadPage& read_page) {
  ExportProgress how_far(line, progress);
  std::uint64_t after = line.after;
  std::uint64_t left = line.limit.value_or(std::numeric_limits<std::uint32_t>::max());
  std::uint64_t unreadable = 0;
  while (left > 0 && out) {
    const json page = read_page(after, std::min(left, kDatagramsAPage));
    check_place(page, after);
    unreadable += page.value("unreadable", std::uint64_t{0});
    const json& records = page.at("records");
    if (records.empty()) break;
    progress.clear();
    for (const json& record : records)
      print_line(out, record);
    if (progress.shown()) out.flush();
    how_far.note(page);
    after = page.at("read_to").get<std::uint64_t>();
    if (line.limit) left -= std::min(left, datagrams_of(records));
  }
  progress.clear();
  return unreadable;
}

int report(std::ostream& notes, std::uint64_t unreadable) {
  if (unreadable == 0) return kExitOk;
  notes << fmt::format("{} records could not be read.\n", unreadable);
  return kExitFailure;
}

int export_stopped(const CommandLine& line, std::ostream& out, std::ostream& notes, Progress& progress) {
  StoppedJournal journal(line.directory);
  // So that the temporary folder goes.
  bool stopped = false;
  const auto stop = [&](int) { stopped = true; };
  const greenrt::SignalHandler on_interrupt(SIGINT, stop);
  const greenrt::SignalHandler on_term(SIGTERM, stop);
  const int status = report(notes, print_pages(line, out, progress, [&](std::uint64_t after, std::uint64_t limit) {
                              return stopped ? json{{"records", json::array()}} : journal.page(after, limit);
                            }));
  const std::size_t damaged = journal.damaged_segments();
  if (damaged > 0) notes << fmt::format("{} files are damaged.\n", damaged);
  if (stopped) notes << "Not all was read.\n";
  return stopped || damaged > 0 ? kExitFailure : status;
}

}  // namespace

int journal_info(const CommandLine& line, std::ostream& out, std::ostream& notes) {
  if (!line.directory.empty()) {
    const json answer{{"journal", StoppedJournal(line.directory).info()}};
    print(out, line, answer, view_stopped_journal(answer));
    if (answer["journal"]["damaged_segments"] == 0) return kExitOk;
    notes << "There are damaged files: what can be read of them is shown by the export.\n";
    return kExitFailure;
  }
  const json status = ask(line, control::kStatus);
  const json answer{{"journal", status.at("journal")}, {"store", status.at("store")}, {"ledger", status.at("ledger")}};
  print(out, line, answer, view_journal(answer));
  return kExitOk;
}

int journal_export(const CommandLine& line, std::ostream& out, std::ostream& notes, const Terminals& terminals) {
  Progress progress(notes, terminals.notes);
  if (!line.directory.empty()) return export_stopped(line, out, notes, progress);
  const ReadPage ask_for_page = [&](std::uint64_t after, std::uint64_t limit) {
    json arguments{{"limit", limit}};
    if (after > 0) arguments["after"] = after;
    return ask(line, control::kJournalPage, arguments);
  };
  return report(notes, print_pages(line, out, progress, ask_for_page));
}

}  // namespace hilera::ctl
