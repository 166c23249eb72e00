// Whether records can be stored on a server, by what it says of itself.

#include "db/host_check.h"

#include <gmock/gmock.h>

#include "tests/db/server_fixture.h"

namespace db {
namespace {

using namespace db::testing;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

HostFacts node(const std::string& name = {}, const std::string& value = {}) {
  HostFacts facts{{"read_only", "OFF"},       {"innodb_read_only", "OFF"},
                  {"wsrep_on", "ON"},         {"wsrep_provider", "/usr/lib/galera/libgalera_smm.so"},
                  {"wsrep_ready", "ON"},      {"wsrep_cluster_status", "Primary"},
                  {"wsrep_local_state", "4"}, {"wsrep_local_state_comment", "Synced"}};
  if (!name.empty()) facts[name] = value;
  return facts;
}

TEST(HostCheck, FindsAServerFitThatTakesWrites) {
  EXPECT_THAT(unfit_because({{"read_only", "OFF"}, {"innodb_read_only", "OFF"}, {"wsrep_on", "OFF"}}), IsEmpty());
  EXPECT_THAT(unfit_because({}), IsEmpty());
}

TEST(HostCheck, RefusesAServerThatIsReadOnly) {
  EXPECT_THAT(unfit_because({{"read_only", "ON"}}), HasSubstr("read-only (read_only)"));
  EXPECT_THAT(unfit_because({{"innodb_read_only", "ON"}}), HasSubstr("read-only (innodb_read_only)"));
}

TEST(HostCheck, FindsANodeFitThatHasWhatTheOthersHave) {
  EXPECT_THAT(unfit_because(node()), IsEmpty());
  EXPECT_THAT(unfit_because(node("wsrep_local_state", "2")), IsEmpty()) << "a donor";
}

TEST(HostCheck, RefusesANodeWithoutItsCluster) {
  EXPECT_THAT(unfit_because(node("wsrep_cluster_status", "non-Primary")), HasSubstr("in no majority"));
  EXPECT_THAT(unfit_because(node("wsrep_ready", "OFF")), HasSubstr("not ready"));
  EXPECT_THAT(unfit_because(node("wsrep_local_state", "3")), HasSubstr("has not what the others have"));
}

TEST(HostCheck, AsksNothingOfAClusterWhereThereIsNone) {
  for (const HostFacts& settings : {HostFacts{{"wsrep_on", "OFF"}, {"wsrep_provider", "none"}},
                                    HostFacts{{"wsrep_on", "ON"}, {"wsrep_provider", "none"}}, HostFacts{}}) {
    int asked = 0;
    const HostFacts facts = ask_host([&](std::string_view, HostFacts& answers) {
      ++asked;
      answers = settings;
    });
    EXPECT_EQ(asked, 2) << "its settings and its age";
    EXPECT_THAT(unfit_because(facts), IsEmpty());
  }
}

SERVER_TEST(HostCheck, AsksAServerAgain) {
  const auto connection = connect(tcp_options());
  EXPECT_THAT(unfit_because(ask_host(*connection)), IsEmpty());
  server().sql("SET GLOBAL read_only = 1");
  const std::string why = unfit_because(ask_host(*connection));
  server().sql("SET GLOBAL read_only = 0");
  EXPECT_THAT(why, HasSubstr("read-only"));
  EXPECT_THAT(unfit_because(ask_host(*connection)), IsEmpty());
}

}  // namespace
}  // namespace db
