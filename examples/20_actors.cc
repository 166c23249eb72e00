// Actors: greenlets with an inbox, that share nothing and talk by messages.

#include <cstdio>
#include <string>
#include <utility>

#include "greenrt/greenlet.h"
#include "greenrt/hub.h"
#include "greenrt/queue.h"

class Actor : public greenrt::GreenletOf<void> {
 public:
  // Never waits: the inbox has no bound.
  void send(std::string message) { inbox_.put(std::move(message)); }
  // Ends the actor once it has worked off what it was sent before.
  void stop() { inbox_.close(); }

 protected:
  // Called for each message, one at a time.
  virtual void receive(const std::string& message) = 0;

 private:
  void run() override {
    for (const std::string& message : inbox_)
      receive(message);
  }

  greenrt::Queue<std::string> inbox_;
};

class Player final : public Actor {
 public:
  Player(const char* name, std::string says, int strokes)
      : name_(name), says_(std::move(says)), strokes_left_(strokes) {}

  void play_with(Player& partner) { partner_ = &partner; }

 private:
  void receive(const std::string& message) override {
    std::printf("%s received %s\n", name_, message.c_str());
    if (strokes_left_-- > 0) {
      partner_->send(says_);
    } else {
      partner_->stop();
      stop();
    }
  }

  const char* name_;
  std::string says_;
  int strokes_left_;
  Player* partner_ = nullptr;
};

int main() {
  greenrt::Hub hub;
  hub.run([] {
    const auto pinger = greenrt::spawn_new<Player>("pinger", "ping", 3);
    const auto ponger = greenrt::spawn_new<Player>("ponger", "pong", 2);
    pinger->play_with(*ponger);
    ponger->play_with(*pinger);
    pinger->send("start");
    greenrt::join_all({pinger, ponger});
    std::puts("the game is over");
  });
}
