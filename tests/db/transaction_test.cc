#include "db/transaction.h"

#include <stdexcept>

#include "tests/db/server_fixture.h"

namespace db {
namespace {

using namespace db::testing;

class Table {
 public:
  Table() : options_(tcp_options(server().new_database())), connection_(connect(options_)) {
    connection_->execute("CREATE TABLE t (a INT PRIMARY KEY)");
  }
  Connection& connection() { return *connection_; }
  std::int64_t rows() { return connect(options_)->query("SELECT COUNT(*) FROM t")[0].int64(0); }
  // Without waiting for locks, to see whether the server still holds them.
  bool insertable(int value) {
    try {
      connect(options_)->query("SET STATEMENT innodb_lock_wait_timeout=0 FOR INSERT INTO t VALUES (" +
                               std::to_string(value) + ")");
      return true;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), 1205u);
      return false;
    }
  }

 private:
  ConnectOptions options_;
  std::unique_ptr<Connection> connection_;
};

SERVER_TEST(Transaction, KeepsItsRowsAtCommit) {
  Table table;
  Transaction transaction(table.connection());
  EXPECT_TRUE(table.connection().in_transaction());
  table.connection().execute("INSERT INTO t VALUES (1)");
  EXPECT_EQ(table.rows(), 0);
  transaction.commit();
  EXPECT_FALSE(transaction.open());
  EXPECT_FALSE(table.connection().in_transaction());
  EXPECT_EQ(table.rows(), 1);
}

SERVER_TEST(Transaction, DropsItsRowsAtRollback) {
  Table table;
  Transaction transaction(table.connection());
  table.connection().execute("INSERT INTO t VALUES (1)");
  transaction.rollback();
  EXPECT_EQ(table.rows(), 0);
  EXPECT_FALSE(table.connection().broken());
}

SERVER_TEST(Transaction, GoesOnAfterARefusedRow) {
  Table table;
  Transaction transaction(table.connection());
  table.connection().execute("INSERT INTO t VALUES (1)");
  EXPECT_EQ(error_of([&] { table.connection().execute("INSERT INTO t VALUES (1)"); }).error_class(),
            ErrorClass::kDuplicate);
  EXPECT_TRUE(table.connection().in_transaction());
  transaction.commit();
  EXPECT_EQ(table.rows(), 1);
}

SERVER_TEST(Transaction, DiscardsItsConnectionWhenItIsLeftOpen) {
  Table table;
  try {
    const Transaction transaction(table.connection());
    table.connection().execute("INSERT INTO t VALUES (1)");
    throw std::runtime_error("something happens");
  } catch (const std::runtime_error&) {
    EXPECT_TRUE(table.connection().broken());
  }
  while (!table.insertable(1))
    greenrt::yield();
  EXPECT_EQ(table.rows(), 1) << "the server has rolled back the first attempt";
}

SERVER_TEST(Transaction, DoesNotNest) {
  Table table;
  const Transaction transaction(table.connection());
  EXPECT_THROW(Transaction(table.connection()), std::logic_error);
}

SERVER_TEST(Transaction, IsNotOpenWhenItCouldNotBegin) {
  Table table;
  table.connection().discard();
  EXPECT_THROW(Transaction(table.connection()), Error);
}

}  // namespace
}  // namespace db
