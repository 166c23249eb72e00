#include "greenrt/thread_pool.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>

#include "greenrt/hub.h"

namespace greenrt {

ThreadPool::ThreadPool(std::size_t threads) : hub_(Hub::current()), limit_(std::max<std::size_t>(threads, 1)) {
  ev_async_init(&finished_, &ThreadPool::on_finished);
  finished_.data = this;
  ev_async_start(hub_.loop(), &finished_);
  ev_unref(hub_.loop());
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    jobs_.clear();
  }
  available_.notify_all();
  for (std::thread& thread : threads_)
    thread.join();
  for (; outstanding_ > 0; --outstanding_)
    ev_unref(hub_.loop());
  ev_ref(hub_.loop());
  ev_async_stop(hub_.loop(), &finished_);
}

void ThreadPool::submit(std::shared_ptr<Job> job) {
  bool grow = false;
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
    grow = idle_ < jobs_.size() && threads_.size() < limit_;
  }
  if (grow) {
    // Signals belong to the hub's thread.
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    threads_.emplace_back([this] { work(); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  available_.notify_one();
  ++outstanding_;
  ev_ref(hub_.loop());
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
  for (const auto& job : results) {
    --outstanding_;
    ev_unref(hub_.loop());
    job->done.set();
  }
}

}  // namespace greenrt
