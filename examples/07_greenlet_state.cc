// What can be asked of a greenlet, before and after its end, and what becomes of a failure.

#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>

#include "greenrt/greenlet.h"
#include "greenrt/hub.h"

void show(const char* when, const greenrt::Greenlet& greenlet) {
  std::printf("%-22s started %d  ready %d  successful %d  exception %s\n", when, greenlet.started(), greenlet.ready(),
              greenlet.successful(), greenlet.exception() ? "yes" : "no");
}

int main() {
  greenrt::Hub hub;
  // A failure is reported once, by default to stderr, and kept for those who ask.
  hub.set_error_handler([](std::string_view context, const std::exception_ptr&) {
    std::printf("the hub reports that %s failed\n", std::string(context).c_str());
  });
  hub.run([] {
    const auto winner = greenrt::make_greenlet([] { return std::string("you win!"); });
    show("winner, made", *winner);
    winner->start();
    show("winner, started", *winner);
    winner->join();
    show("winner, ended", *winner);
    std::printf("value: %s\n", winner->value().c_str());

    const auto loser = greenrt::spawn([] { throw std::runtime_error("you fail at failing"); });
    loser->set_name("loser");
    loser->join();  // never throws what the greenlet failed with
    show("loser, ended", *loser);
    try {
      loser->get();  // does
    } catch (const std::runtime_error& error) {
      std::printf("get() threw: %s\n", error.what());
    }

    const auto victim = greenrt::spawn([] { greenrt::sleep(std::chrono::hours(1)); });
    greenrt::yield();
    victim->kill();
    show("victim, killed", *victim);  // a kill is no failure

    winner->link([](greenrt::Greenlet& ended) { std::printf("a link is called, ready %d\n", ended.ready()); });
    greenrt::yield();  // to the hub, which starts a greenlet for the link
    greenrt::yield();  // to that greenlet
  });
}
