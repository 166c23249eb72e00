// Long polling: a request for the next message waits until there is one, or for a while.

#include <boost/beast/http.hpp>

#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <ranges>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "examples/web.h"
#include "greenrt/deadline.h"
#include "greenrt/event.h"
#include "greenrt/greenlet.h"
#include "greenrt/group.h"
#include "greenrt/hub.h"

using namespace std::chrono_literals;
namespace http = web::http;

// POST /messages adds one; GET /messages?after=N answers with the one after the first N: 204 when none comes in time.
class Board {
 public:
  explicit Board(std::chrono::milliseconds patience) : patience_(patience) {}

  void operator()(web::Exchange& exchange) {
    if (exchange.path() != "/messages") return exchange.respond(web::text("", http::status::not_found));
    if (exchange.request().method() == http::verb::post) return post(exchange);
    wait_for_next(exchange);
  }

  std::size_t waiting() { return arrived_.waiters().size(); }

 private:
  void post(web::Exchange& exchange) {
    messages_.push_back(exchange.request().body());
    arrived_.set();  // wakes all who wait now
    arrived_.clear();
    exchange.respond(web::text("", http::status::created));
  }

  void wait_for_next(web::Exchange& exchange) {
    const std::string_view text = exchange.parameter("after");
    const char* const text_end = text.data() + text.size();
    std::size_t after = 0;
    const auto [end, error] = std::from_chars(text.data(), text_end, after);
    if (error != std::errc() || end != text_end)
      return exchange.respond(web::text("after what?", http::status::bad_request));

    const greenrt::Deadline deadline(patience_);
    while (messages_.size() <= after && arrived_.wait(deadline)) {
    }
    if (messages_.size() > after) return exchange.respond(web::text(messages_[after]));
    exchange.respond(web::Response(http::status::no_content, 11));
  }

  std::chrono::milliseconds patience_;
  std::vector<std::string> messages_;
  greenrt::Event arrived_;
};

void show(const web::Response& response) {
  std::printf("%u %s\n", response.result_int(), response.body().c_str());
}

void one_after_the_other() {
  Board board(20ms);
  auto server = web::make_server([&board](web::Exchange& exchange) { board(exchange); });
  server.start();
  web::Client client(server.address());
  show(client.get("/messages?after=0"));
  show(client.ask(http::verb::post, "/messages", "hello"));
  show(client.get("/messages?after=0"));
  show(client.get("/messages?after=1"));
  show(client.get("/messages?after=soon"));
}

void many_who_wait() {
  Board board(10s);
  auto server = web::make_server([&board](web::Exchange& exchange) { board(exchange); });
  server.start();
  greenrt::Group group;
  std::size_t told = 0;
  for (int reader = 0; reader < 100; ++reader)
    group.spawn([&] { told += web::Client(server.address()).get("/messages?after=0").body() == "news"; });
  while (board.waiting() < 100)
    greenrt::sleep(1ms);
  std::printf("waiting: %zu, told: %zu\n", board.waiting(), told);
  web::Client(server.address()).ask(http::verb::post, "/messages", "news");
  group.join_or_throw();
  std::printf("waiting: %zu, told: %zu\n", board.waiting(), told);
}

int main() {
  greenrt::Hub hub;
  hub.run([] {
    one_after_the_other();
    many_who_wait();
  });
}
