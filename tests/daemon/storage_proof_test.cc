// What devices have proved, where it counts: nothing is stored twice and nobody writes for them, over restarts of the
// daemon and after rows were purged.

#include <array>
#include <deque>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "ingest/native_frame.h"
#include "tests/daemon/store_fixture.h"
#include "tests/ingest/hex.h"

namespace hilera {
namespace {

using namespace hilera::testing;
using ingest::AuthLevel;
using ingest::StoreResult;

constexpr std::uint64_t number(std::uint32_t epoch, std::uint32_t sequence) {
  return std::uint64_t{epoch} << 32 | sequence;
}

// Native frames through a listener whose devices have keys. Whether a tag is right was seen to before.
template <typename Base>
struct ProofWorld : Base {
  ProofWorld() {
    ingest::Trust trust;
    trust.guarded = true;
    guarded.emplace("guarded", *ingest::find_codec("native"), greenrt::UdpSocket::bind(loopback()), false, trust);
    this->storage->know(guarded->origin());
  }

  void restart() {
    Base::restart();
    this->storage->know(guarded->origin());
  }
  void begin() {
    Base::begin();
    this->storage->know(guarded->origin());
  }
  // As after an orderly end: what is known of devices is written.
  void restart_in_order() {
    settle();
    restart();
  }
  void settle() { EXPECT_TRUE(this->storage->wait_idle(greenrt::Deadline::never())); }

  Frame proved(std::uint64_t counter, std::string_view nserie = "D1", std::uint8_t value = 5) {
    return frame(counter, nserie, true, value);
  }
  // One that proves nothing.
  Frame bare(std::uint64_t counter, std::string_view nserie = "D1") { return frame(counter, nserie, false, 5); }

  StoreResult store(Frame frame) {
    frames.push_back(std::move(frame));
    return this->put(frames.back());
  }

  [[nodiscard]] std::string letters() const {
    return this->database.sql("SELECT COALESCE(GROUP_CONCAT(reason ORDER BY id), '') FROM dead_letter");
  }

  std::optional<ingest::Listener> guarded;
  std::int64_t arrival = kArrival;
  std::deque<Frame> frames;

 private:
  Frame frame(std::uint64_t counter, std::string_view nserie, bool tagged, std::uint8_t value) {
    const std::array item{std::byte{0}, std::byte{1}, std::byte{0x11}, std::byte{value}};
    Frame made = this->listener.frame(++arrival);
    made.datagram.origin = guarded->origin().get();
    ingest::native::build_frame({.flags = tagged ? std::uint8_t{ingest::native::kTagged} : std::uint8_t{0},
                                 .serial = nserie,
                                 .epoch = static_cast<std::uint32_t>(counter >> 32),
                                 .sequence = static_cast<std::uint32_t>(counter),
                                 .payload = item},
                                made.datagram.bytes);
    if (tagged) ingest::native::append_tag(made.datagram.bytes, ingest::DeviceKey());
    guarded->codec().decode(made.datagram.bytes, made.decoded);
    if (tagged) made.decoded.prove(AuthLevel::kMac);
    return made;
  }
};

using World = ProofWorld<StoreWorld>;
using ProofCluster = ProofWorld<ClusterWorld>;

SERVER_TEST(StorageProof, TheTableOfDevicesRemembersTheNumbers) {
  World world;
  for (const std::uint32_t sequence : {1U, 2U, 4U})
    EXPECT_EQ(world.store(world.proved(number(3, sequence))).stored, 1u);
  world.settle();
  EXPECT_EQ(world.database.sql("SELECT last_epoch, last_sequence, auth_level, LEFT(HEX(replay_window), 4), "
                               "LENGTH(replay_window) FROM device"),
            "3\t4\t2\t0D00\t128");
}

SERVER_TEST(StorageProof, WhatWasStoredOnceIsNotStoredAgainThoughItsRowIsGone) {
  World world;
  for (std::uint32_t sequence = 1; sequence <= 50; ++sequence)
    world.store(world.proved(number(1, sequence)));
  world.database.sql("DELETE FROM frame");
  EXPECT_EQ(world.store(world.proved(number(1, 7))).duplicate, 1u);
  world.restart_in_order();
  for (std::uint32_t sequence = 1; sequence <= 50; ++sequence)
    EXPECT_EQ(world.store(world.proved(number(1, sequence))).duplicate, 1u) << sequence;
  EXPECT_EQ(world.database.rows(), "0");
  EXPECT_EQ(world.store(world.proved(number(1, 51))).stored, 1u);
  EXPECT_EQ(world.store(world.proved(number(2, 1))).stored, 1u);
  EXPECT_EQ(world.letters(), "");
}

SERVER_TEST(StorageProof, OtherContentUnderAUsedNumberIsKeptAside) {
  World world;
  world.store(world.proved(number(1, 7), "D1", 1));
  EXPECT_EQ(world.store(world.proved(number(1, 7), "D1", 2)).dead_lettered, 1u);
  EXPECT_EQ(world.store(world.proved(number(1, 7), "D1", 1)).duplicate, 1u);
  EXPECT_EQ(world.letters(), "conflict");
  EXPECT_EQ(world.database.rows(), "1");
}

// The window has gone on while the journal did not yet say so, as it is when the daemon is killed then.
SERVER_TEST(StorageProof, WhatWasStoredAndComesFromTheJournalAgainIsNoReplay) {
  constexpr std::uint32_t kFrames = 1500;  // more than a window has
  namespace fs = std::filesystem;
  World world;
  const std::string journal = world.options().journal.directory;
  const std::string as_it_was = world.folder.path() + "/as-it-was";
  world.storage->stop();
  std::vector<ingest::EntryRef> entries;
  for (std::uint32_t sequence = 1; sequence <= kFrames; ++sequence) {
    world.frames.push_back(world.proved(number(1, sequence)));
    entries.push_back(world.take_soon(world.frames.back()));
  }
  EXPECT_TRUE(world.storage->journal().flush(greenrt::Deadline::never()));
  entries.clear();
  world.storage.reset();
  fs::copy(journal, as_it_was, fs::copy_options::recursive);
  world.begin();
  world.wait_until_stored();
  world.settle();
  ASSERT_EQ(world.database.sql("SELECT last_sequence FROM device"), std::to_string(kFrames));
  world.storage.reset();
  fs::remove_all(journal);
  fs::rename(as_it_was, journal);
  world.begin();
  world.wait_until_stored();
  EXPECT_EQ(world.database.rows(), std::to_string(kFrames));
  EXPECT_EQ(world.letters(), "");
}

SERVER_TEST(StorageProof, WhatComesWhileThePastOfOthersIsReadIsRuledOnToo) {
  World world;
  world.store(world.proved(number(1, 1), "D1"));
  world.restart_in_order();
  const auto rival = world.database.connect();
  rival->execute("LOCK TABLES device WRITE");
  world.frames.push_back(world.proved(number(1, 1), "D2"));
  const ingest::EntryRef first = world.take(world.frames.back());
  world.database.wait_for_locked_out(1);
  world.frames.push_back(world.bare(2, "D1"));
  const ingest::EntryRef second = world.take(world.frames.back());
  rival->execute("UNLOCK TABLES");
  EXPECT_EQ(first->wait_stored(greenrt::Deadline::never()).value().stored, 1u);
  EXPECT_EQ(second->wait_stored(greenrt::Deadline::never()).value().dead_lettered, 1u);
  EXPECT_EQ(world.letters(), "downgrade");
}

SERVER_TEST(StorageProof, ADeviceThatWasOnlyLookedUpSurvivesALoss) {
  ProofCluster world;
  world.store(world.proved(number(1, 1)));
  world.restart_in_order();
  world.wait_until_sure();
  EXPECT_EQ(world.store(world.bare(2)).dead_lettered, 1u);
  world.lose_server();
  world.wait_until_sure();
  world.settle();
  EXPECT_EQ(world.database.rows("device"), "1");
}

// The loss is noticed by another connection than the shard's.
SERVER_TEST(StorageProof, ALossWhileAUsedNumberIsLookedForChangesNoRuling) {
  ProofCluster world;
  world.store(world.proved(number(1, 7)));
  world.settle();
  world.database.sql("DELETE FROM frame");
  const auto rival = world.database.connect();
  rival->execute("LOCK TABLES frame WRITE");
  world.frames.push_back(world.proved(number(1, 7)));
  const ingest::EntryRef repetition = world.take(world.frames.back());
  world.database.wait_for_locked_out(1);
  world.lose_server();
  rival->execute("UNLOCK TABLES");
  EXPECT_EQ(repetition->wait_stored(greenrt::Deadline::never()).value().duplicate, 1u);
  EXPECT_EQ(world.database.rows(), "0");
}

SERVER_TEST(StorageProof, TakesOverWhatAnotherCollectorHasSeenMeanwhile) {
  World world;
  world.store(world.proved(number(1, 5)));
  world.settle();
  world.database.sql(
      "UPDATE device SET collector = 'host-b', last_sequence = 10, replay_window = RPAD(x'3F', 128, x'00')");
  EXPECT_EQ(world.store(world.proved(number(1, 11))).stored, 1u);
  world.settle();
  EXPECT_EQ(world.database.sql("SELECT last_sequence, LEFT(HEX(replay_window), 2) FROM device"), "11\t7F");
  world.database.sql("DELETE FROM frame");
  EXPECT_EQ(world.store(world.proved(number(1, 7))).duplicate, 1u);
}

// As it may be after a crash: the journal does not say yet for sure that the repetition had ended.
SERVER_TEST(StorageProof, ARepetitionThatIsInDoubtIsNotPutBack) {
  World world;
  world.store(world.proved(number(1, 7)));
  world.settle();
  world.database.sql("DELETE FROM frame");
  EXPECT_EQ(world.store(world.proved(number(1, 7))).duplicate, 1u);
  world.restart();
  while (world.storage->shards_in_doubt() > 0)
    greenrt::testing::let_poll();
  EXPECT_EQ(world.database.rows(), "0");
  EXPECT_EQ(world.letters(), "");
}

SERVER_TEST(StorageProof, WhatALostServerTookWithItIsPutBack) {
  ProofCluster world;
  for (const std::uint32_t sequence : {1U, 2U, 3U})
    world.store(world.proved(number(1, sequence)));
  world.settle();
  world.database.sql("DELETE FROM frame WHERE frame_id >= 4294967298");
  world.database.sql("UPDATE device SET last_sequence = 1, replay_window = x'01'");
  world.lose_server();
  world.wait_until_sure();
  EXPECT_EQ(world.database.rows(), "3");
  world.database.sql("DELETE FROM frame");
  for (const std::uint32_t sequence : {1U, 2U, 3U})
    EXPECT_EQ(world.store(world.proved(number(1, sequence))).duplicate, 1u) << "its number is known again";
}

SERVER_TEST(StorageProof, AfterACrashTheRowsThemselvesSayWhatIsThere) {
  World world;
  for (std::uint32_t sequence = 1; sequence <= 5; ++sequence)
    world.store(world.proved(number(1, sequence)));
  world.restart();
  for (std::uint32_t sequence = 1; sequence <= 5; ++sequence)
    EXPECT_EQ(world.store(world.proved(number(1, sequence))).duplicate, 1u);
  EXPECT_EQ(world.database.rows(), "5");
}

SERVER_TEST(StorageProof, WhatIsTooOldForTheWindowIsKeptAside) {
  World world;
  world.store(world.proved(number(2, 5000)));
  world.restart_in_order();
  EXPECT_EQ(world.store(world.proved(number(2, 3976))).dead_lettered, 1u);
  EXPECT_EQ(world.store(world.proved(number(1, 6000))).dead_lettered, 1u);
  EXPECT_EQ(world.store(world.proved(number(2, 3977))).stored, 1u) << "the last one within it";
  EXPECT_EQ(world.letters(), "replayed,replayed");
  EXPECT_EQ(world.database.rows(), "2");
}

SERVER_TEST(StorageProof, NobodyWritesForADeviceThatHasProvedItself) {
  World world;
  EXPECT_EQ(world.store(world.bare(1)).stored, 1u) << "not yet";
  world.store(world.proved(number(1, 1)));
  EXPECT_EQ(world.store(world.bare(2)).dead_lettered, 1u);
  world.restart_in_order();
  EXPECT_EQ(world.store(world.bare(3)).dead_lettered, 1u);
  EXPECT_EQ(world.store(world.bare(4, "D2")).stored, 1u);
  EXPECT_EQ(world.letters(), "downgrade,downgrade");
}

SERVER_TEST(StorageProof, TellsWhatItFindsOfThePast) {
  World world;
  world.store(world.proved(number(1, 7)));
  world.store(world.bare(1, "D2"));
  std::vector<std::string> told;
  world.storage_options.on_past = [&](std::string_view nserie, std::string_view codec, const auto& window) {
    told.push_back(std::string(nserie) + " " + std::string(codec) + " " +
                   std::to_string(window.highest() & 0xFFFFFFFF));
  };
  world.restart_in_order();
  world.store(world.proved(number(1, 8)));
  world.store(world.bare(2, "D2"));
  world.store(world.proved(number(1, 9)));
  EXPECT_EQ(told, (std::vector<std::string>{"D1 native 7"}));
}

SERVER_TEST(StorageProof, ASerialHasAPastUnderEachCodec) {
  World world;
  ingest::Trust trust;
  trust.guarded = true;
  const ingest::Listener other("other", *ingest::find_codec("collectd"), greenrt::UdpSocket::bind(loopback()), false,
                               trust);
  world.storage->know(other.origin());
  world.database.sql(
      "INSERT INTO device (nserie, codec, first_seen, last_seen, listener, collector, last_arrival, auth_level) VALUES "
      "('test.example.com', 'collectd', NOW(), NOW(), 'other', 'host-a', 1, 2)");
  world.frames.push_back(world.proved(number(1, 1), "test.example.com"));
  const auto proved = world.take_soon(world.frames.back());
  Frame unsigned_one = world.listener.frame(++world.arrival);
  unsigned_one.datagram.origin = other.origin().get();
  unsigned_one.datagram.bytes = ingest::testing::from_hex(
      "00000015746573742e6578616d706c652e636f6d000008000c14dc4c81831ef78b0009000c00000000400000000002000970696e67000004"
      "0"
      "00970696e67000005001c70696e672d7461726765742e6578616d706c652e636f6d000006000f000101000000000000f87f");
  other.codec().decode(unsigned_one.datagram.bytes, unsigned_one.decoded);
  world.frames.push_back(std::move(unsigned_one));
  const auto bare = world.take_soon(world.frames.back());
  ASSERT_TRUE(bare->wait_durable());
  EXPECT_EQ(proved->wait_stored(greenrt::Deadline::never()).value().stored, 1u);
  EXPECT_EQ(bare->wait_stored(greenrt::Deadline::never()).value().dead_lettered, 1u);
  EXPECT_EQ(world.letters(), "downgrade");
}

SERVER_TEST(StorageProof, DevicesOfListenersWithoutKeysAreNotAskedFor) {
  World world;
  world.store(world.proved(number(1, 1)));
  world.restart_in_order();
  world.database.sql("ALTER TABLE device RENAME COLUMN replay_window TO gone");
  Frame frame = world.listener.frame(world.arrival + 1);
  frame.with(9);
  EXPECT_EQ(world.put(frame).stored, 1u);
  world.database.sql("ALTER TABLE device RENAME COLUMN gone TO replay_window");
}

SERVER_TEST(StorageProof, RepetitionsAmongNewOnesEndInTheirTurn) {
  World world;
  world.database.sql("ALTER TABLE frame ADD COLUMN seq BIGINT AUTO_INCREMENT, ADD KEY (seq)");
  world.store(world.proved(number(1, 10)));
  std::vector<ingest::EntryRef> entries;
  for (const std::uint32_t sequence : {11U, 10U, 12U, 12U, 11U, 9U, 10U, 13U}) {
    world.frames.push_back(world.proved(number(1, sequence)));
    entries.push_back(world.take_soon(world.frames.back()));
  }
  std::string ends;
  for (const auto& entry : entries) {
    ASSERT_TRUE(entry->wait_durable());
    const StoreResult result = entry->wait_stored(greenrt::Deadline::never()).value();
    ends += result.stored == 1 ? 's' : result.duplicate == 1 ? 'd' : '?';
  }
  EXPECT_EQ(ends, "sdsddsds");
  EXPECT_EQ(world.database.sql("SELECT GROUP_CONCAT(frame_id & 0xFFFFFFFF ORDER BY seq) FROM frame"), "10,11,12,9,13");
}

SERVER_TEST(StorageProof, AnotherCollectorGoesOnWhereTheFirstOneWas) {
  World world;
  for (const std::uint32_t sequence : {1U, 2U, 3U})
    world.store(world.proved(number(1, sequence)));
  world.settle();
  world.database.sql("DELETE FROM frame");
  world.database.sql(
      "UPDATE device SET collector = 'host-b', last_sequence = 900, last_arrival = last_arrival + 1000000");
  world.restart();
  EXPECT_EQ(world.store(world.proved(number(1, 900))).duplicate, 1u);
  EXPECT_EQ(world.store(world.proved(number(1, 901))).stored, 1u);
}

// The one that has seen less does not set back what the other one has written.
SERVER_TEST(StorageProof, AnEarlierNumberDoesNotReplaceALaterOne) {
  World world;
  world.store(world.proved(number(1, 5)));
  world.database.sql("UPDATE device SET last_epoch = 2, last_sequence = 1, replay_window = 'y'");
  world.settle();
  world.database.sql(
      "INSERT INTO device (nserie, codec, first_seen, last_seen, listener, collector, last_epoch, "
      "last_sequence, replay_window, last_arrival, auth_level) VALUES ('D1', 'native', NOW(), NOW(), 'l', "
      "'c', 2, 1, 'y', 1, 2) ON DUPLICATE KEY UPDATE last_epoch = 2, last_sequence = 1, "
      "replay_window = 'y'");
  world.store(world.proved(number(1, 6)));
  world.settle();
  EXPECT_EQ(world.database.sql("SELECT last_epoch, last_sequence, LEFT(replay_window, 1) FROM device"), "2\t1\ty");
}

SERVER_TEST(StorageProof, APastThatCannotBeReadIsWaitedFor) {
  World world;
  world.store(world.proved(number(1, 1)));
  world.restart_in_order();
  world.database.sql("RENAME TABLE device TO elsewhere");
  world.frames.push_back(world.proved(number(1, 1)));
  const auto entry = world.take(world.frames.back());
  EXPECT_TRUE(ingest::testing::eventually([&] { return !world.storage->store_problem().empty(); }));
  EXPECT_EQ(world.storage->ledger().pending, 1u);
  world.database.sql("RENAME TABLE elsewhere TO device");
  EXPECT_EQ(entry->wait_stored(greenrt::Deadline::never()).value().duplicate, 1u);
}

}  // namespace
}  // namespace hilera
