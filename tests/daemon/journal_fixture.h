// What the tests of the journal share: a folder that is gone afterwards, entries as the pipeline makes them, and a
// journal that remembers how they ended.

#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/journal.h"
#include "ingest/origin.h"
#include "tests/ingest/fakes.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/temp_folder.h"

namespace hilera::testing {

class JournalDirectory {
 public:
  [[nodiscard]] std::string path() const { return root_.path() + "/journal"; }

  // The segments' databases, in order.
  [[nodiscard]] std::vector<std::filesystem::path> segments() const { return files(path()); }
  [[nodiscard]] std::vector<std::filesystem::path> quarantined() const {
    const std::filesystem::path quarantine = std::filesystem::path(path()) / "quarantine";
    return std::filesystem::exists(quarantine) ? files(quarantine) : std::vector<std::filesystem::path>{};
  }

 private:
  static std::vector<std::filesystem::path> files(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> found;
    for (const auto& file : std::filesystem::directory_iterator(folder))
      if (file.path().extension() == ".db") found.push_back(file.path());
    std::sort(found.begin(), found.end());
    return found;
  }

  testing_support::TempFolder root_;
};

inline constexpr std::int64_t kFirstArrival = 1'770'000'000'000'000;  // 2026-02-02 02:40:00 UTC

// An entry with `records` records, as it is after decoding.
inline ingest::EntryRef entry(std::string_view text, std::uint32_t domain = 0, std::uint32_t records = 1) {
  static const ingest::testing::TextCodec codec;
  static const ingest::Origin origin{.listener = "trackers", .codec = &codec};
  static std::int64_t arrival = kFirstArrival;
  ingest::EntryRef made = ingest::Entry::make();
  made->datagram.origin = &origin;
  made->datagram.arrival = arrival++;
  made->datagram.path.peer = ingest::testing::loopback("192.0.2.7", 4000);
  const auto bytes = ingest::as_bytes(text);
  made->datagram.bytes.assign(bytes.begin(), bytes.end());
  made->decoded.clear();
  made->decoded.verdict = ingest::Verdict::kRecords;
  made->decoded.auth_level = ingest::AuthLevel::kMac;
  made->decoded.records.resize(records);
  made->domain = domain;
  return made;
}

// A journal, and how its entries ended.
class TestJournal {
 public:
  explicit TestJournal(const JournalOptions& options)
      : journal_(options, [this](std::span<const ingest::EntryRef> entries, bool durable) {
          for (const auto& each : entries) {
            (durable ? durable_ : lost_).push_back(each->place);
            durable ? each->set_durable() : each->set_lost();
          }
        }) {}
  explicit TestJournal(const JournalDirectory& directory)
      : TestJournal(JournalOptions{.directory = directory.path()}) {}

  Journal& operator*() { return journal_; }
  Journal* operator->() { return &journal_; }

  ingest::EntryRef append(std::string_view text, std::uint32_t domain = 0, std::uint32_t records = 1) {
    ingest::EntryRef made = entry(text, domain, records);
    journal_.append(made);
    return made;
  }
  // Each number from `first` to `last` as text, in groups of `group` that are committed together at best.
  void append_numbers(int first, int last, int group = 100, std::uint32_t domains = 4) {
    for (int number = first; number <= last; ++number) {
      append(std::to_string(number), static_cast<std::uint32_t>(number) % domains);
      if (number % group == 0) flush();
    }
    flush();
  }
  void flush() { ASSERT_TRUE(journal_.flush(std::chrono::seconds(30))); }

  [[nodiscard]] const std::vector<std::int64_t>& durable() const { return durable_; }
  [[nodiscard]] const std::vector<std::int64_t>& lost() const { return lost_; }

  struct Everything {
    std::vector<JournalRow> rows;
    std::uint64_t quarantined = 0;
    [[nodiscard]] std::vector<std::string> texts() const {
      std::vector<std::string> texts;
      for (const JournalRow& row : rows)
        texts.emplace_back(ingest::as_text(row.bytes));
      return texts;
    }
  };
  // All that the part has behind `after`, page by page.
  Everything read(std::int64_t after = 0, std::uint32_t part = 0, std::uint32_t parts = 1, std::size_t max_rows = 100) {
    Everything all;
    while (true) {
      Journal::Page page = journal_.read(after, JournalParts::one(part, parts), max_rows, 1 << 20);
      EXPECT_GE(page.read_to, after);
      EXPECT_LE(page.read_to, journal_.durable_place());
      EXPECT_LE(page.rows.size(), max_rows);
      all.quarantined += page.quarantined();
      for (JournalRow& row : page.rows) {
        EXPECT_GT(row.place, all.rows.empty() ? after : all.rows.back().place);
        all.rows.push_back(std::move(row));
      }
      if (page.read_to == after || page.read_to == journal_.durable_place()) return all;
      after = page.read_to;
    }
  }

 private:
  std::vector<std::int64_t> durable_;
  std::vector<std::int64_t> lost_;
  Journal journal_;
};

inline std::vector<std::string> numbers(int first, int last) {
  std::vector<std::string> texts;
  for (int number = first; number <= last; ++number)
    texts.push_back(std::to_string(number));
  return texts;
}

}  // namespace hilera::testing
