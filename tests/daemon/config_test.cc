#include "daemon/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

namespace hilera {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* kListeners =
    "listeners:\n"
    "  - {name: native, codec: native, address: 127.0.0.1, port: 5600}\n";
constexpr const char* kDatabase = "database: {hosts: [\"127.0.0.1:3306\"]}\n";

const std::string kMinimal = std::string(kListeners) + kDatabase;

// "LINE KEY" of everything wrong with a file.
std::vector<std::string> wrong(const std::string& text) {
  try {
    parse_config(text, "test.yaml");
  } catch (const ConfigError& error) {
    std::vector<std::string> places;
    for (const ConfigIssue& issue : error.issues())
      places.push_back(std::to_string(issue.line) + " " + issue.key);
    return places;
  }
  return {};
}

std::string message(const std::string& text) {
  try {
    parse_config(text, "test.yaml");
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(Config, NeedsOnlyListenersAndADatabase) {
  const Config config = parse_config(kMinimal, "test.yaml");
  ASSERT_THAT(config.listeners, SizeIs(1));
  EXPECT_EQ(config.listeners[0].name, "native");
  EXPECT_EQ(config.listeners[0].port, 5600);
  EXPECT_EQ(config.listeners[0].receive_buffer, 16ULL << 20);
  ASSERT_TRUE(config.database);
  EXPECT_THAT(config.database->hosts, ElementsAre(HostPort{"127.0.0.1", 3306}));
  EXPECT_EQ(config.database->connections, 8U);
  EXPECT_EQ(config.pipeline, PipelineConfig{});
  EXPECT_EQ(config.http.port, 9850);
  EXPECT_EQ(config.journal, JournalConfig{});
}

TEST(Config, CollectorIsTheHostsNameUnlessGiven) {
  char name[256] = {};
  ASSERT_EQ(gethostname(name, sizeof(name) - 1), 0);
  EXPECT_EQ(parse_config(kMinimal, "test.yaml").collector, name);
  EXPECT_EQ(parse_config("collector: host-a\n" + kMinimal, "test.yaml").collector, "host-a");
}

TEST(Config, ReadsTheShapeThatToolsRelyOn) {
  const Config config = parse_config(R"(
collector: host-a
listeners:
  - {name: native, codec: native, address: 127.0.0.1, port: 5600, receive_buffer: 32MiB}
  - {name: trackers, codec: teltonika, address: "::", port: 0, store_raw: true}
pipeline: {max_in_flight: 10000, ack: database, store_deadline: 3s}
journal: {directory: /var/lib/hilera/journal, max_size: 4GiB}
database:
  hosts: ["db-a:3306", "[::1]", db-b]
  user: collector
  password_file: credential:db-password
  name: telemetry
  connections: 16
  tls: {ca: /etc/hilera/ca.pem, verify: false}
transmit: {poll_interval: 1min}
http: {address: 127.0.0.1, port: 9851, allowed_hosts: [hilera]}
control: {socket: /tmp/control}
log: {level: debug}
)",
                                     "test.yaml");
  EXPECT_EQ(config.listeners[0].receive_buffer, 32ULL << 20);
  EXPECT_EQ(config.listeners[1].address, "::");
  EXPECT_TRUE(config.listeners[1].store_raw);
  EXPECT_EQ(config.pipeline.ack, AckMode::kDatabase);
  EXPECT_EQ(config.pipeline.store_deadline, 3s);
  EXPECT_EQ(config.journal, JournalConfig{});
  EXPECT_THAT(config.database->hosts,
              ElementsAre(HostPort{"db-a", 3306}, HostPort{"::1", 3306}, HostPort{"db-b", 3306}));
  EXPECT_EQ(config.database->password_file, "credential:db-password");
  EXPECT_EQ(config.database->tls, (TlsConfig{"/etc/hilera/ca.pem", false}));
  EXPECT_EQ(config.transmit.poll_interval, 1min);
  EXPECT_THAT(config.http.allowed_hosts, ElementsAre("hilera"));
  EXPECT_EQ(config.log.level, LogLevel::kDebug);
}

TEST(Config, AnEmptySectionHasItsDefaults) {
  const Config config = parse_config("pipeline:\n" + kMinimal + "  \njournal: {}\n", "test.yaml");
  EXPECT_EQ(config.pipeline, PipelineConfig{});
  EXPECT_EQ(config.journal, JournalConfig{});
}

TEST(Config, ListsEverythingThatIsWrongInTheOrderOfTheFile) {
  const std::string text =
      "collector: a b\n"
      "listeners:\n"
      "  - {name: one, codec: native, address: here, port: 70000}\n"
      "  - {name: one, codec: morse, address: 127.0.0.1}\n"
      "pipeline:\n"
      "  max_in_flight: many\n"
      "  max_inflight: 5\n"
      "database: {hosts: [\":1\"], connections: 0}\n"
      "http: []\n"
      "log: {level: loud, repeat_interval: 10}\n";
  EXPECT_THAT(wrong(text), ElementsAre("1 collector", "3 listeners[0].address", "3 listeners[0].port",
                                       "4 listeners[1].codec", "4 listeners[1].port", "4 listeners[1].name",
                                       "6 pipeline.max_in_flight", "7 pipeline.max_inflight", "8 database.hosts",
                                       "8 database.connections", "9 http", "10 log.level", "10 log.repeat_interval"));
}

TEST(Config, AMessageNamesFileLineKeyAndWhatWasExpected) {
  EXPECT_EQ(message(kMinimal + "pipeline: {max_in_flight: 0}\ndrain:\n  timeout: 10\n"),
            "test.yaml:4: pipeline.max_in_flight: expected a whole number from 1 to 1000000, got \"0\"\n"
            "test.yaml:6: drain.timeout: expected a duration with its unit, from 0ms to 1h, got \"10\"");
}

TEST(Config, AnUnknownKeyIsAnErrorThatTellsTheKnownOnes) {
  EXPECT_EQ(message(kMinimal + "drain: {timeot: 3s}\n"),
            "test.yaml:4: drain.timeot: unknown key; expected one of timeout");
  EXPECT_THAT(wrong(kMinimal + "databse: {}\n"), ElementsAre("4 databse"));
}

TEST(Config, ANameFitsTheColumnsOfTheTables) {
  EXPECT_THAT(wrong("collector: " + std::string(63, 'x') + "\n" + kMinimal), SizeIs(0));
  EXPECT_THAT(wrong("collector: " + std::string(64, 'x') + "\n" + kMinimal), ElementsAre("1 collector"));
}

TEST(Config, AKeyGivenTwiceIsAnError) {
  EXPECT_THAT(wrong(kMinimal + "drain: {timeout: 3s}\ndrain: {timeout: 4s}\n"), ElementsAre("5 drain"));
}

TEST(Config, WrongUnitsAreErrors) {
  for (const char* value : {"10", "10MiB", "10 s", "1.5s", "-1s", "ten", "", "[10s]", "{s: 10}"}) {
    EXPECT_THAT(wrong(kMinimal + "drain: {timeout: " + value + "}\n"), ElementsAre("4 drain.timeout")) << value;
  }
  for (const char* value : {"1048576", "1MB", "1s"}) {
    EXPECT_THAT(wrong(kMinimal + "journal: {max_size: " + value + "}\n"), ElementsAre("4 journal.max_size")) << value;
  }
}

TEST(Config, ASecretIsNeverAValue) {
  const std::string text = "database:\n  hosts: [db]\n  password: hunter2\n" + std::string(kListeners);
  EXPECT_THAT(wrong(text), ElementsAre("3 database.password"));
  EXPECT_THAT(message(text), Not(HasSubstr("hunter2")));
}

TEST(Config, CanDoWithoutADatabase) {
  EXPECT_FALSE(parse_config(kListeners, "test.yaml").database);
  EXPECT_THAT(message(std::string(kListeners) + "pipeline: {ack: database}\n"),
              HasSubstr("pipeline.ack: cannot be \"database\" without a database section"));
}

TEST(Config, AJournalHasRoomForTwoSegments) {
  EXPECT_THAT(wrong(kMinimal + "journal: {max_size: 64MiB, segment_size: 33MiB}\n"),
              ElementsAre("4 journal.segment_size"));
  EXPECT_EQ(parse_config(kMinimal + "journal: {max_size: 64MiB, segment_size: 32MiB}\n", "").journal.segment_size,
            32ULL << 20);
}

TEST(Config, TheDatabaseIsReachedOverHostsOrOverASocket) {
  EXPECT_THAT(wrong(std::string(kListeners) + "database: {}\n"), ElementsAre("3 database"));
  EXPECT_THAT(wrong(std::string(kListeners) + "database: {hosts: [db], socket: /run/mysqld/mysqld.sock}\n"),
              ElementsAre("3 database"));
  EXPECT_THAT(wrong(std::string(kListeners) + "database: {socket: /run/mysqld/mysqld.sock, tls: {}}\n"),
              ElementsAre("3 database.tls"));
  EXPECT_THAT(wrong(std::string(kListeners) + "database: {socket: /run/mysqld/mysqld.sock}\n"), SizeIs(0));
}

TEST(Config, NeedsAListener) {
  EXPECT_THAT(wrong(kDatabase), ElementsAre("1 listeners"));
  EXPECT_THAT(wrong(std::string("listeners: []\n") + kDatabase), ElementsAre("1 listeners"));
}

TEST(Config, ProofsNeedKeysAndACodecThatCanUseThem) {
  const auto with = [](const std::string& codec, const std::string& rest) {
    return "listeners:\n  - {name: a, codec: " + codec + ", address: 127.0.0.1, port: 1, " + rest + "}\n" + kDatabase;
  };
  const std::string keys = "keys_file: /etc/hilera/keys";
  EXPECT_THAT(wrong(with("native", "auth: required, " + keys)), IsEmpty());
  EXPECT_THAT(wrong(with("collectd", "auth: optional, " + keys)), IsEmpty());
  EXPECT_THAT(wrong(with("native", "auth: required")), ElementsAre("2 listeners[0].auth"));
  EXPECT_THAT(wrong(with("native", keys)), SizeIs(1));
  EXPECT_THAT(wrong(with("teltonika", "auth: required")), ElementsAre("2 listeners[0].auth"));
  EXPECT_THAT(wrong(with("teltonika", keys)), ElementsAre("2 listeners[0].keys_file"));
  EXPECT_THAT(wrong(with("teltonika", "devices: known")), ElementsAre("2 listeners[0].devices"));
  EXPECT_THAT(wrong(with("teltonika", "devices: known, devices_file: /etc/hilera/devices")), IsEmpty());
}

TEST(Config, TwoListenersMayNotShareAnEndpointUnlessTheKernelChoosesThePort) {
  const auto two = [](const char* port) {
    return std::string("listeners:\n  - {name: a, codec: native, address: 127.0.0.1, port: ") + port +
           "}\n  - {name: b, codec: native, address: 127.0.0.1, port: " + port + "}\n" + kDatabase;
  };
  EXPECT_THAT(wrong(two("5600")), ElementsAre("3 listeners[1].port"));
  EXPECT_THAT(wrong(two("0")), SizeIs(0));
}

TEST(Config, LimitsMustFitEachOther) {
  EXPECT_THAT(wrong(kMinimal + "greenlets: {max: 20000}\n"), ElementsAre("4 greenlets.max"));
  EXPECT_THAT(wrong(kMinimal + "pipeline: {max_in_flight: 10}\n"), ElementsAre("4 pipeline.max_in_flight_per_source"));
}

TEST(Config, WhatIsNotYamlIsAnErrorWithItsLine) {
  EXPECT_THAT(wrong("listeners:\n  - {name: [}\n"), ElementsAre("2 "));
  EXPECT_THAT(wrong("- a\n- b\n"), testing::Contains("1 "));
  EXPECT_THAT(wrong("just text"), testing::Contains("1 "));
  EXPECT_THAT(wrong(""), testing::Not(SizeIs(0)));
  EXPECT_THAT(wrong(kMinimal + "---\n" + kMinimal), testing::Not(SizeIs(0)));
}

TEST(Config, IsOneDocument) {
  EXPECT_THAT(message(kMinimal + "---\na: 1\n"), HasSubstr("test.yaml:4: expected one YAML document, got several"));
  // The parser takes a comma for a document, and then for another one, without end.
  EXPECT_THAT(message(","), HasSubstr("expected one YAML document, got several"));
  EXPECT_THAT(message(", a: 1\n"), HasSubstr("expected one YAML document, got several"));
}

TEST(Config, AFileThatCannotBeReadIsAnErrorWithItsName) {
  try {
    load_config("/nonexistent/hilera.yaml");
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_STREQ(error.what(), "/nonexistent/hilera.yaml: cannot be read: No such file or directory");
  }
  EXPECT_THROW(load_config("/"), ConfigError);
}

TEST(ConfigNotices, SayWhereRecordsStayWithoutADatabase) {
  EXPECT_THAT(config_notices(parse_config(kListeners, "")), ElementsAre(HasSubstr("records stay in the journal")));
  EXPECT_THAT(config_notices(parse_config(kMinimal, "")), SizeIs(0));
}

TEST(PrintConfig, ParsesBackToTheSameValues) {
  Config config = parse_config(kMinimal, "test.yaml");
  EXPECT_EQ(parse_config(print_config(config), "printed"), config);

  config.collector = "null";
  config.listeners.push_back(
      {.name = "123", .codec = "teltonika", .address = "::", .port = 0, .receive_buffer = 65537, .store_raw = true});
  config.pipeline.ack = AckMode::kDatabase;
  config.journal = JournalConfig{"/with space/and \"quotes\" \\ # no: comment", 64ULL << 20, 16ULL << 20};
  config.database->hosts = {{"::1", 1}, {"db", 3306}};
  config.database->user = "it's#a:user";
  config.database->password_file = "/etc/hilera/p\xc3\xa1ss";
  config.database->tls = TlsConfig{"/ca", false};
  config.drain.timeout = 1500ms;
  config.http.allowed_hosts = {"a", "b.example"};
  EXPECT_EQ(parse_config(print_config(config), "printed"), config) << print_config(config);
}

TEST(ReferenceConfig, IsAConfigurationWithTheDefaults) {
  const Config config = parse_config(reference_config(), "reference");
  EXPECT_EQ(config.pipeline, PipelineConfig{});
  EXPECT_EQ(config.http, HttpConfig{});
  EXPECT_EQ(config.log, LogConfig{});
  EXPECT_EQ(config.greenlets, GreenletsConfig{});
  EXPECT_THAT(config.listeners, SizeIs(2));
}

// After a change of the declaration: `hilerad --reference-config > config/hilera.yaml`.
TEST(ReferenceConfig, IsTheCommittedFile) {
  std::ifstream file(HILERA_SOURCE_DIR "/config/hilera.yaml");
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), reference_config());
}

}  // namespace
}  // namespace hilera
