// Semaphore, BoundedSemaphore, RLock, Condition.

#include <cstdio>
#include <deque>
#include <mutex>
#include <stdexcept>

#include "greenrt/condition.h"
#include "greenrt/greenlet.h"
#include "greenrt/group.h"
#include "greenrt/hub.h"
#include "greenrt/rlock.h"
#include "greenrt/semaphore.h"

// Two permits: two greenlets at a time.
void semaphore() {
  greenrt::Semaphore permits(2);
  greenrt::Group group;
  for (int number = 1; number <= 3; ++number) {
    group.spawn([&permits, number] {
      const greenrt::Permit permit(permits);
      std::printf("worker %d has a permit\n", number);
      greenrt::yield();
      std::printf("worker %d gives it back\n", number);
    });
  }
  group.join();
  std::printf("%zu permits are left\n", permits.permits());
}

// Finds the mistake of releasing too often.
void bounded_semaphore() {
  greenrt::BoundedSemaphore permits(1);
  permits.acquire();
  permits.release();
  try {
    permits.release();
  } catch (const std::logic_error& error) {
    std::puts(error.what());
  }
}

// The greenlet that holds it may enter again: here, one method calls another.
class Account {
 public:
  void deposit(int amount) {
    const std::lock_guard guard(lock_);
    const int before = balance_;
    greenrt::yield();  // whatever it waits for, nobody else comes between
    balance_ = before + amount;
  }
  void transfer(Account& to, int amount) {
    const std::lock_guard guard(lock_);
    deposit(-amount);
    to.deposit(amount);
  }
  int balance() const { return balance_; }

 private:
  greenrt::RLock lock_;
  int balance_ = 0;
};

void rlock() {
  Account one;
  Account other;
  greenrt::Group group;
  for (int times = 0; times < 10; ++times) {
    group.spawn([&] { one.deposit(10); });
    group.spawn([&] { one.transfer(other, 3); });
  }
  group.join();
  std::printf("balances: %d and %d\n", one.balance(), other.balance());
}

// Wait, without the lock, until another greenlet has changed what the lock guards.
void condition() {
  greenrt::Condition changed;
  std::deque<int> jobs;
  const auto worker = greenrt::spawn([&] {
    for (int done = 0; done < 2; ++done) {
      const std::lock_guard guard(changed.lock());
      changed.wait_for([&] { return !jobs.empty(); });
      std::printf("job %d\n", jobs.front());
      jobs.pop_front();
    }
  });
  for (const int job : {1, 2}) {
    greenrt::yield();
    const std::lock_guard guard(changed.lock());
    jobs.push_back(job);
    changed.notify();
  }
  worker->join();
}

int main() {
  greenrt::Hub hub;
  hub.run([] {
    semaphore();
    bounded_semaphore();
    rlock();
    condition();
  });
}
