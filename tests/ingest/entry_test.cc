// The states of an entry, and who waits for them.

#include "ingest/entry.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/ingest/fakes.h"

namespace ingest {
namespace {

using namespace std::chrono_literals;
using testing::run_until_quiet;

HUB_TEST(Entry, WaitsUntilItIsDurable) {
  const EntryRef entry = Entry::make();
  auto waiter = greenrt::spawn([&] { return entry->wait_durable(); });
  run_until_quiet();
  EXPECT_FALSE(waiter->ready());
  EXPECT_FALSE(entry->durable());
  entry->set_durable();
  EXPECT_TRUE(waiter->get());
  EXPECT_TRUE(entry->durable());
  EXPECT_TRUE(entry->wait_durable()) << "at once, now";
}

HUB_TEST(Entry, SaysWhenItIsLost) {
  const EntryRef entry = Entry::make();
  auto waiter = greenrt::spawn([&] { return entry->wait_durable(); });
  run_until_quiet();
  entry->set_lost();
  EXPECT_FALSE(waiter->get());
  EXPECT_FALSE(entry->durable());
  EXPECT_FALSE(entry->wait_stored(greenrt::Deadline::never()).has_value());
}

HUB_TEST(Entry, WaitsUntilItsRecordsHaveEnded) {
  const EntryRef entry = Entry::make();
  auto waiter = greenrt::spawn([&] { return entry->wait_stored(greenrt::Deadline::never()); });
  entry->set_durable();
  run_until_quiet();
  EXPECT_FALSE(waiter->ready());
  entry->set_stored({.duplicate = 2});
  ASSERT_TRUE(waiter->get().has_value());
  EXPECT_EQ(waiter->get()->duplicate, 2u);
  EXPECT_TRUE(entry->durable());
}

HUB_TEST(Entry, ThatIsLeftBehindHasNoOutcome) {
  const EntryRef entry = Entry::make();
  entry->set_durable();
  entry->leave_behind();
  EXPECT_FALSE(entry->wait_stored(greenrt::Deadline::never()).has_value());
  EXPECT_TRUE(entry->durable());
}

HUB_TEST(Entry, IsWaitedForUntilTheDeadline) {
  const EntryRef entry = Entry::make();
  entry->set_durable();
  EXPECT_FALSE(entry->wait_stored(0s).has_value());
}

HUB_TEST(Entry, GoesNoOtherWay) {
  const EntryRef entry = Entry::make();
  EXPECT_THROW(entry->set_stored({}), std::logic_error) << "it is not durable";
  EXPECT_THROW(entry->leave_behind(), std::logic_error);
  entry->set_durable();
  EXPECT_THROW(entry->set_lost(), std::logic_error);
  EXPECT_THROW(entry->set_durable(), std::logic_error);
  entry->set_stored({});
  EXPECT_THROW(entry->set_stored({}), std::logic_error) << "its records end once";
  EXPECT_THROW(entry->leave_behind(), std::logic_error);
}

HUB_TEST(Entry, IsNewWhenItIsUsedAgain) {
  EntryRef entry = Entry::make();
  entry->place = 7;
  entry->domain = 8;
  entry->set_durable();
  entry->set_stored({.stored = 1});
  const Entry* const first = entry.get();
  entry = nullptr;
  entry = Entry::make();
  ASSERT_EQ(entry.get(), first) << "the one that was given back last";
  EXPECT_EQ(entry->place, 0);
  EXPECT_EQ(entry->domain, 0u);
  EXPECT_FALSE(entry->durable());
  entry->set_lost();
}

}  // namespace
}  // namespace ingest
