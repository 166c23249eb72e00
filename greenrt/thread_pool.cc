#include "greenrt/thread_pool.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <system_error>

#include "greenrt/hub.h"

namespace greenrt {

ThreadPool::ThreadPool(std::size_t threads) : hub_(Hub::current()), limit_(std::max<std::size_t>(threads, 1)) {
  ev_async_init(&finished_, &ThreadPool::on_finished);
  finished_.data = this;
  ev_async_start(hub_.loop(), &finished_);
  ev_unref(hub_.loop());
}

ThreadPool::~ThreadPool() {
  std::deque<std::shared_ptr<Job>> refused;
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    refused.swap(jobs_);
  }
  available_.notify_all();
  for (std::thread& thread : threads_)
    thread.join();
  deliver();
  for (const auto& job : refused) {
    job->exception = std::make_exception_ptr(Closed("the thread pool was closed"));
    settle(*job);
  }
  ev_ref(hub_.loop());
  ev_async_stop(hub_.loop(), &finished_);
}

void ThreadPool::submit(std::shared_ptr<Job> job) {
  std::unique_lock lock(mutex_);
  if (idle_ <= jobs_.size() && threads_.size() < limit_) {
    lock.unlock();
    add_thread();
    lock.lock();
  }
  jobs_.push_back(std::move(job));
  lock.unlock();
  available_.notify_one();
  ++outstanding_;
  ev_ref(hub_.loop());
}

void ThreadPool::add_thread() {
  // Signals belong to the hub's thread.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const struct Restore {
    ~Restore() { ::pthread_sigmask(SIG_SETMASK, &mask, nullptr); }
    const sigset_t& mask;
  } restore{before};
  try {
    threads_.emplace_back([this] { work(); });
  } catch (const std::system_error&) {
    if (threads_.empty()) throw;
    // The threads that there are do the work, later.
  }
}

// A call that nobody waits for any more.
void ThreadPool::withdraw(const Job& job) {
  std::shared_ptr<Job> withdrawn;
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(jobs_.begin(), jobs_.end(), [&](const auto& each) { return each.get() == &job; });
    if (found == jobs_.end()) return;
    withdrawn = std::move(*found);
    jobs_.erase(found);
  }
  settle(*withdrawn);
}

void ThreadPool::settle(Job& job) {
  --outstanding_;
  ev_unref(hub_.loop());
  job.done.set();
}

void ThreadPool::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    available_.wait(lock, [this] { return closing_ || !jobs_.empty(); });
    --idle_;
    if (jobs_.empty()) return;
    std::shared_ptr<Job> job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job->execute();
    lock.lock();
    results_.push_back(std::move(job));
    ev_async_send(hub_.loop(), &finished_);
  }
}

void ThreadPool::on_finished(struct ev_loop*, ev_async* async, int) {
  static_cast<ThreadPool*>(async->data)->deliver();
}

void ThreadPool::deliver() {
  std::vector<std::shared_ptr<Job>> results;
  {
    const std::lock_guard lock(mutex_);
    results.swap(results_);
  }
  for (const auto& job : results)
    settle(*job);
}

}  // namespace greenrt
