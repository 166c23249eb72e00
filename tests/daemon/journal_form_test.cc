// An entry comes out of its packed form as it went in, and nothing that was changed comes out.

#include "daemon/journal_form.h"

#include "tests/daemon/journal_fixture.h"

namespace hilera::testing {
namespace {

constexpr JournalSalt kSalt{std::byte{1}, std::byte{2}, std::byte{3}};

std::vector<std::byte> packed(const ingest::Entry& from, const JournalChecksum& checksum) {
  std::vector<std::byte> bytes;
  pack(from, checksum, bytes);
  return bytes;
}

class JournalFormTest : public ::testing::Test {
 protected:
  JournalFormTest() {
    entry_->place = 12345;
    entry_->decoded.auth_level = ingest::AuthLevel::kMac;
    bytes_ = packed(*entry_, checksum_);
  }

  ingest::EntryRef entry_ = entry("some datagram", 77, 3);
  JournalChecksum checksum_{kSalt};
  std::vector<std::byte> bytes_;
};

TEST_F(JournalFormTest, KeepsEverything) {
  const auto form = unpack(12345, bytes_, checksum_);
  ASSERT_TRUE(form);
  EXPECT_EQ(form->domain, 77u);
  EXPECT_EQ(form->arrival, entry_->datagram.arrival);
  EXPECT_EQ(form->listener, "trackers");
  EXPECT_EQ(form->codec, entry_->datagram.origin->codec->name());
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(form->peer_ip.data()), 16),
            std::string("\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x07", 16));
  EXPECT_EQ(form->peer_port, 4000);
  EXPECT_EQ(form->auth_level, static_cast<std::uint8_t>(ingest::AuthLevel::kMac));
  EXPECT_EQ(form->records, 3u);
  EXPECT_TRUE(std::ranges::equal(form->bytes, entry_->datagram.bytes));
  EXPECT_EQ(peek_domain(bytes_), 77u);
}

TEST_F(JournalFormTest, KeepsADatagramWithoutBytes) {
  entry_->datagram.bytes.clear();
  const auto form = unpack(12345, packed(*entry_, checksum_), checksum_);
  ASSERT_TRUE(form);
  EXPECT_TRUE(form->bytes.empty());
}

TEST_F(JournalFormTest, ForgetsTheEntryPackedBefore) {
  const auto shorter = entry("x", 1);
  std::vector<std::byte> bytes = bytes_;
  pack(*shorter, checksum_, bytes);
  EXPECT_EQ(bytes, packed(*shorter, checksum_));
}

TEST_F(JournalFormTest, RefusesEveryFlippedBit) {
  for (std::size_t bit = 0; bit < 8 * bytes_.size(); ++bit) {
    std::vector<std::byte> damaged = bytes_;
    damaged[bit / 8] ^= std::byte{1} << bit % 8;
    EXPECT_FALSE(unpack(12345, damaged, checksum_)) << "bit " << bit;
  }
}

TEST_F(JournalFormTest, RefusesEveryOtherLength) {
  for (std::size_t size = 0; size < bytes_.size(); ++size)
    EXPECT_FALSE(unpack(12345, std::span(bytes_).first(size), checksum_)) << size << " bytes";
  bytes_.push_back(std::byte{0});
  EXPECT_FALSE(unpack(12345, bytes_, checksum_));
}

TEST_F(JournalFormTest, RefusesTheRowOfAnotherPlaceOrFile) {
  EXPECT_FALSE(unpack(12346, bytes_, checksum_));
  EXPECT_FALSE(unpack(0, bytes_, checksum_));
  EXPECT_FALSE(unpack(12345, bytes_, JournalChecksum(JournalSalt{std::byte{9}})));
}

TEST_F(JournalFormTest, TellsNoDomainOfWhatIsTooShort) {
  EXPECT_EQ(peek_domain(std::span(bytes_).first(20)), std::nullopt);
  EXPECT_EQ(peek_domain({}), std::nullopt);
}

}  // namespace
}  // namespace hilera::testing
