#include "daemon/findings.h"

#include <nlohmann/json.hpp>

namespace hilera {

const char* advice_for(DatabaseTrouble trouble) {
  switch (trouble) {
    case DatabaseTrouble::kAway:
      return "See whether the server runs, has room for more connections, and speaks TLS if that is asked for, and "
             "whether database.hosts or database.socket is right. The journal keeps what comes meanwhile.";
    case DatabaseTrouble::kRefused:
      return "See database.user, its password and its rights (SELECT, INSERT and UPDATE on the tables), and whether "
             "database.name is right and has been created.";
    case DatabaseTrouble::kUnfit:
      return "Let the server take writes again, or name another one in database.hosts.";
    case DatabaseTrouble::kTables:
      break;
  }
  return "Run `hileractl schema apply`; if the tables are newer than this program, install the version that made them.";
}

const char* advice_for(ingest::DropReason reason) {
  using ingest::DropReason;
  switch (reason) {
    case DropReason::kInFlightLimit:
      return "More came than could be worked on at a time: look for a slow disk, or raise pipeline.max_in_flight, "
             "greenlets.max above it, and restart.";
    case DropReason::kSourceLimit:
      return "A sender flooded; if it may, raise pipeline.max_in_flight_per_source.";
    case DropReason::kDeviceLimit:
      return "A device flooded; if it may, raise pipeline.max_in_flight_per_device.";
    case DropReason::kPrefixRate:
      return "A network sent more than it may; if these are devices of yours, raise prefix_rate of the listener.";
    case DropReason::kUnderWay:
      return "Devices sent again what was under way: if many do, look at the latency of acknowledgements.";
    case DropReason::kGreenletLimit:
      return "Raise greenlets.max above pipeline.max_in_flight, and restart.";
    case DropReason::kStranger:
      return "More came than could be looked at, and known devices went first: a flood, or a processor that is too "
             "slow.";
    case DropReason::kJournalBusy:
      return "The disk of the journal is slower than what comes: give it a faster one.";
    case DropReason::kJournalFull:
      return "Bring the database back, make room on the disk, or raise journal.max_size and restart.";
    case DropReason::kJournalFailed:
      return "The disk of the journal fails: see journal_io_error in the log.";
    case DropReason::kOutOfMemory:
      return "Give the host, or the unit, more memory.";
    case DropReason::kShutdown:
      return "The end took too long for them; raise drain.timeout.";
    case DropReason::kInternalError:
      break;
  }
  return "A fault of hilerad: see frame_failed in the log, and report it.";
}

const char* advice_for_kernel_drops(bool handed_over) {
  if (handed_over) return "Raise ReceiveBuffer= of its socket unit, and restart both units; or less has to come.";
  return "Raise receive_buffer of the listener, and net.core.rmem_max, and restart hilerad; or less has to come.";
}

nlohmann::json document_of(const std::vector<Finding>& findings) {
  nlohmann::json document = nlohmann::json::array();
  for (const Finding& finding : findings) {
    const bool problem = finding.severity == Finding::Severity::kProblem;
    document.push_back(
        {{"severity", problem ? "problem" : "notice"}, {"what", finding.what}, {"advice", finding.advice}});
  }
  return document;
}

}  // namespace hilera
