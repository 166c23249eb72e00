// The ways of making a greenlet.

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

#include "greenrt/greenlet.h"
#include "greenrt/hub.h"

using namespace std::chrono_literals;

void greet(const std::string& message, int times) {
  while (times-- > 0) {
    std::puts(message.c_str());
    greenrt::yield();
  }
}

struct Greeter {
  std::string name;
  void greet() const { std::printf("hello from %s\n", name.c_str()); }
};

// A class of one's own: state, methods, and a body. What the body leaves in value_ is its result.
class Countdown final : public greenrt::GreenletOf<int> {
 public:
  explicit Countdown(int from) : left_(from) { set_name("countdown"); }
  int left() const { return left_; }

 private:
  void run() override {
    for (; left_ > 0; --left_)
      greenrt::yield();
    value_ = 42;
  }

  int left_;
};

int main() {
  greenrt::Hub hub;
  hub.run([] {
    // A function with its arguments, which are copied or moved into the greenlet.
    greenrt::spawn(greet, "hello", 2)->join();

    // A lambda, whose captures live as long as the body; its value is fetched with get().
    const int base = 40;
    std::printf("the lambda returned %d\n", greenrt::spawn([base] { return base + 2; })->get());

    // A method.
    const Greeter greeter{"a method"};
    greenrt::spawn(&Greeter::greet, &greeter)->join();

    // What can only be moved.
    greenrt::spawn([](std::unique_ptr<int> number) { std::printf("moved in: %d\n", *number); },
                   std::make_unique<int>(7))
        ->join();

    // First made, later started.
    const auto later = greenrt::make_greenlet([] { std::puts("started by hand"); });
    later->start();
    later->join();

    // Started by the clock.
    greenrt::spawn_later(1ms, [] { std::puts("started by the clock"); })->join();

    // Of a class of one's own.
    const auto countdown = greenrt::spawn_new<Countdown>(3);
    greenrt::yield();
    std::printf("%s has %d left\n", countdown->name().c_str(), countdown->left());
    std::printf("and returned %d\n", countdown->get());
  });
}
