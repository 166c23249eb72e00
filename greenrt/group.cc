#include "greenrt/group.h"

#include <stdexcept>

#include "greenrt/hub.h"

namespace greenrt {

Group::~Group() {
  for (Member& member : members_)
    member.greenlet->waiters().remove(member);
  members_.clear();
}

std::vector<GreenletRef> Group::members() const {
  std::vector<GreenletRef> all;
  all.reserve(size());
  for (const Member& member : members_)
    all.push_back(member.greenlet);
  return all;
}

void Group::add(const GreenletRef& greenlet) {
  if (contains(greenlet.get()) || greenlet->ready()) return;
  Place place(*this);
  place.take(greenlet);
}

void Group::insert(const GreenletRef& greenlet) {
  // It may have ended, or have come in by another way, while its adder waited for a place.
  if (greenlet->ready() || contains(greenlet.get())) return leave_place();
  Member& member = by_greenlet_.try_emplace(greenlet.get(), greenlet).first->second;
  members_.push_back(member);
  greenlet->waiters().add(member, *this);
  if (killers_ > 0) greenlet->kill_soon();
}

void Group::remove(Member& member) {
  members_.erase(members_.iterator_to(member));
  const GreenletRef greenlet = member.greenlet;
  by_greenlet_.erase(greenlet.get());
  leave_place();
  if (empty()) emptied_.wake_all();
  if (size() <= 1) nearly_emptied_.wake_all();
}

void Group::discard(const Greenlet& greenlet) {
  const auto found = by_greenlet_.find(&greenlet);
  if (found == by_greenlet_.end()) return;
  found->second.greenlet->waiters().remove(found->second);
  remove(found->second);
}

void Group::require_outsider() const {
  if (contains(current())) throw std::logic_error("a member of a group cannot wait for the group's end");
}

bool Group::join(Deadline deadline) {
  require_outsider();
  if (empty()) return true;
  WaitList::Waiter waiter;
  return emptied_.wait(waiter, "Group", deadline);
}

bool Group::join_or_throw(Deadline deadline) {
  require_outsider();
  for (const GreenletRef& each : iwait(members(), deadline)) {
    if (each->failed()) std::rethrow_exception(each->exception());
  }
  return join(deadline);
}

bool Group::only_current_is_left() const {
  return empty() || (size() == 1 && contains(current()));
}

bool Group::kill(Deadline deadline) {
  const struct Killing {
    explicit Killing(std::size_t& its_killers) : killers(its_killers) { ++killers; }
    ~Killing() { --killers; }
    std::size_t& killers;
  } killing(killers_);
  for (const GreenletRef& each : members()) {
    if (each.get() != current()) each->kill_soon();
  }
  while (!only_current_is_left()) {
    WaitList::Waiter waiter;
    if (!nearly_emptied_.wait(waiter, "Group", deadline)) return only_current_is_left();
  }
  return true;
}

}  // namespace greenrt
