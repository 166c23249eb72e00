// The commands of hilerad, as they come from a line of JSON.

#include "daemon/control_commands.h"

#include <nlohmann/json.hpp>

#include <map>

#include "daemon/control_protocol.h"
#include "ingest/frame_id.h"
#include "tests/daemon/daemon_fixture.h"
#include "tests/daemon/store_fixture.h"

namespace hilera {
namespace {

using namespace hilera::testing;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct World {
  explicit World(const db::ConnectOptions& options = no_database()) : parts(options) {}

  json call(std::string_view command, const std::string& arguments) {
    return commands.find(command)->second.handler(json::parse(arguments));
  }
  std::string refusal(std::string_view command, const std::string& arguments) {
    try {
      const json result = call(command, arguments);
      ADD_FAILURE() << arguments << " was accepted: " << result;
    } catch (const ControlError& error) {
      return error.what();
    }
    return "";
  }
  std::string refused_add(const std::string& arguments) { return refusal(control::kDownlinkAdd, arguments); }

  StatusWorld parts;
  JournalExport journal{parts.storage.journal()};
  ControlServer::Commands commands = control_commands(parts.status, journal, parts.database.get(), parts.intake);
};

HUB_TEST(ControlCommands, SayWhichOfThemChangeSomething) {
  World world;
  EXPECT_EQ(world.commands.size(), 9u);
  EXPECT_FALSE(world.commands.find(control::kDownlinkShow)->second.changes_something);
  EXPECT_FALSE(world.commands.find(control::kStatus)->second.changes_something);
  EXPECT_FALSE(world.commands.find(control::kDownlinkList)->second.changes_something);
  EXPECT_TRUE(world.commands.find(control::kDownlinkAdd)->second.changes_something);
  EXPECT_TRUE(world.commands.find(control::kDownlinkCancel)->second.changes_something);
  EXPECT_FALSE(world.commands.find(control::kDeadLetterList)->second.changes_something);
  EXPECT_TRUE(world.commands.find(control::kDeadLetterReplay)->second.changes_something);
}

HUB_TEST(ControlCommands, WithoutADatabaseThereAreNoTables) {
  World world;
  world.commands = control_commands(world.parts.status, world.journal, nullptr, world.parts.intake);
  EXPECT_THAT(world.refusal(control::kDownlinkList, "{}"), HasSubstr("no database section"));
  EXPECT_THAT(world.refusal(control::kDeadLetterList, "{}"), HasSubstr("no database section"));
}

HUB_TEST(ControlCommands, GiveTheRecordsOfTheJournal) {
  World world;
  EXPECT_EQ(world.call(control::kJournalPage, "{}")["records"], json::array());
  const std::vector<std::byte> sent = IntakeWorld::record();  // what is decoded points into it
  for (int i = 1; i <= 3; ++i) {
    auto entry = ingest::Entry::make();
    const auto& trackers = *world.parts.intake.listeners()[1];
    entry->datagram.origin = trackers.origin().get();
    entry->datagram.arrival = kArrival + i;
    entry->datagram.path.peer = loopback("192.0.2.7", 4000);
    entry->datagram.bytes = i == 2 ? std::vector<std::byte>(2, std::byte{0xab}) : sent;
    trackers.codec().decode(sent, entry->decoded);
    world.parts.storage.take(entry);
    EXPECT_TRUE(entry->wait_durable());
  }
  const json page = world.call(control::kJournalPage, R"({"limit": 2})");
  ASSERT_EQ(page["records"].size(), 2u);
  const json& record = page["records"][0];
  EXPECT_EQ(record["place"], 1);
  EXPECT_EQ(record["nserie"], "352093086403655");
  EXPECT_EQ(record["listener"], "trackers");
  EXPECT_EQ(record["codec"], "teltonika");
  EXPECT_EQ(record["peer"], "192.0.2.7:4000");
  EXPECT_EQ(record["received_at"], "2026-02-02T02:40:00.000001Z");
  EXPECT_TRUE(record["fields"].is_object());
  EXPECT_EQ(page["records"][1]["bytes"], "abab") << "what the codec does not read";
  const json rest = world.call(control::kJournalPage, R"({"after": )" + page["read_to"].dump() + "}");
  ASSERT_EQ(rest["records"].size(), 1u);
  EXPECT_EQ(rest["records"][0]["place"], 3);
  EXPECT_THAT(world.refusal(control::kJournalPage, R"({"limit": 1001})"), HasSubstr("limit must be"));
}

HUB_TEST(ControlCommands, GiveTheStatus) {
  World world;
  EXPECT_EQ(world.call(control::kStatus, "{}")["collector"], "host-a");
}

HUB_TEST(ControlCommands, RefuseAMissingOrWrongSerial) {
  World world;
  EXPECT_EQ(world.refused_add(R"({"payload": "00"})"), "nserie is missing");
  EXPECT_EQ(world.refused_add(R"({"nserie": null, "payload": "00"})"), "nserie is missing");
  EXPECT_EQ(world.refused_add(R"({"nserie": 7, "payload": "00"})"), "nserie must be a text");
  const std::string wrong = "nserie must be 1 to 127 printable ASCII characters";
  EXPECT_EQ(world.refused_add(R"({"nserie": "", "payload": "00"})"), wrong);
  EXPECT_EQ(world.refused_add(R"({"nserie": "a b", "payload": "00"})"), wrong);
  EXPECT_EQ(world.refused_add(R"({"nserie": "a\u0000", "payload": "00"})"), wrong);
  EXPECT_EQ(world.refused_add(R"({"nserie": "ñ", "payload": "00"})"), wrong);
  EXPECT_EQ(world.refused_add(R"({"nserie": ")" + std::string(128, 'x') + R"(", "payload": "00"})"), wrong);
  EXPECT_EQ(world.refusal(control::kDownlinkList, R"({"nserie": "ñ"})"), wrong);
}

HUB_TEST(ControlCommands, RefuseAPayloadThatIsNoHexadecimal) {
  World world;
  const auto refused = [&](const std::string& payload) {
    return world.refused_add(R"({"nserie": "D1", "payload": ")" + payload + R"("})");
  };
  EXPECT_EQ(world.refused_add(R"({"nserie": "D1"})"), "payload is missing");
  EXPECT_EQ(world.refused_add(R"({"nserie": "D1", "payload": ["00"]})"), "payload must be a text");
  EXPECT_EQ(refused(""), "payload must be pairs of hexadecimal digits");
  EXPECT_EQ(refused("abc"), "payload must be pairs of hexadecimal digits");
  EXPECT_EQ(refused("0g"), "payload must be hexadecimal digits");
  EXPECT_EQ(refused("0 "), "payload must be hexadecimal digits");
  EXPECT_EQ(refused("ñ"), "payload must be hexadecimal digits");
  EXPECT_EQ(refused(std::string(2 * 60 * 1024 + 2, '0')), "payload is too long for a datagram");
}

HUB_TEST(ControlCommands, RefuseTimesThatAreNone) {
  World world;
  for (const std::string name : {"expires_in", "not_before_in"}) {
    const auto refused = [&](const std::string& value) {
      return world.refused_add(R"({"nserie": "D1", "payload": "00", ")" + name + R"(": )" + value + "}");
    };
    EXPECT_EQ(refused("5"), name + " must be a text");
    for (const char* wrong : {R"("")", R"("5")", R"("-5s")", R"("5 min")", R"("3651d")", R"("99999999999999999999s")"})
      EXPECT_EQ(refused(wrong), name + " must be a duration such as 5min, at most 3650d") << wrong;
  }
}

HUB_TEST(ControlCommands, RefuseNumbersThatAreNotWholeOrNotInRange) {
  World world;
  for (const char* wrong : {"0", "-1", "101", "1.5", "1e300", "18446744073709551616", "true", "\"3\"", "[]"}) {
    EXPECT_EQ(world.refused_add(R"({"nserie": "D1", "payload": "00", "max_attempts": )" + std::string(wrong) + "}"),
              "max_attempts must be a whole number from 1 to 100")
        << wrong;
    if (wrong == std::string_view("101")) continue;
    EXPECT_EQ(world.refusal(control::kDownlinkList, R"({"limit": )" + std::string(wrong) + "}"),
              "limit must be a whole number from 1 to 10000")
        << wrong;
    EXPECT_THAT(world.refusal(control::kDownlinkCancel, R"({"id": )" + std::string(wrong) + "}"),
                StartsWith("id must be a whole number from 1 to "))
        << wrong;
  }
  EXPECT_EQ(world.refusal(control::kDownlinkCancel, "{}"), "id is missing");
}

HUB_TEST(ControlCommands, RefuseAnUnknownState) {
  World world;
  EXPECT_THAT(world.refusal(control::kDownlinkList, R"({"state": "quued"})"), StartsWith("state must be queued, sent"));
  EXPECT_EQ(world.refusal(control::kDownlinkList, R"({"state": 1})"), "state must be a text");
}

SERVER_TEST(ControlCommands, AddListAndCancelADownlink) {
  const TestDatabase database;
  World world(database.options());
  const json added = world.call(control::kDownlinkAdd, R"({"nserie": "D1", "payload": "00fFAb", "max_attempts": 7,
                                                           "not_before_in": "1500ms", "expires_in": "2h"})");
  const auto id = added["id"].get<std::uint64_t>();
  EXPECT_EQ(database.sql("SELECT nserie, HEX(payload), max_attempts, TIMESTAMPDIFF(SECOND, created_at, not_before), "
                         "TIMESTAMPDIFF(SECOND, created_at, expires_at) FROM downlink"),
            "D1\t00FFAB\t7\t2\t7200");

  const json listed = world.call(control::kDownlinkList, R"({"nserie": "D1", "state": "queued", "limit": 1})");
  ASSERT_EQ(listed["downlinks"].size(), 1u);
  EXPECT_EQ(listed["downlinks"][0]["id"], id);
  EXPECT_EQ(listed["downlinks"][0]["payload_size"], 3);
  EXPECT_EQ(world.call(control::kDownlinkList, R"({"state": "sent"})")["downlinks"], json::array());

  const std::string one = R"({"id": )" + std::to_string(id) + "}";
  EXPECT_EQ(world.call(control::kDownlinkCancel, one)["cancelled"], true);
  EXPECT_EQ(world.call(control::kDownlinkCancel, one)["cancelled"], false);
  EXPECT_EQ(world.call(control::kDownlinkList, "{}")["downlinks"][0]["state"], "cancelled");
}

SERVER_TEST(ControlCommands, TakeTheLongestOfEverything) {
  const TestDatabase database;
  World world(database.options());
  const std::string longest = R"({"nserie": ")" + std::string(127, '~') + R"(", "payload": ")" +
                              std::string(2 * 60 * 1024, 'f') +
                              R"(", "max_attempts": 100, "not_before_in": "3650d", "expires_in": "3650d"})";
  EXPECT_THAT(world.refused_add(longest), StartsWith("codec ")) << "none has frames so long, but all else is right";
  world.parts.database->downlinks().add({.nserie = std::string(127, '~'),
                                         .payload = std::vector<std::byte>(60 * 1024),
                                         .delay = std::chrono::hours(3650 * 24),
                                         .expires_in = std::chrono::hours(3650 * 24),
                                         .max_attempts = 100});
  EXPECT_EQ(database.sql("SELECT LENGTH(payload), LENGTH(nserie) FROM downlink"), "61440\t127");
}

SERVER_TEST(ControlCommands, TellWhatTheDatabaseSays) {
  const TestDatabase database;
  World world(database.options());
  database.sql("RENAME TABLE downlink TO elsewhere");
  EXPECT_THAT(world.refused_add(R"({"nserie": "D1", "payload": "00"})"), StartsWith("the database: "));
  EXPECT_THAT(world.refusal(control::kDownlinkList, "{}"), HasSubstr("doesn't exist"));
  EXPECT_THAT(world.refusal(control::kDownlinkCancel, R"({"id": 1})"), HasSubstr("doesn't exist"));
}

SERVER_TEST(ControlCommands, RefuseADownlinkThatItsCodecCannotCarry) {
  TestDatabase database;
  World world(database.options());
  const auto refused = [&](const std::string& nserie, const std::string& payload) {
    return world.refused_add(R"({"nserie": ")" + nserie + R"(", "payload": ")" + payload + R"("})");
  };
  // Nobody has heard it: one codec of the listeners, native and teltonika, must do.
  EXPECT_THAT(refused("D1", std::string(4000, '0')), AllOf(HasSubstr("codec native cannot carry 2000 bytes"),
                                                           HasSubstr("codec teltonika has no such serial")));
  // Another collector has.
  database.sql(
      "INSERT INTO device (nserie, codec, first_seen, last_seen, listener, collector, last_arrival, auth_level) "
      "VALUES ('D2', 'collectd', NOW(6), NOW(6), 'l', 'host-b', 1, 0)");
  EXPECT_EQ(refused("D2", "00"), "codec collectd knows no frames to devices");
}

SERVER_TEST(ControlCommands, ShowADownlink) {
  TestDatabase database;
  World world(database.options());
  const json added = world.call(control::kDownlinkAdd, R"({"nserie": "D1", "payload": "0aff", "idempotent": true})");
  const json shown = world.call(control::kDownlinkShow, added.dump())["downlink"];
  EXPECT_EQ(shown["payload"], "0aff");
  EXPECT_EQ(shown["idempotent"], true);
  EXPECT_EQ(shown["state"], "queued");
  EXPECT_EQ(world.refusal(control::kDownlinkShow, R"({"id": 999})"), "there is no downlink 999");
}

// Letters of device D1 as a collector leaves them, numbered from `first`, each with the published datagram of a
// tracker.
void fill_dead_letters(const TestDatabase& database, int first, int last, std::size_t padding = 0) {
  database.sql(
      "INSERT INTO dead_letter (id, arrival, reason, error, listener, collector, codec, nserie, frame_id, digest, "
      "peer_ip, peer_port, auth_level, raw) SELECT seq, seq, IF(seq % 2, 'refused', 'conflict'), 'why', 'trackers', "
      "'host-a', 'teltonika', 'D1', seq, 'content.', '::1', 1, 0, REPEAT('x', " +
      std::to_string(1 + padding) + ") FROM seq_" + std::to_string(first) + "_to_" + std::to_string(last));
}

// A letter of a record that the codec reads.
void add_dead_letter(const TestDatabase& database, int id) {
  ingest::Decoded decoded;
  const auto raw = IntakeWorld::record();
  ingest::find_codec("teltonika")->decode(raw, decoded);
  ingest::identify(decoded.records);
  database.connect()->execute(
      "INSERT INTO dead_letter (id, arrival, reason, listener, collector, codec, nserie, frame_id, digest, auth_level, "
      "raw) VALUES (?, 7, 'refused', 'trackers', 'host-a', 'teltonika', ?, ?, UNHEX(LPAD(HEX(?), 16, '0')), 0, ?)",
      {id, decoded.nserie, decoded.records[0].frame_id, decoded.records[0].digest, db::Bytes(raw)});
}

SERVER_TEST(ControlCommands, ListDeadLettersPageByPage) {
  const TestDatabase database;
  World world(database.options());
  fill_dead_letters(database, 1, 600);
  database.sql("UPDATE dead_letter SET replayed_at = UTC_TIMESTAMP(6) WHERE id = 600");
  const auto listed = [&](const std::string& arguments) {
    return world.call(control::kDeadLetterList, arguments)["dead_letters"];
  };
  EXPECT_EQ(listed("{}").size(), 50u);
  const json page = listed(R"({"limit": 500, "replayed": "all"})");
  EXPECT_EQ(page.size(), 500u);
  const json& letter = page[0];
  EXPECT_EQ(letter["id"], 600);
  EXPECT_EQ(letter["reason"], "conflict");
  EXPECT_EQ(letter["error"], "why");
  EXPECT_EQ(letter["arrival"], 600);
  EXPECT_EQ(letter["raw_size"], 1);
  EXPECT_TRUE(letter["replayed_at"].is_string());
  EXPECT_EQ(letter["obstacle"], "already_replayed");
  EXPECT_TRUE(page[1]["replayed_at"].is_null());
  EXPECT_TRUE(page[1]["obstacle"].is_null());
  EXPECT_EQ(listed(R"({"limit": 500, "before": )" + page.back()["id"].dump() + "}").size(), 100u);
  EXPECT_EQ(listed(R"({"replayed": "yes"})").size(), 1u);
  EXPECT_EQ(listed(R"({"reason": "refused", "nserie": "D1", "limit": 1})")[0]["id"], 599);
}

HUB_TEST(ControlCommands, RefuseToListDeadLettersByWhatMakesNoSense) {
  World world;
  const auto refused = [&](const std::string& arguments) { return world.refusal(control::kDeadLetterList, arguments); };
  EXPECT_EQ(refused(R"({"replayed": "maybe"})"), "replayed must be yes, no or all");
  EXPECT_EQ(refused(R"({"replayed": true})"), "replayed must be a text");
  EXPECT_EQ(refused(R"({"reason": ""})"), "reason must be 1 to 63 printable ASCII characters");
  EXPECT_EQ(refused(R"({"reason": "a b"})"), "reason must be 1 to 63 printable ASCII characters");
  EXPECT_THAT(refused(R"({"nserie": 5})"), StartsWith("nserie must be"));
  EXPECT_EQ(refused(R"({"limit": 501})"), "limit must be a whole number from 1 to 500");
  EXPECT_THAT(refused(R"({"before": 0})"), StartsWith("before must be"));
}

HUB_TEST(ControlCommands, RefuseAReplayThatDoesNotSayOfWhat) {
  World world;
  const auto refused = [&](const std::string& arguments) {
    return world.refusal(control::kDeadLetterReplay, arguments);
  };
  for (const char* wrong : {"{}", R"({"all": false})", R"({"id": 1, "all": true})", R"({"nserie": "D1", "all": true})",
                            R"({"nserie": "D1", "reason": "conflict"})", R"({"limit": 5})"})
    EXPECT_THAT(refused(wrong), StartsWith("exactly one of id, nserie, reason and all")) << wrong;
  EXPECT_EQ(refused(R"({"all": "yes"})"), "all must be true or false");
  EXPECT_EQ(refused(R"({"all": true, "limit": 101})"), "limit must be a whole number from 1 to 100");
  EXPECT_THAT(refused(R"({"id": -1})"), StartsWith("id must be"));
}

SERVER_TEST(ControlCommands, ReplayDeadLettersPageByPageEachWithItsOutcome) {
  const TestDatabase database;
  World world(database.options());
  fill_dead_letters(database, 1, 120);
  add_dead_letter(database, 1000);
  std::map<std::string, int> outcomes;
  std::uint64_t after = 0;
  int pages = 0;
  while (true) {
    const json page = world.call(control::kDeadLetterReplay,
                                 R"({"all": true)" + (after > 0 ? R"(, "after": )" + std::to_string(after) : "") + "}");
    if (page["letters"].empty()) break;
    ++pages;
    EXPECT_LE(page["letters"].size(), 100u);
    for (const json& letter : page["letters"])
      ++outcomes[letter["outcome"].get<std::string>()];
    EXPECT_EQ(page["letters"].back()["id"], page["read_to"]);
    after = page["read_to"].get<std::uint64_t>();
  }
  EXPECT_EQ(outcomes, (std::map<std::string, int>{{"replayed", 1}, {"unreadable", 120}})) << "none stops the others";
  EXPECT_GE(pages, 2);
  EXPECT_EQ(database.sql("SELECT nserie, arrival, replayed FROM frame"), "352093086403655\t7\t1");
}

SERVER_TEST(ControlCommands, ReplayOneDeadLetter) {
  const TestDatabase database;
  World world(database.options());
  add_dead_letter(database, 7);
  const auto replayed = [&](const std::string& arguments) {
    return world.call(control::kDeadLetterReplay, arguments)["letters"];
  };
  const json letters = replayed(R"({"id": 7})");
  EXPECT_EQ(letters, (json{{{"id", 7}, {"nserie", "352093086403655"}, {"outcome", "replayed"}, {"detail", ""}}}));
  EXPECT_EQ(replayed(R"({"id": 7})")[0]["outcome"], "already_replayed");
  EXPECT_EQ(replayed(R"({"id": 8})"),
            (json{{{"id", 8}, {"nserie", nullptr}, {"outcome", "not_found"}, {"detail", ""}}}));
  EXPECT_EQ(replayed(R"({"reason": "refused"})"), json::array()) << "those that are replayed are no more";
}

SERVER_TEST(ControlCommands, ShowADeadLetterWithItsBytes) {
  const TestDatabase database;
  World world(database.options());
  fill_dead_letters(database, 7, 7, 2);
  const json letter = world.call(control::kDeadLetterShow, R"({"id": 7})")["dead_letter"];
  EXPECT_EQ(letter["id"], 7);
  EXPECT_EQ(letter["reason"], "refused");
  EXPECT_EQ(letter["raw"], "787878");
  database.sql("UPDATE dead_letter SET raw = NULL");
  EXPECT_EQ(world.call(control::kDeadLetterShow, R"({"id": 7})")["dead_letter"]["raw"], "");
  EXPECT_EQ(world.refusal(control::kDeadLetterShow, R"({"id": 8})"), "there is no dead letter 8");
  EXPECT_EQ(world.refusal(control::kDeadLetterShow, "{}"), "id is missing");
}

SERVER_TEST(ControlCommands, LeaveTheUnreadableOutOfAReplayOfAll) {
  const TestDatabase database;
  World world(database.options());
  add_dead_letter(database, 7);
  database.sql("UPDATE dead_letter SET reason = 'unreadable', nserie = '', frame_id = 1");
  EXPECT_EQ(world.call(control::kDeadLetterReplay, R"({"all": true})")["letters"], json::array());
  const json letter = world.call(control::kDeadLetterReplay, R"({"reason": "unreadable"})")["letters"][0];
  EXPECT_EQ(letter["outcome"], "replayed");
  EXPECT_EQ(letter["nserie"], "352093086403655");
}

SERVER_TEST(ControlCommands, EndAPageOfReplaysWhereItsBytesAreMany) {
  const TestDatabase database;
  World world(database.options());
  fill_dead_letters(database, 1, 40, 60'000);
  const json page = world.call(control::kDeadLetterReplay, R"({"nserie": "D1"})");
  EXPECT_EQ(page["letters"].size(), 17u) << "a mebibyte";
  EXPECT_EQ(page["read_to"], 17);
}

SERVER_TEST(ControlCommands, TellWhatTheDatabaseSaysOfDeadLetters) {
  const TestDatabase database;
  World world(database.options());
  database.sql("RENAME TABLE dead_letter TO elsewhere");
  EXPECT_THAT(world.refusal(control::kDeadLetterList, "{}"), HasSubstr("doesn't exist"));
  EXPECT_THAT(world.refusal(control::kDeadLetterReplay, R"({"all": true})"), HasSubstr("doesn't exist"));
  EXPECT_THAT(world.refusal(control::kDeadLetterReplay, R"({"id": 1})"), HasSubstr("doesn't exist"));
}

}  // namespace
}  // namespace hilera
