// Group: greenlets that are joined or killed together. A greenlet leaves its group when it ends.
//
//   Group group;
//   for (const auto& host : hosts) group.spawn(ping, host);
//   group.join(10s);
//
// Members keep the order in which they came. Destroying a group lets its members run on: join() or kill() first when
// they use what goes with it.
//
// Pool, in pool.h, is a group with a limit.

#pragma once

#include <boost/intrusive/list.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "greenrt/deadline.h"
#include "greenrt/greenlet.h"
#include "greenrt/imap.h"
#include "greenrt/iwait.h"
#include "greenrt/wait_list.h"

namespace greenrt {

class Group : private WaitList::Observer {
 public:
  Group() = default;
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  virtual ~Group();

  [[nodiscard]] std::size_t size() const { return members_.size(); }
  [[nodiscard]] bool empty() const { return members_.empty(); }
  [[nodiscard]] bool contains(const Greenlet* greenlet) const { return by_greenlet_.contains(greenlet); }
  [[nodiscard]] std::vector<GreenletRef> members() const;

  // Makes a greenlet a member, unless it is one or has ended. While the group is being killed, so is the greenlet. In a
  // Pool, yields until there is room.
  void add(const GreenletRef& greenlet);
  // Lets a member go; it runs on. Never yields.
  void discard(const Greenlet& greenlet);

  // Starts a member. Throws TooManyGreenlets. In a Pool, yields until there is room.
  template <typename Callable, typename... Args>
  auto spawn(Callable&& callable, Args&&... args) {
    Place place(*this);
    auto greenlet = greenrt::spawn(std::forward<Callable>(callable), std::forward<Args>(args)...);
    place.take(greenlet);
    return greenlet;
  }

  // Calls `callable` in a member and returns what it returns, as does GreenletOf::get(). In a member of this group it
  // is called right there, so that a pool whose members wait for others cannot fill up with those that wait.
  template <typename Callable, typename... Args>
  auto apply(Callable&& callable, Args&&... args) {
    using Result = std::decay_t<std::invoke_result_t<Callable, Args...>>;
    if (contains(current())) return Result(std::invoke(std::forward<Callable>(callable), std::forward<Args>(args)...));
    const auto greenlet = spawn(std::forward<Callable>(callable), std::forward<Args>(args)...);
    if constexpr (std::is_void_v<Result>) {
      greenlet->get();
    } else {
      return Result(std::move(greenlet->get()));
    }
  }

  // Yields until the group has been empty (true), or until the deadline (false). Throws std::logic_error in a member.
  bool join(Deadline deadline = Deadline::never());
  // The same, but throws what a greenlet that is a member now fails with, as soon as it does.
  bool join_or_throw(Deadline deadline = Deadline::never());

  // Kills all members, and whoever joins meanwhile, and yields until there are none (true), or until the deadline
  // (false). A member that calls it is spared.
  bool kill(Deadline deadline = Deadline::never());

  // Calls function(item) for each item of the range, each in a member of its own, and returns the results in the order
  // of the items. Throws the first failure at once.
  template <typename Range, typename Function>
  auto map(Range&& range, Function function) {
    using Result = std::decay_t<decltype(function(*std::begin(range)))>;
    std::vector<Ref<GreenletOf<Result>>> all;
    for (auto&& item : range)
      all.push_back(spawn(function, item));
    return get_all(all);
  }

  // The same, one result at a time: see imap.h. At most `ahead` items are worked on or wait for the caller.
  template <typename Items, typename Function>
  auto imap(Items items, Function function, std::size_t ahead = kUnlimited) {
    return make_imap<ImapOrder::kOfItems>(std::move(items), std::move(function), ahead);
  }
  template <typename Items, typename Function>
  auto imap_unordered(Items items, Function function, std::size_t ahead = kUnlimited) {
    return make_imap<ImapOrder::kOfEnding>(std::move(items), std::move(function), ahead);
  }

  static constexpr std::size_t kUnlimited = ImapLimits::kUnlimited;

 protected:
  // For Pool: called before a member is added, and after one has left or was not added after all.
  virtual void take_place() {}
  virtual void leave_place() noexcept {}

 private:
  struct Member : WaitList::Waiter {
    explicit Member(GreenletRef its_greenlet) : greenlet(std::move(its_greenlet)) {}
    GreenletRef greenlet;
    boost::intrusive::list_member_hook<> hook;
  };

  // A place that was taken, until a greenlet has it.
  class Place {
   public:
    explicit Place(Group& group) : group_(&group) { group.take_place(); }
    ~Place() {
      if (group_) group_->leave_place();
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    void take(const GreenletRef& greenlet) { std::exchange(group_, nullptr)->insert(greenlet); }

   private:
    Group* group_;
  };

  template <ImapOrder kOrder, typename Items, typename Function>
  auto make_imap(Items items, Function function, std::size_t ahead) {
    using Result = std::decay_t<decltype(function(*std::begin(items)))>;
    return Imap<Result>(
        std::move(items), [this, function](auto&& item) { return spawn(function, std::forward<decltype(item)>(item)); },
        kOrder, ahead);
  }

  void insert(const GreenletRef& greenlet);
  void remove(Member& member);
  void woken(WaitList::Waiter& waiter) noexcept override { remove(static_cast<Member&>(waiter)); }
  void require_outsider() const;
  [[nodiscard]] bool only_current_is_left() const;

  std::unordered_map<const Greenlet*, Member> by_greenlet_;
  boost::intrusive::list<Member,
                         boost::intrusive::member_hook<Member, boost::intrusive::list_member_hook<>, &Member::hook>>
      members_;
  std::size_t killers_ = 0;
  WaitList emptied_;
  WaitList nearly_emptied_;  // at most one is left, who may be the one that waits
};

}  // namespace greenrt
