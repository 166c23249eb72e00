#include "db/transaction.h"

#include <stdexcept>

namespace db {

Transaction::Transaction(Connection& connection, greenrt::Deadline deadline) : connection_(connection) {
  if (connection_.in_transaction()) throw std::logic_error("a transaction is open on the connection already");
  connection_.execute("START TRANSACTION", deadline);
  open_ = true;
}

Transaction::~Transaction() {
  if (open_) connection_.discard();
}

void Transaction::commit(greenrt::Deadline deadline) {
  connection_.execute("COMMIT", deadline);
  connection_.last_commit_ = greenrt::Clock::now();
  open_ = false;
}

void Transaction::rollback(greenrt::Deadline deadline) {
  connection_.execute("ROLLBACK", deadline);
  open_ = false;
}

}  // namespace db
