// What a listener believes, tried with native frames through the whole pipeline.

#include "ingest/vetting.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "ingest/frame_pipeline.h"
#include "ingest/native_codec.h"
#include "ingest/native_frame.h"
#include "ingest/native_items.h"
#include "ingest/semtech_codec.h"
#include "tests/ingest/fakes.h"
#include "tests/ingest/hex.h"

namespace ingest {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::rejected;
using testing::run_until_quiet;

const std::string kKeys = "SN-0001 1 " + std::string(64, '1') + "\n* 2 " + std::string(64, '2') + "\n";

std::shared_ptr<const KeyRing> keys() {
  static const auto ring = KeyRing::parse(kKeys, KeyForm::kDeviceKeys, "keys");
  return ring;
}

Trust asking_for(AuthPolicy auth) {
  return {.auth = auth, .keys = auth == AuthPolicy::kNone ? nullptr : keys()};
}

struct Sent {
  std::string serial = "SN-0001";
  std::uint32_t sequence = 1;
  std::uint32_t epoch = 1;
  std::optional<std::uint8_t> key_id = 1;  // none: no tag
  std::uint8_t flags = native::kAckWanted;
  std::uint8_t value = 5;

  [[nodiscard]] std::vector<std::byte> bytes() const {
    std::vector<std::byte> frame;
    std::vector<std::byte> payload;
    native::ItemWriter(payload).add_integer<std::uint8_t>(1, value);
    native::build_frame({.flags = static_cast<std::uint8_t>(flags | (key_id ? native::kTagged : 0)),
                         .key_id = key_id.value_or(0),
                         .serial = serial,
                         .epoch = epoch,
                         .sequence = sequence,
                         .time_ms = 1'700'000'000'000u + sequence,
                         .payload = payload},
                        frame);
    if (key_id) native::append_tag(frame, keys()->device_key(serial, *key_id).value_or(DeviceKey()));
    return frame;
  }
};

const NativeCodec kNative;
const SemtechCodec kSemtech;

struct World {
  explicit World(Trust trust, const PipelineOptions& options = {}, const Codec& its_codec = kNative)
      : codec(its_codec),
        listener("native", codec, greenrt::UdpSocket::bind(testing::loopback()), false, std::move(trust)),
        pipeline(options, custody, devices, reporter) {
    run_until_quiet();
  }
  ~World() {
    pipeline.abandon();
    const PipelineCounters& all = pipeline.counters();
    EXPECT_EQ(listener.counters().received, listener.counters().accepted + listener.counters().control +
                                                listener.counters().rejected.total() + all.dropped_total());
  }

  // From `socket`, so much later than the last one.
  void receive(const std::vector<std::byte>& frame, testing::DeviceSocket& socket, greenrt::Duration later = 1ms) {
    ++listener.counters().received;
    arrival += std::chrono::duration_cast<std::chrono::microseconds>(later).count();
    pipeline.submit(listener, {.stamp = arrival, .received = greenrt::Clock::now(), .backlog = backlog}, socket.path(),
                    frame, pipeline.look_ahead(listener, frame));
    run_until_quiet();
  }
  void receive(const Sent& sent) { receive(sent.bytes(), device); }

  // The status of the next answer, which has to be tagged like the frame: -1 for none.
  int answer(const Sent& sent) {
    const auto mail = device.mail();
    if (mail.empty()) return -1;
    EXPECT_EQ(mail.size(), 1u);
    native::Frame frame;
    const Bytes bytes = as_bytes(mail.front());
    EXPECT_EQ(native::parse_frame(bytes, frame), "");
    EXPECT_EQ(frame.sequence, sent.sequence);
    EXPECT_EQ((frame.flags & native::kTagged) != 0, sent.key_id.has_value());
    if (sent.key_id) {
      EXPECT_TRUE(native::tag_is_right(frame.signed_part, frame.tag, *keys()->device_key(sent.serial, *sent.key_id)));
    }
    return std::to_integer<int>(frame.payload[0]);
  }
  int ask(const Sent& sent) {
    receive(sent);
    return answer(sent);
  }
  [[nodiscard]] std::uint64_t refused(std::string_view reason) { return rejected(listener, reason); }
  [[nodiscard]] std::uint64_t accepted() const { return listener.counters().accepted; }

  const Codec& codec;
  testing::DeviceSocket device;
  Listener listener;
  testing::FakeCustody custody;
  testing::RecordingReporter reporter;
  DeviceTable devices{100};
  FramePipeline pipeline;
  std::int64_t arrival = 1'770'000'000'000'000;
  double backlog = 0;  // of the receive buffer
};

constexpr int kStored = 0;
constexpr int kDuplicate = 1;
constexpr int kNothing = -1;

HUB_TEST(Vetting, ARightTagIsBelievedAndAnsweredWithOne) {
  World world(asking_for(AuthPolicy::kRequired));
  EXPECT_EQ(world.ask({.sequence = 1}), kStored);
  EXPECT_EQ(world.ask({.serial = "other", .sequence = 1, .key_id = 2}), kStored);
  EXPECT_EQ(world.accepted(), 2u);
}

HUB_TEST(Vetting, AWrongTagIsRefusedWithoutAnAnswer) {
  World world(asking_for(AuthPolicy::kOptional));
  auto forged = Sent{}.bytes();
  forged.back() ^= std::byte{1};
  world.receive(forged, world.device);
  EXPECT_EQ(world.answer({}), kNothing);
  EXPECT_EQ(world.refused(refusal::kBadTag), 1u);
  EXPECT_EQ(world.ask({.key_id = 9}), kNothing);
  EXPECT_EQ(world.refused(refusal::kUnknownKey), 1u);
  EXPECT_EQ(world.devices.size(), 0u) << "nothing is remembered of it";
}

HUB_TEST(Vetting, ATagWhereNobodyCanCheckItIsRefused) {
  World world(asking_for(AuthPolicy::kNone));
  EXPECT_EQ(world.ask({}), kNothing);
  EXPECT_EQ(world.refused(refusal::kTagUnsupported), 1u);
  EXPECT_EQ(world.ask({.key_id = std::nullopt}), kStored);
}

HUB_TEST(Vetting, NoTagWhereOneIsRequiredIsRefused) {
  World world(asking_for(AuthPolicy::kRequired));
  EXPECT_EQ(world.ask({.key_id = std::nullopt}), kNothing);
  EXPECT_EQ(world.refused(refusal::kUnauthenticated), 1u);
}

HUB_TEST(Vetting, WhoHasProvedItselfOnceMustGoOn) {
  World world(asking_for(AuthPolicy::kOptional));
  EXPECT_EQ(world.ask({.sequence = 1, .key_id = std::nullopt}), kStored) << "not yet";
  EXPECT_EQ(world.ask({.sequence = 2}), kStored);
  EXPECT_EQ(world.ask({.sequence = 3, .key_id = std::nullopt}), kNothing);
  EXPECT_EQ(world.refused(refusal::kDowngrade), 1u);
  EXPECT_EQ(world.ask({.serial = "other", .key_id = std::nullopt}), kStored) << "others need not";
}

HUB_TEST(Vetting, ARepetitionIsAnsweredAndNotStoredAgain) {
  World world(asking_for(AuthPolicy::kRequired));
  EXPECT_EQ(world.ask({.sequence = 5}), kStored);
  EXPECT_EQ(world.ask({.sequence = 5}), kDuplicate);
  EXPECT_EQ(world.ask({.sequence = 4}), kStored) << "late, and new";
  EXPECT_EQ(world.ask({.sequence = 4}), kDuplicate);
  EXPECT_EQ(world.custody.repetitions(), 2u);
  EXPECT_EQ(world.accepted(), 4u) << "each of them is in custody";
}

HUB_TEST(Vetting, OtherBytesUnderAUsedNumberGoToTheDatabaseWhichCanTell) {
  World world(asking_for(AuthPolicy::kRequired));
  EXPECT_EQ(world.ask({.sequence = 5, .key_id = 1}), kStored);
  EXPECT_EQ(world.ask({.sequence = 5, .key_id = 2}), kStored) << "the same content, under another key";
  EXPECT_EQ(world.ask({.sequence = 5, .value = 9}), kStored) << "another content";
  EXPECT_EQ(world.custody.taken(), 3);
  EXPECT_EQ(world.custody.repetitions(), 0u);
  EXPECT_EQ(world.ask({.sequence = 5, .value = 9}), kDuplicate) << "the same bytes";
  EXPECT_EQ(world.custody.taken(), 3);
}

HUB_TEST(Vetting, AFrameThatWasOverheardTakesNoRoomHoweverOftenItIsSent) {
  for (const AckWhen ack : {AckWhen::kDurable, AckWhen::kStored}) {
    World world(asking_for(AuthPolicy::kRequired), {.ack = ack});
    testing::DeviceSocket attacker;
    for (int i = 0; i < 10; ++i)
      world.receive(Sent{.sequence = 5, .flags = 0}.bytes(), i == 0 ? world.device : attacker);
    EXPECT_EQ(world.custody.taken(), 2) << "it asks for no answer: its bytes are remembered from the second time on";
    EXPECT_EQ(world.custody.repetitions(), 8u);
    EXPECT_EQ(world.accepted(), 10u);
  }
}

HUB_TEST(Vetting, WhatIsTooOldForTheWindowIsRefusedBeforeItsTagIsLookedAt) {
  World world(asking_for(AuthPolicy::kRequired));
  EXPECT_EQ(world.ask({.sequence = 2000, .epoch = 2}), kStored);
  EXPECT_EQ(world.ask({.sequence = 976, .epoch = 2}), kNothing);
  EXPECT_EQ(world.ask({.sequence = 5000, .epoch = 1}), kNothing);
  auto forged = Sent{.sequence = 1, .epoch = 1}.bytes();
  forged.back() ^= std::byte{1};
  world.receive(forged, world.device);
  EXPECT_EQ(world.refused(refusal::kReplayed), 3u);
  EXPECT_EQ(world.refused(refusal::kBadTag), 0u);
}

HUB_TEST(Vetting, AnEpochThatNoDeviceComesToIsBelievedAndReported) {
  World world(asking_for(AuthPolicy::kRequired));
  EXPECT_EQ(world.ask({.epoch = 7}), kStored);
  EXPECT_EQ(world.ask({.epoch = 7 + 65536}), kStored);
  EXPECT_THAT(world.reporter.lines, IsEmpty());
  EXPECT_EQ(world.ask({.epoch = 0xFFFFFFFF}), kStored);
  EXPECT_THAT(world.reporter.lines, ElementsAre(::testing::StartsWith("epoch_jump SN-0001: from 65543 to 4294967295")));
}

HUB_TEST(Vetting, UnlessItIsStoredThereIsNoAnswerToARepetition) {
  World world(asking_for(AuthPolicy::kRequired), {.ack = AckWhen::kStored});
  world.custody.hold();
  world.receive({.sequence = 1});
  world.receive({.sequence = 1});
  EXPECT_THAT(world.device.mail(), IsEmpty());
  EXPECT_EQ(world.custody.repetitions(), 0u);
  world.custody.let_go();
  run_until_quiet();
  EXPECT_EQ(world.device.mail().size(), 1u) << "the first one is answered";
  EXPECT_EQ(world.ask({.sequence = 1}), kDuplicate);
  EXPECT_EQ(world.custody.repetitions(), 1u);
}

HUB_TEST(Vetting, WhatIsNotDurableMayComeAgain) {
  World world(asking_for(AuthPolicy::kRequired));
  world.custody.refuse(DropReason::kJournalFull);
  EXPECT_EQ(world.ask({.sequence = 1}), kNothing);
  world.custody.take_again();
  EXPECT_EQ(world.ask({.sequence = 1}), kStored);
}

HUB_TEST(Vetting, OnlyANewerNumberMovesTheAddressOfADevice) {
  World world(asking_for(AuthPolicy::kRequired));
  testing::DeviceSocket elsewhere;
  const auto peer = [&] { return world.devices.find("SN-0001")->path().peer; };
  world.receive(Sent{.sequence = 10}.bytes(), world.device);
  world.receive(Sent{.sequence = 9}.bytes(), elsewhere);
  EXPECT_EQ(peer(), world.device.path().peer) << "new, but older than the one before";
  world.receive(Sent{.sequence = 10}.bytes(), elsewhere);
  EXPECT_EQ(peer(), world.device.path().peer) << "a repetition";
  world.receive(Sent{.sequence = 11}.bytes(), elsewhere);
  EXPECT_EQ(peer(), elsewhere.path().peer);
}

HUB_TEST(Vetting, ItsAddressDoesNotWaitForTheDatabase) {
  World world(asking_for(AuthPolicy::kRequired), {.ack = AckWhen::kStored});
  testing::DeviceSocket elsewhere;
  world.custody.hold();
  for (const std::uint8_t flags : {std::uint8_t{0}, std::uint8_t{native::kAckWanted}}) {
    const std::uint32_t sequence = 10 + flags;
    world.receive({.sequence = sequence, .flags = flags});
    world.custody.make_all_durable();
    run_until_quiet();
    world.receive(Sent{.sequence = sequence - 1, .flags = flags}.bytes(), elsewhere);
    world.receive(Sent{.sequence = sequence, .flags = flags}.bytes(), elsewhere);
    world.custody.make_all_durable();
    run_until_quiet();
    EXPECT_EQ(world.devices.find("SN-0001")->path().peer, world.device.path().peer);
  }
}

HUB_TEST(Vetting, WhatIsKnownFromElsewhereCounts) {
  World world(asking_for(AuthPolicy::kOptional));
  ReplayWindow past;
  past.mark(std::uint64_t{1} << 32 | 2000);
  world.devices.note_proof("SN-0001", world.codec, past);
  EXPECT_EQ(world.devices.size(), 0u) << "nobody is remembered for that alone";

  EXPECT_EQ(world.ask({.sequence = 1, .key_id = std::nullopt}), kStored);
  world.devices.note_proof("SN-0001", world.codec, past);
  EXPECT_EQ(world.ask({.sequence = 2, .key_id = std::nullopt}), kNothing);
  EXPECT_EQ(world.refused(refusal::kDowngrade), 1u);
  EXPECT_EQ(world.ask({.sequence = 2000}), kStored) << "the database knows whether it is the same";
  EXPECT_EQ(world.ask({.sequence = 2000}), kDuplicate);
  EXPECT_EQ(world.ask({.sequence = 900}), kNothing);
  EXPECT_EQ(world.refused(refusal::kReplayed), 1u);
  EXPECT_EQ(world.ask({.sequence = 2001}), kStored);
}

HUB_TEST(Vetting, AnAddressThatAnOldNumberHasSetIsForgottenOnceThatIsKnown) {
  testing::DeviceSocket attacker;
  ReplayWindow past;
  past.mark(std::uint64_t{1} << 32 | 2000);
  for (const auto& overheard : {Sent{.sequence = 9}, Sent{.sequence = 2000}, Sent{.key_id = std::nullopt}}) {
    World world(asking_for(AuthPolicy::kOptional));
    world.receive(overheard.bytes(), attacker);
    ASSERT_NE(world.devices.find("SN-0001"), nullptr);
    world.devices.note_proof("SN-0001", world.codec, past);
    EXPECT_EQ(world.devices.find("SN-0001"), nullptr) << "it was sent before the restart, or by anybody";
    world.receive(overheard.bytes(), attacker);
    EXPECT_EQ(world.devices.find("SN-0001"), nullptr) << "what it has proved is still known";
    world.receive({.sequence = 2001});
    EXPECT_NE(world.devices.find("SN-0001"), nullptr);
  }
  World world(asking_for(AuthPolicy::kRequired));
  world.receive({.sequence = 2001});
  world.devices.note_proof("SN-0001", world.codec, past);
  EXPECT_NE(world.devices.find("SN-0001"), nullptr);
  past.mark(std::uint64_t{1} << 32 | 2001);
  world.devices.note_proof("SN-0001", world.codec, past);
  EXPECT_NE(world.devices.find("SN-0001"), nullptr) << "what is known later is its own";
}

// --- when more comes than can be looked at ---------------------------------------------------------------------------

HUB_TEST(Vetting, StrangersWaitWhenTheReceiveBufferIsHalfFull) {
  World world(asking_for(AuthPolicy::kRequired));
  testing::DeviceSocket elsewhere("127.0.0.2");
  const auto strangers = [&] { return world.pipeline.counters().dropped[static_cast<int>(DropReason::kStranger)]; };
  world.receive(Sent{.sequence = 1}.bytes(), world.device);
  world.backlog = 0.49;
  world.receive(Sent{.serial = "new-1", .key_id = 2}.bytes(), elsewhere);
  EXPECT_EQ(strangers(), 0u);

  world.backlog = 0.51;
  world.receive(Sent{.serial = "new-2", .key_id = 2}.bytes(), world.device);
  world.receive(Sent{.sequence = 2}.bytes(), elsewhere);
  EXPECT_EQ(strangers(), 2u) << "a new device, and one that was heard at another address";
  world.receive(Sent{.sequence = 3}.bytes(), world.device);
  EXPECT_EQ(world.accepted(), 3u);
}

HUB_TEST(Vetting, WhoIsNamedAndWasNotHeardSoFarIsNoStrangerAsLongAsThatHelps) {
  Trust trust;
  trust.known = std::make_shared<const KnownDevices>(KnownDevices{"listed-1", "listed-2"});
  World world(std::move(trust));
  testing::DeviceSocket elsewhere("127.0.0.2");
  const auto accepted_of = [&](const std::string& serial, testing::DeviceSocket& socket, std::uint32_t sequence) {
    const auto before = world.accepted();
    world.receive(Sent{.serial = serial, .sequence = sequence, .key_id = std::nullopt}.bytes(), socket);
    return world.accepted() - before;
  };
  world.backlog = 0.6;
  EXPECT_EQ(accepted_of("listed-1", world.device, 1), 1u);
  EXPECT_EQ(accepted_of("unlisted", world.device, 1), 0u);
  EXPECT_EQ(accepted_of("listed-1", elsewhere, 2), 0u) << "by now it was heard, and not there";
}

HUB_TEST(Vetting, WhoIsNamedHasAChanceToBeHeardInTheWorstFlood) {
  World world(asking_for(AuthPolicy::kRequired));
  world.backlog = 1;
  world.receive({.serial = "other", .key_id = 2});
  EXPECT_EQ(world.accepted(), 0u) << "nobody has named it";
  world.receive({.sequence = 1});
  EXPECT_EQ(world.accepted(), 1u);
  world.receive({.sequence = 2});
  EXPECT_EQ(world.accepted(), 2u) << "it was heard";
}

HUB_TEST(Vetting, WhoClaimsToBeNamedIsLookedAtNowAndThenInAFlood) {
  World world(asking_for(AuthPolicy::kRequired));
  auto forged = Sent{}.bytes();
  forged.back() ^= std::byte{1};
  world.backlog = 1;
  for (int i = 0; i < 10; ++i)
    world.pipeline.submit(world.listener, {.stamp = i + 1, .received = {}, .backlog = 1}, world.device.path(), forged,
                          world.pipeline.look_ahead(world.listener, forged));
  world.listener.counters().received += 10;
  run_until_quiet();
  EXPECT_EQ(world.refused(refusal::kBadTag), 1u);
  EXPECT_EQ(world.pipeline.counters().dropped[static_cast<int>(DropReason::kStranger)], 9u);
}

HUB_TEST(Vetting, AGatewayThatOnlyPushesIsNoStrangerWhenItIsNamed) {
  Trust trust;
  trust.known = std::make_shared<const KnownDevices>(KnownDevices{"b827ebfffe87bd11"});
  World world(std::move(trust), {}, kSemtech);
  world.backlog = 0.6;
  world.receive(testing::from_hex("02000700b827ebfffe87bd117b7d"), world.device);
  world.receive(testing::from_hex("02000800b827ebfffe87bd117b7d"), world.device);
  EXPECT_EQ(world.listener.counters().control, 2u);
  world.receive(testing::from_hex("02000900b827ebfffe87bd127b7d"), world.device);
  EXPECT_EQ(world.listener.counters().control, 2u);
}

HUB_TEST(Vetting, WhoHasAnotherPortWaitsWhenThatDoesNotHelp) {
  World world(asking_for(AuthPolicy::kRequired));
  testing::DeviceSocket other_port;
  world.receive(Sent{.sequence = 1}.bytes(), world.device);
  world.backlog = 0.6;
  world.receive(Sent{.sequence = 2}.bytes(), other_port);
  EXPECT_EQ(world.accepted(), 2u);
  world.backlog = 1;
  world.receive(Sent{.sequence = 3}.bytes(), other_port);
  world.receive(Sent{.sequence = 4}.bytes(), world.device);
  EXPECT_EQ(world.accepted(), 3u) << "the last one that was heard is at its new port";
}

HUB_TEST(Vetting, AGatewayIsKnownByItsAddressWhichOfItsPortsItUses) {
  World world({}, {}, kSemtech);
  testing::DeviceSocket push_port;
  testing::DeviceSocket elsewhere("127.0.0.2");
  const auto pull = testing::from_hex("02000702b827ebfffe87bd11");
  const auto push = testing::from_hex("02000700b827ebfffe87bd117b7d");
  world.receive(pull, world.device);
  world.backlog = 1;
  world.receive(pull, world.device);
  world.receive(push, push_port);
  EXPECT_EQ(world.listener.counters().control, 3u);
  world.receive(pull, elsewhere);
  EXPECT_EQ(world.listener.counters().control, 3u);
}

// --- devices -------------------------------------------------------------------------------------------------------

HUB_TEST(Vetting, OnlyKnownDevicesMaySendWhereThatIsAsked) {
  Trust trust = asking_for(AuthPolicy::kOptional);
  trust.devices = DevicePolicy::kKnown;
  trust.known = std::make_shared<const KnownDevices>(KnownDevices{"listed"});
  World world(std::move(trust));
  EXPECT_EQ(world.ask({.serial = "listed", .key_id = std::nullopt}), kStored);
  EXPECT_EQ(world.ask({.serial = "SN-0001"}), kStored) << "it has a key of its own";
  EXPECT_EQ(world.ask({.serial = "stranger", .key_id = std::nullopt}), kNothing);
  EXPECT_EQ(world.ask({.serial = "stranger", .key_id = 2}), kNothing) << "a master key makes nobody known";
  EXPECT_EQ(world.refused(refusal::kUnknownDevice), 2u);
  EXPECT_EQ(world.devices.size(), 2u);
}

HUB_TEST(Vetting, ADeviceThatProvesNothingIsBoundToItsAddress) {
  Trust trust = asking_for(AuthPolicy::kNone);
  trust.pin = 1min;
  World world(std::move(trust));
  testing::DeviceSocket elsewhere("127.0.0.2");
  testing::DeviceSocket other_port;
  const auto frame = [](std::uint32_t sequence) { return Sent{.sequence = sequence, .key_id = std::nullopt}.bytes(); };
  world.receive(frame(1), world.device);
  world.receive(frame(2), elsewhere, 59s);
  EXPECT_EQ(world.refused(refusal::kAddressPinned), 1u);
  world.receive(frame(3), other_port, 500ms);
  EXPECT_EQ(world.accepted(), 2u) << "behind the same address, whatever the port";
  EXPECT_EQ(world.custody.last_level(), AuthLevel::kSourcePinned);
  world.receive(frame(4), elsewhere, 61s);
  EXPECT_EQ(world.accepted(), 3u) << "it was silent for long enough";
  EXPECT_EQ(world.custody.last_level(), AuthLevel::kNone);
}

HUB_TEST(Vetting, ADeviceThatProvesItselfMayMove) {
  Trust trust = asking_for(AuthPolicy::kRequired);
  trust.pin = 1min;
  World world(std::move(trust));
  testing::DeviceSocket elsewhere("127.0.0.2");
  world.receive(Sent{.sequence = 1}.bytes(), world.device);
  world.receive(Sent{.sequence = 2}.bytes(), elsewhere);
  EXPECT_EQ(world.accepted(), 2u);
  EXPECT_EQ(world.refused(refusal::kAddressPinned), 0u);
}

}  // namespace
}  // namespace ingest
