// The header for devices against the codec of the collector, and both against the published vectors.

#include "tests/clients/c_client.h"

#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "ingest/native_codec.h"
#include "ingest/native_frame.h"
#include "tests/ingest/codec_support.h"

namespace ingest {
namespace {

using testing::from_hex;
using testing::to_hex;
using Datagram = std::vector<std::byte>;

const NativeCodec kCodec;

const uint8_t* raw(const Datagram& bytes) {
  return reinterpret_cast<const uint8_t*>(bytes.data());
}

struct Vector {
  std::string name;
  std::string serial;
  int key_id = 0;
  std::string key;
  Datagram datagram;

  [[nodiscard]] std::shared_ptr<const KeyRing> ring() const {
    return KeyRing::parse(serial + " " + std::to_string(key_id) + " " + key, KeyForm::kDeviceKeys, "vector");
  }
};

std::map<std::string, Vector> vectors() {
  std::map<std::string, Vector> found;
  std::ifstream file(HILERA_SOURCE_DIR "/clients/vectors.txt");
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    std::istringstream words(line);
    Vector vector;
    std::string hex;
    words >> vector.name >> vector.serial >> vector.key_id >> vector.key >> hex;
    EXPECT_TRUE(words) << line;
    vector.datagram = from_hex(hex);
    found.emplace(vector.name, vector);
  }
  return found;
}

// A device of a vector, as its program has it.
struct Device {
  explicit Device(const Vector& its_vector, std::uint32_t epoch)
      : vector(its_vector),
        key(from_hex(vector.key)),
        device{vector.serial.c_str(), static_cast<uint8_t>(vector.key_id), raw(key), epoch} {}

  const Vector vector;
  const Datagram key;
  const hilera_device device;
};

Datagram sent(std::size_t size, const std::array<uint8_t, HILERA_MAX_DATAGRAM>& buffer) {
  const auto* bytes = reinterpret_cast<const std::byte*>(buffer.data());
  return {bytes, bytes + size};
}

TEST(ClientVectors, TheCodecReadsThem) {
  const auto all = vectors();
  ASSERT_GE(all.size(), 10u);
  for (const auto& [name, vector] : all) {
    native::Frame frame;
    ASSERT_EQ(native::parse_frame(vector.datagram, frame), "") << name;
    const auto key = vector.ring()->device_key(vector.serial, frame.key_id);
    ASSERT_TRUE(key) << name;
    EXPECT_TRUE(native::tag_is_right(frame.signed_part, frame.tag, *key)) << name;
    const Decoded decoded = testing::decode(kCodec, vector.datagram);
    const bool from_device = !name.starts_with("answer-") && !name.starts_with("down-");
    EXPECT_EQ(decoded.verdict != Verdict::kRejected, from_device) << name << ' ' << decoded.reason;
  }
}

TEST(ClientVectors, TheCollectorAnswersAsTheySay) {
  const auto all = vectors();
  const Vector& data = all.at("data-small");
  Decoded decoded;
  kCodec.decode(data.datagram, decoded);
  decoded.prove(AuthLevel::kMac);
  for (const auto& [status, name] : {std::pair(AckStatus::kStored, "answer-small-stored"),
                                     std::pair(AckStatus::kDuplicate, "answer-small-duplicate"),
                                     std::pair(AckStatus::kRefused, "answer-small-refused")}) {
    Ack ack;
    kCodec.make_ack(data.datagram, decoded, status, data.ring().get(), ack);
    EXPECT_EQ(to_hex(ack.bytes()), to_hex(all.at(name).datagram));
  }
}

TEST(ClientVectors, ADerivedKeyIsThatOfTheMasterKey) {
  const auto all = vectors();
  const Vector& data = all.at("derived-small");
  const auto master = KeyRing::parse("* 2 202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f",
                                     KeyForm::kDeviceKeys, "vector");
  EXPECT_EQ(to_hex(master->device_key(data.serial, 2)->bytes()), data.key);
}

TEST(CClient, BuildsTheVectors) {
  const auto all = vectors();
  std::array<uint8_t, HILERA_MAX_DATAGRAM> buffer;
  const Device one(all.at("data-every-type"), 1);
  EXPECT_EQ(to_hex(sent(client_every_type(buffer.data(), buffer.size(), &one.device, 1), buffer)),
            to_hex(one.vector.datagram));
  const Device other(all.at("data-large"), 0xFFFFFFFF);
  const auto size =
      client_squares(buffer.data(), buffer.size(), &other.device, 0xFFFFFFFF, (std::uint64_t{1} << 43) - 1, 99);
  EXPECT_EQ(to_hex(sent(size, buffer)), to_hex(other.vector.datagram));
}

TEST(CClient, ItsItemsAreReadAsTheyWereMeant) {
  EXPECT_EQ(testing::fields_text(kCodec, vectors().at("data-every-type").datagram),
            R"({"epoch":1,"sequence":1,"values":{"1":true,"2":255,"3":65535,"4":4294967295,"5":18446744073709551615,)"
            R"("6":-2,"7":-3,"8":21.5,"9":-0.25,"10":"señal","11":"0001ff","12":-4,"13":-5}})");
}

TEST(CClient, HashesAsLibsodiumDoes) {
  const Datagram key = from_hex(vectors().at("data-small").key);
  const DeviceKey device_key(std::span<const std::byte, DeviceKey::kSize>(key.data(), DeviceKey::kSize));
  Datagram bytes;
  for (std::size_t size = 0; size <= 400; ++size) {
    std::array<uint8_t, HILERA_TAG_SIZE> tag;
    client_tag(tag.data(), raw(bytes), bytes.size(), raw(key));
    ASSERT_EQ(to_hex(std::as_bytes(std::span(tag))), to_hex(native::tag_of(bytes, device_key))) << size;
    bytes.push_back(static_cast<std::byte>(size * 37));
  }
}

TEST(CClient, SaysWhenAFrameDoesNotFit) {
  std::array<uint8_t, HILERA_MAX_DATAGRAM> buffer;
  const Device one(vectors().at("data-small"), 7);
  const auto size = client_squares(buffer.data(), buffer.size(), &one.device, 1, 0, 5);
  ASSERT_GT(size, 0u);
  for (std::size_t room = 0; room < size; ++room)
    EXPECT_EQ(client_squares(buffer.data(), room, &one.device, 1, 0, 5), 0u) << room;
  EXPECT_EQ(client_squares(buffer.data(), size, &one.device, 1, 0, 5), size);
  EXPECT_EQ(client_squares(buffer.data(), buffer.size(), &one.device, 1, 0, 200), 0u);
  hilera_device nameless = one.device;
  nameless.serial = "";
  EXPECT_EQ(client_squares(buffer.data(), buffer.size(), &nameless, 1, 0, 5), 0u);
  const std::string long_serial(33, 'x');
  nameless.serial = long_serial.c_str();
  EXPECT_EQ(client_squares(buffer.data(), buffer.size(), &nameless, 1, 0, 5), 0u);
}

TEST(CClient, BelievesAnAnswerAndNothingThatIsAltered) {
  const auto all = vectors();
  const Device one(all.at("data-small"), 7);
  for (const auto& [name, status] :
       {std::pair("answer-small-stored", HILERA_STORED), std::pair("answer-small-duplicate", HILERA_DUPLICATE),
        std::pair("answer-small-refused", HILERA_REFUSED)}) {
    Datagram answer = all.at(name).datagram;
    hilera_message message;
    ASSERT_EQ(client_read(&message, &one.device, raw(answer), answer.size()), 1);
    EXPECT_EQ(message.kind, HILERA_ANSWER);
    EXPECT_EQ(message.epoch, 7u);
    EXPECT_EQ(message.sequence, 42u);
    EXPECT_EQ(message.status, status);
    for (std::size_t bit = 0; bit < 8 * answer.size(); ++bit) {
      answer[bit / 8] ^= std::byte{1} << bit % 8;
      EXPECT_EQ(client_read(&message, &one.device, raw(answer), answer.size()), 0) << bit;
      answer[bit / 8] ^= std::byte{1} << bit % 8;
    }
    for (std::size_t size = 0; size < answer.size(); ++size) {
      const Datagram part(answer.begin(), answer.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_EQ(client_read(&message, &one.device, raw(part), part.size()), 0) << size;
    }
  }
}

TEST(CClient, BelievesNoAnswerOfAnotherEpoch) {
  const Datagram answer = vectors().at("answer-small-stored").datagram;
  const Device restarted(vectors().at("data-small"), 8);
  hilera_message message;
  EXPECT_EQ(client_read(&message, &restarted.device, raw(answer), answer.size()), 0);
}

TEST(CClient, DoesNotHearItself) {
  const auto all = vectors();
  const Device one(all.at("data-small"), 7);
  hilera_message message;
  for (const char* name : {"data-small", "reply-small-done", "reply-small-not-now"}) {
    const Datagram& own = all.at(name).datagram;
    EXPECT_EQ(client_read(&message, &one.device, raw(own), own.size()), 0) << name;
  }
}

TEST(CClient, AnswersADownlinkAsTheVectorsSay) {
  const auto all = vectors();
  const Device one(all.at("down-small"), 7);
  hilera_message downlink;
  ASSERT_EQ(client_read(&downlink, &one.device, raw(one.vector.datagram), one.vector.datagram.size()), 1);
  EXPECT_EQ(downlink.kind, HILERA_DOWNLINK);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(downlink.payload) + 5, downlink.payload_size - 5), "reboot");
  std::array<uint8_t, HILERA_MAX_DATAGRAM> buffer;
  EXPECT_EQ(to_hex(sent(client_answer(buffer.data(), buffer.size(), &one.device, &downlink, HILERA_STORED), buffer)),
            to_hex(all.at("reply-small-done").datagram));
  EXPECT_EQ(to_hex(sent(client_answer(buffer.data(), buffer.size(), &one.device, &downlink, HILERA_REFUSED), buffer)),
            to_hex(all.at("reply-small-refused").datagram));
  EXPECT_EQ(to_hex(sent(client_not_now(buffer.data(), buffer.size(), &one.device, &downlink), buffer)),
            to_hex(all.at("reply-small-not-now").datagram));
}

TEST(CClient, RemembersTheLast32Downlinks) {
  hilera_done done{};
  hilera_message downlink{};
  EXPECT_EQ(client_was_done(&done, &downlink), 0);
  for (std::uint32_t number = 1; number <= 40; ++number) {
    downlink.sequence = number;
    EXPECT_EQ(client_was_done(&done, &downlink), 0);
    client_note_done(&done, &downlink);
    EXPECT_EQ(client_was_done(&done, &downlink), 1);
  }
  downlink.sequence = 9;
  EXPECT_EQ(client_was_done(&done, &downlink), 1);
  downlink.sequence = 8;
  EXPECT_EQ(client_was_done(&done, &downlink), 0);
}

}  // namespace
}  // namespace ingest
