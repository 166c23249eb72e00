#include "examples/chat_room.h"

#include <nlohmann/json.hpp>

#include <utility>

namespace chat {

namespace {

using nlohmann::json;

std::int64_t now() {
  using std::chrono::milliseconds;
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<milliseconds>(since_1970).count();
}

}  // namespace

Room::Room() : born_(now()) {}

void Room::join(Member& member) {
  tell_all(json{{"type", "joined"}, {"name", member.name}}.dump());
  members_.emplace(member.name, &member);
  json users = json::array();
  for (const auto& [name, each] : members_)
    users.push_back(name);
  json history = json::array();
  for (const Said& said : history_)
    history.push_back({{"number", said.number}, {"at", said.at}, {"from", said.from}, {"text", said.text}});
  const json welcome{{"type", "welcome"}, {"born", born_}, {"users", users}, {"history", history}};
  member.outbox.put_nowait(std::make_shared<const std::string>(welcome.dump()));
}

void Room::leave(Member& member) {
  members_.erase(member.name);
  tell_all(json{{"type", "left"}, {"name", member.name}}.dump());
}

void Room::say(const Member& member, std::string text) {
  const Said& said = history_.emplace_back(Said{++last_number_, now(), member.name, std::move(text)});
  tell_all(json{{"type", "said"}, {"number", said.number}, {"at", said.at}, {"from", said.from}, {"text", said.text}}
               .dump());
  if (history_.size() > kHistory) history_.pop_front();
}

void Room::close() {
  for (const auto& [name, member] : members_)
    member->outbox.close();
}

void Room::tell_all(const std::string& text) {
  const auto shared = std::make_shared<const std::string>(text);
  for (const auto& [name, member] : members_) {
    if (member->outbox.closed()) continue;
    if (member->outbox.try_put(Text(shared))) continue;
    member->outbox.close();
    member->cut();
  }
}

Rooms::Stay::Stay(Rooms& rooms, const std::string& room, Member& member)
    : rooms_(rooms), room_(rooms.rooms_.try_emplace(room).first), member_(member) {
  if (!room_->second) room_->second = std::make_unique<Room>();
  room_->second->join(member);
}

Rooms::Stay::~Stay() {
  room_->second->leave(member_);
  if (room_->second->empty()) rooms_.rooms_.erase(room_);
}

bool Rooms::is_taken(const std::string& room, const std::string& name) const {
  const auto found = rooms_.find(room);
  return found != rooms_.end() && found->second->has(name);
}

void Rooms::close() {
  for (const auto& [name, room] : rooms_)
    room->close();
}

}  // namespace chat
