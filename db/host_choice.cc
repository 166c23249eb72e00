#include "db/host_choice.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace db {
namespace {

constexpr int kHangs = 2;

}  // namespace

HostChoice::HostChoice(std::vector<Endpoint> hosts) : hosts_(std::move(hosts)) {
  if (hosts_.empty()) throw std::invalid_argument("no database endpoint is given");
}

void HostChoice::leave(const Endpoint& host, const std::string& why) {
  if (!several() || host != current()) return;
  if (settled_ == current_) why_ = why;
  current_ = (current_ + 1) % hosts_.size();
  left_at_ = greenrt::Clock::now();
  hangs_ = 0;
  for (HostWatcher* watcher : watchers_)
    watcher->on_host_left();
}

void HostChoice::settle(const ServerProcess& server) {
  const auto before = std::exchange(settled_, current_);
  if (before && before != current_) {
    ++changes_;
    for (HostWatcher* watcher : watchers_)
      watcher->on_host_changed(hosts_[*before], current(), why_);
  }
  const auto server_before = std::exchange(server_, server);
  if (server_before && !is_same_process(*server_before, server)) note_loss();
  for (HostWatcher* watcher : watchers_)
    watcher->on_host_answers();
}

void HostChoice::note_end(const ServerProcess& server) {
  if (server_ && !is_same_process(*server_, server)) note_loss();
}

void HostChoice::note_commit(const Endpoint& host, greenrt::Clock::time_point time) {
  if (host == current()) {
    if (time > last_commit_) hangs_ = 0;
    last_commit_ = std::max(last_commit_, time);
  } else if (time >= left_at_) {
    note_loss();
  }
}

void HostChoice::note_hang(const Endpoint& host, greenrt::Clock::time_point begin) {
  if (host != current() || last_commit_ > begin || ++hangs_ < kHangs) return;
  leave(host, "it lets calls wait until they are given up, and commits nothing");
}

void HostChoice::note_loss() {
  ++losses_;
  for (HostWatcher* watcher : watchers_)
    watcher->on_loss();
}

HostWatcher::HostWatcher(std::shared_ptr<HostChoice> hosts) : hosts_(std::move(hosts)) {
  hosts_->watchers_.push_back(this);
}

HostWatcher::~HostWatcher() {
  std::erase(hosts_->watchers_, this);
}

}  // namespace db
