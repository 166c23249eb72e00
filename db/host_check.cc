#include "db/host_check.h"

namespace db {
namespace {

constexpr std::string_view kAskSettings =
    "SHOW GLOBAL VARIABLES WHERE Variable_name IN "
    "('hostname', 'port', 'datadir', 'max_allowed_packet', 'read_only', 'innodb_read_only', 'wsrep_on', "
    "'wsrep_provider')";
constexpr std::string_view kAskAge = "SHOW GLOBAL STATUS LIKE 'Uptime'";
constexpr std::string_view kAskCluster =
    "SHOW GLOBAL STATUS WHERE Variable_name IN "
    "('wsrep_ready', 'wsrep_cluster_status', 'wsrep_local_state', 'wsrep_local_state_comment')";

constexpr std::string_view kSynced = "4";
constexpr std::string_view kDonor = "2";

bool is_on(std::string_view value) {
  return !value.empty() && value != "OFF" && value != "0";
}

bool is_node(const HostFacts& facts) {
  const std::string_view provider = fact(facts, "wsrep_provider");
  return is_on(fact(facts, "wsrep_on")) && !provider.empty() && provider != "none";
}

}  // namespace

HostFacts ask_host(const std::function<void(std::string_view statement, HostFacts& facts)>& ask) {
  HostFacts facts;
  ask(kAskSettings, facts);
  ask(kAskAge, facts);
  if (is_node(facts)) ask(kAskCluster, facts);
  return facts;
}

HostFacts ask_host(Connection& connection, greenrt::Deadline deadline) {
  return ask_host([&](std::string_view statement, HostFacts& facts) {
    const Rows rows = connection.query(statement, deadline);
    for (std::size_t row = 0; row < rows.size(); ++row)
      facts.emplace(rows[row].text(0), rows[row].text(1));
  });
}

std::string unfit_because(const HostFacts& facts) {
  if (is_on(fact(facts, "read_only"))) return "the server is read-only (read_only)";
  if (is_on(fact(facts, "innodb_read_only"))) return "the server is read-only (innodb_read_only)";
  if (!is_node(facts)) return {};
  const std::string_view status = fact(facts, "wsrep_cluster_status");
  if (status != "Primary")
    return "the Galera node is in no majority (wsrep_cluster_status is " + std::string(status) + ")";
  if (!is_on(fact(facts, "wsrep_ready"))) return "the Galera node is not ready (wsrep_ready is OFF)";
  const std::string_view state = fact(facts, "wsrep_local_state");
  if (state == kSynced || state == kDonor) return {};
  return "the Galera node has not what the others have (its state is " +
         std::string(fact(facts, "wsrep_local_state_comment")) + ")";
}

}  // namespace db
