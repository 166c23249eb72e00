#include "greenrt/thread_pool.h"
#include <algorithm>
#include <system_error>

#include "greenrt/hub.h"
#include "greenrt/native_thread.h"

namespace greenrt {

ThreadPool::ThreadPool(std::size_t threads, Duration patience)
    : hub_(Hub::current()),
      limit_(std::max<std::size_t>(threads, 1)),
      patience_(patience),
      shared_(std::make_shared<Shared>()) {
  shared_->loop = hub_.loop();
  ev_async_init(&shared_->finished, &ThreadPool::on_finished);
  shared_->finished.data = this;
  ev_async_start(hub_.loop(), &shared_->finished);
  ev_unref(hub_.loop());
}

ThreadPool::~ThreadPool() {
  std::deque<std::shared_ptr<Job>> refused;
  bool all_returned = true;
  {
    std::unique_lock lock(shared_->mutex);
    shared_->loop = nullptr;
    refused.swap(shared_->waiting);
    shared_->available.notify_all();
    const auto none_running = [this] { return shared_->running.empty(); };
    if (patience_ == Duration::max()) {
      shared_->returned.wait(lock, none_running);
    } else {
      all_returned = shared_->returned.wait_for(lock, patience_, none_running);
    }
    refused.insert(refused.end(), shared_->running.begin(), shared_->running.end());
  }
  for (std::thread& thread : threads_)
    all_returned ? thread.join() : thread.detach();
  deliver();
  for (const auto& job : refused) {
    job->refused = true;
    settle(*job);
  }
  ev_ref(hub_.loop());
  ev_async_stop(hub_.loop(), &shared_->finished);
}

void ThreadPool::submit(std::shared_ptr<Job> job) {
  std::unique_lock lock(shared_->mutex);
  if (shared_->idle <= shared_->waiting.size() && threads_.size() < limit_) {
    lock.unlock();
    add_thread();
    lock.lock();
  }
  shared_->waiting.push_back(std::move(job));
  lock.unlock();
  shared_->available.notify_one();
  ++outstanding_;
  ev_ref(hub_.loop());
}

void ThreadPool::add_thread() {
  try {
    threads_.push_back(start_native_thread([shared = shared_] { shared->work(); }));
  } catch (const std::system_error&) {
    if (threads_.empty()) throw;
    // The threads that there are do the work, later.
  }
}

// A call that nobody waits for any more.
void ThreadPool::withdraw(const Job& job) {
  std::shared_ptr<Job> withdrawn;
  {
    const std::lock_guard lock(shared_->mutex);
    auto& waiting = shared_->waiting;
    const auto found =
        std::find_if(waiting.begin(), waiting.end(), [&](const auto& each) { return each.get() == &job; });
    if (found == waiting.end()) return;
    withdrawn = std::move(*found);
    waiting.erase(found);
  }
  settle(*withdrawn);
}

void ThreadPool::settle(Job& job) {
  --outstanding_;
  ev_unref(hub_.loop());
  job.done.set();
}

void ThreadPool::Shared::work() {
  std::unique_lock lock(mutex);
  while (true) {
    ++idle;
    available.wait(lock, [this] { return !loop || !waiting.empty(); });
    --idle;
    if (waiting.empty()) return;
    std::shared_ptr<Job> job = std::move(waiting.front());
    waiting.pop_front();
    running.push_back(job);
    lock.unlock();
    job->execute();
    lock.lock();
    std::erase(running, job);
    results.push_back(std::move(job));
    returned.notify_all();
    if (loop) ev_async_send(loop, &finished);
  }
}

void ThreadPool::on_finished(struct ev_loop*, ev_async* async, int) {
  static_cast<ThreadPool*>(async->data)->deliver();
}

void ThreadPool::deliver() {
  std::vector<std::shared_ptr<Job>> results;
  {
    const std::lock_guard lock(shared_->mutex);
    results.swap(shared_->results);
  }
  for (const auto& job : results)
    settle(*job);
}

}  // namespace greenrt
