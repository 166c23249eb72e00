// The rooms of example 26: who is in which, and what was said there. Knows nothing of the web.
//
// Nothing here yields, so whoever calls sees each room as a whole, and all members get all messages in one order.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "greenrt/queue.h"

namespace chat {

inline constexpr std::size_t kHistory = 50;           // messages that a newcomer is shown
inline constexpr std::size_t kOutbox = 100;           // messages that a member may be behind
inline constexpr std::size_t kLongestName = 96;       // bytes, of a user or a room
inline constexpr std::size_t kLongestMessage = 8000;  // bytes, as it comes

// One text for all who get it.
using Text = std::shared_ptr<const std::string>;

// Somebody in a room. Whoever takes from the outbox sends it on; it is closed when the member is to go.
struct Member {
  std::string name;
  std::function<void()> cut;  // called when the member is too far behind: ends the connection at once
  greenrt::Queue<Text> outbox{kOutbox};
};

class Room {
 public:
  Room();
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;

  [[nodiscard]] bool has(const std::string& name) const { return members_.contains(name); }
  [[nodiscard]] bool empty() const { return members_.empty(); }

  // Greets the newcomer with the users and the history, and tells the others. The name must be free.
  void join(Member& member);
  void leave(Member& member);
  void say(const Member& member, std::string text);
  // Lets all members go once they have got what is in their outboxes.
  void close();

 private:
  struct Said {
    std::int64_t number;
    std::int64_t at;  // milliseconds since 1970
    std::string from;
    std::string text;
  };

  void tell_all(const std::string& text);

  std::int64_t born_;  // tells a room from an earlier one of the same name
  std::int64_t last_number_ = 0;
  std::map<std::string, Member*> members_;
  std::deque<Said> history_;
};

// Rooms by name, each there while somebody is in it.
class Rooms {
 public:
  // A member's stay.
  class Stay {
   public:
    Stay(Rooms& rooms, const std::string& room, Member& member);
    ~Stay();
    Stay(const Stay&) = delete;
    Stay& operator=(const Stay&) = delete;

    void say(std::string text) { room_->second->say(member_, std::move(text)); }

   private:
    Rooms& rooms_;
    std::map<std::string, std::unique_ptr<Room>>::iterator room_;
    Member& member_;
  };

  [[nodiscard]] bool is_taken(const std::string& room, const std::string& name) const;
  [[nodiscard]] std::size_t size() const { return rooms_.size(); }
  void close();

 private:
  std::map<std::string, std::unique_ptr<Room>> rooms_;
};

}  // namespace chat
