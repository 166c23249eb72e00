// Transaction: begins one, and makes sure that it ends.
//
// A Transaction that is destroyed while open (an exception passes, a kill) discards its connection: the server then
// rolls back by itself, and the destructor need not wait for an answer. Whoever wants to keep the connection after an
// error calls rollback().

#pragma once

#include "db/connection.h"

namespace db {

class Transaction {
 public:
  // Yields. Throws std::logic_error when a transaction is open on the connection already.
  explicit Transaction(Connection& connection, greenrt::Deadline deadline = greenrt::Deadline::never());
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  // Yields. When this throws an error that breaks the connection, nobody knows whether the transaction was committed.
  void commit(greenrt::Deadline deadline = greenrt::Deadline::never());
  // Yields.
  void rollback(greenrt::Deadline deadline = greenrt::Deadline::never());

  [[nodiscard]] bool open() const { return open_; }

 private:
  Connection& connection_;
  bool open_ = false;
};

}  // namespace db
