// An HTTP server: a greenlet for each connection, and a function from requests to answers.

#include <boost/beast/http.hpp>

#include <chrono>
#include <cstdio>
#include <ranges>
#include <string>

#include "examples/web.h"
#include "greenrt/group.h"
#include "greenrt/hub.h"

using namespace std::chrono_literals;
namespace http = web::http;

web::Response application(const web::Request& request) {
  if (request.target() == "/") return web::text("Hello World!\n");
  if (request.target() == "/notes" && request.method() == http::verb::post)
    return web::text("noted: " + request.body() + "\n", http::status::created);
  return web::text("Not Found\n", http::status::not_found);
}

void show(const char* what, const web::Response& response) {
  const bool keeps = response.keep_alive();
  std::printf("%s: %u, %s bytes, %s", what, response.result_int(),
              std::string(response[http::field::content_length]).c_str(), keeps ? "may go on" : "ends");
  std::printf(response.body().empty() ? "\n" : ": %s", response.body().c_str());
}

// What comes back for bytes that no client of ours would send.
web::Response ask_raw(const greenrt::SocketAddress& server, const std::string& bytes) {
  web::Client client(server);
  client.stream().stream().write_all(bytes, 10s);
  web::Response response;
  http::read(client.stream(), client.buffer(), response);
  return response;
}

int main() {
  greenrt::Hub hub;
  hub.run([] {
    auto server = web::make_server(web::answering(application));
    server.start();

    web::Client client(server.address());  // one connection for all of these
    show("GET /", client.get("/"));
    show("HEAD /", client.ask(http::verb::head, "/"));
    show("GET /nowhere", client.get("/nowhere"));
    show("POST /notes", client.ask(http::verb::post, "/notes", "buy milk"));
    std::printf("connections: %zu\n", server.serving());

    show("garbage", ask_raw(server.address(), "Hello, are you there?\r\n\r\n"));
    show("no host", ask_raw(server.address(), "GET / HTTP/1.1\r\n\r\n"));
    show("a long header", ask_raw(server.address(), "GET /" + std::string(10'000, 'a') + " HTTP/1.1\r\n\r\n"));
    show("a long body",
         ask_raw(server.address(), "POST /notes HTTP/1.1\r\nHost: here\r\nContent-Length: 1000000\r\n\r\n"));

    greenrt::Group many;
    int answered = 0;
    const auto ask = [&](int) { return web::Client(server.address()).get("/").result() == http::status::ok; };
    for (const bool is_ok : many.map(std::views::iota(0, 100), ask))
      answered += is_ok;
    std::printf("a hundred clients at once, answered: %d\n", answered);
    std::printf("stopped with nobody left: %d\n", server.stop(0s));  // our first connection is still open
  });
}
