// Target journal_segment: the file of a sealed segment, damaged in any places. Whatever is left of it is read back: no
// row is wrong, none comes twice, and each record that the file says it has is delivered or counted as lost.
//
// The input is a list of changes: page(1) offset(2) length(1) bytes. A length of 0 cuts the file off there.

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "daemon/journal_reader.h"
#include "daemon/journal_segment.h"
#include "ingest/entry.h"
#include "ingest/origin.h"
#include "tests/fuzz/fuzz.h"

namespace {

using fuzz::check;
using namespace hilera;

constexpr int kRows = 520;  // more than a cell
constexpr int kRowsInCommit = 40;
constexpr std::size_t kPageSize = 4096;
constexpr JournalSalt kSalt{std::byte{1}, std::byte{2}};

// Row n has the text n and n % 3 + 1 records.
std::uint32_t records_of(std::int64_t place) {
  return static_cast<std::uint32_t>(place % 3 + 1);
}

class SegmentFile {
 public:
  SegmentFile() : folder_("/tmp/hilera-fuzz-XXXXXX") {
    if (::mkdtemp(folder_.data()) == nullptr) throw std::runtime_error("mkdtemp: " + folder_);
    write_rows();
    std::ifstream file(path(), std::ios::binary);
    whole_.assign(std::istreambuf_iterator<char>(file), {});
  }
  ~SegmentFile() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  SegmentFile(const SegmentFile&) = delete;
  SegmentFile& operator=(const SegmentFile&) = delete;

  [[nodiscard]] std::string path() const { return folder_ + "/segment.db"; }

  void damage(fuzz::Bytes changes) const {
    std::string content = whole_;
    while (changes.size() >= 4 && !content.empty()) {
      const std::size_t page = fuzz::take_byte(changes);
      const std::size_t high = fuzz::take_byte(changes);
      const std::size_t at = (page * kPageSize + (high << 8 | fuzz::take_byte(changes)) % kPageSize) % content.size();
      const std::size_t size = fuzz::take_byte(changes);
      if (size == 0) content.resize(at);
      const std::size_t changed = std::min({size, changes.size(), content.size() - at});
      std::transform(changes.begin(), changes.begin() + static_cast<std::ptrdiff_t>(changed),
                     content.begin() + static_cast<std::ptrdiff_t>(at),
                     [](std::byte byte) { return static_cast<char>(byte); });
      changes = changes.subspan(changed);
    }
    std::ofstream file(path(), std::ios::binary | std::ios::trunc);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
    if (!file.flush()) throw std::runtime_error(path() + " cannot be written");
  }

 private:
  void write_rows() const {
    std::ofstream(path()).flush();
    JournalSegment::create(path(), kSalt, {}, {}, {});
    const auto segment = JournalSegment::open(path(), kSalt, {});
    const ingest::Origin origin{
        .listener = "trackers", .codec = ingest::find_codec("native"), .store_raw = false, .guarded = false};
    for (int place = 1; place <= kRows; place += kRowsInCommit) {
      std::vector<ingest::EntryRef> entries;
      std::vector<const ingest::Entry*> commit;
      for (int each = place; each < place + kRowsInCommit; ++each) {
        const auto entry = ingest::Entry::make();
        entry->datagram.origin = &origin;
        entry->datagram.arrival = 1'770'000'000'000'000 + each;
        const std::string text = std::to_string(each);
        const auto bytes = ingest::as_bytes(text);
        entry->datagram.bytes.assign(bytes.begin(), bytes.end());
        entry->decoded.clear();
        entry->decoded.records.resize(records_of(each));
        entry->place = each;
        entry->domain = static_cast<std::uint32_t>(each);
        entries.push_back(entry);
        commit.push_back(entries.back().get());
      }
      segment->commit(commit, std::nullopt);
    }
    segment->seal();
  }

  std::string folder_;
  std::string whole_;
};

void check_rows(const Journal::Page& page, std::int64_t after) {
  for (const JournalRow& row : page.rows) {
    check(row.place > after, "places ascend, and none comes twice");
    after = row.place;
    check(ingest::as_text(row.bytes) == std::to_string(row.place) && row.records == records_of(row.place) &&
              row.listener == "trackers" && row.codec == "native",
          "a row is what was written");
  }
}

void read_all(JournalSegment& segment) {
  JournalReader reader(segment, {.first = 1, .end = kRows}, JournalReader::Known{.last = kRows, .records = 0});
  std::uint64_t accounted = 0;
  Journal::Page page;
  while (page.read_to < kRows) {
    const std::int64_t after = page.read_to;
    page.rows.clear();
    page.lost.clear();
    const JournalReader::Wanted wanted{.after = after, .parts = {}, .max_rows = kRows, .max_bytes = 1U << 20};
    static_cast<void>(reader.read_cell(wanted, page));
    check(page.read_to > after, "reading goes on");
    check_rows(page, after);
    accounted += page.quarantined();
    for (const JournalRow& row : page.rows)
      accounted += row.records;
  }
  check(accounted == reader.records(), "each record is delivered or counted");
  check(accounted >= kRows, "no row goes without a trace");
}

void run(fuzz::Bytes input) {
  static const SegmentFile file;
  file.damage(input);
  try {
    const auto segment = JournalSegment::open_to_read(file.path(), kSalt, true, {});
    static_cast<void>(segment->read_meta());
    static_cast<void>(segment->read_position());
    read_all(*segment);
  } catch (const sqlite::Error& error) {
    check(error.content(), std::string("what damage does is known as damage, not as: ") + error.what());
  }
}

const fuzz::Target kTarget("journal_segment", run);

}  // namespace
