#include "db/host_choice.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace db {

HostChoice::HostChoice(std::vector<Endpoint> hosts) : hosts_(std::move(hosts)) {
  if (hosts_.empty()) throw std::invalid_argument("no database endpoint is given");
}

void HostChoice::leave(const Endpoint& host, const std::string& why) {
  if (!several() || host != current()) return;
  if (settled_ == current_) why_ = why;
  current_ = (current_ + 1) % hosts_.size();
  for (HostWatcher* watcher : watchers_)
    watcher->on_host_left();
}

void HostChoice::settle() {
  const auto before = std::exchange(settled_, current_);
  if (!before || before == current_) return;
  ++changes_;
  for (HostWatcher* watcher : watchers_)
    watcher->on_host_changed(hosts_[*before], current(), why_);
  note_loss();
}

void HostChoice::note_loss() {
  if (!several()) return;
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
