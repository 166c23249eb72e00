#include "daemon/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "greenrt/event.h"
#include "greenrt/greenlet.h"
#include "greenrt/stream.h"
#include "tests/daemon/run_in_hub.h"

namespace hilera {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr auto kTestLimit = 30s;  // for what must come; reached only when something is broken

class Client {
 public:
  explicit Client(const HttpServer& server) : stream_(greenrt::Stream::connect(server.local_address(), kTestLimit)) {}

  void send(std::string_view bytes) { stream_.write_all(bytes, kTestLimit); }

  // All that comes until the server closes.
  std::string rest() {
    std::string text;
    std::array<std::byte, 4096> buffer;
    try {
      while (const std::size_t size = stream_.read_some(buffer, kTestLimit)) {
        text.append(reinterpret_cast<const char*>(buffer.data()), size);
      }
    } catch (const std::system_error& error) {
      text.append("[").append(error.code().message()).append("]");
    }
    return text;
  }

  // One answer with its body, on a connection that stays.
  std::string answer() {
    std::string text;
    std::array<std::byte, 1> byte;
    while (text.find("\r\n\r\n") == std::string::npos) {
      if (stream_.read_some(byte, kTestLimit) == 0) return text + "[end]";
      text += static_cast<char>(byte[0]);
    }
    const auto length = text.find("Content-Length: ");
    for (auto left = std::stoul(text.substr(length + 16)); left > 0; --left) {
      stream_.read_some(byte, kTestLimit);
      text += static_cast<char>(byte[0]);
    }
    return text;
  }

  greenrt::Stream& stream() { return stream_; }

 private:
  greenrt::Stream stream_;
};

HttpConfig config() {
  HttpConfig config;
  config.port = 0;
  config.allowed_hosts = {"collector.example"};
  return config;
}

HttpServer::Routes routes() {
  return {
      {"/metrics", [](const HttpRequest&) { return HttpResponse{.content_type = "text/x-test", .body = "numbers\n"}; }},
      {"/echo", [](const HttpRequest& request) { return HttpResponse{.body = std::string(request.query)}; }},
      {"/broken", [](const HttpRequest&) -> HttpResponse { throw std::runtime_error("internal detail"); }},
      {"/readyz", [](const HttpRequest&) { return HttpResponse{.status = 503, .body = "no database\n"}; }},
  };
}

std::string ask(const HttpServer& server, const std::string& request) {
  Client client(server);
  client.send(request);
  return client.rest();
}

std::string get(const HttpServer& server, const std::string& target, const std::string& host = "localhost") {
  return ask(server, "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n");
}

void with_server(const HttpConfig& config, const std::function<void(HttpServer&)>& body) {
  run_in_hub([&] {
    HttpServer server(config, routes());
    server.start();
    body(server);
    server.stop(kTestLimit);
    EXPECT_EQ(server.connections().connections(), 0U);
  });
}

TEST(HttpServer, AnswersARoute) {
  with_server(config(), [](HttpServer& server) {
    EXPECT_THAT(get(server, "/metrics"),
                AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("\r\nContent-Type: text/x-test\r\n"),
                      HasSubstr("\r\nContent-Length: 8\r\n"), HasSubstr("\r\nCache-Control: no-store\r\n"),
                      HasSubstr("\r\nDate: "), EndsWith("\r\n\r\nnumbers\n")));
    EXPECT_THAT(get(server, "/readyz"), AllOf(StartsWith("HTTP/1.1 503 "), EndsWith("no database\n")));
    EXPECT_THAT(get(server, "/echo?a=b&c?"), EndsWith("\r\n\r\na=b&c?"));
    EXPECT_THAT(get(server, "/none"), StartsWith("HTTP/1.1 404 "));
  });
}

TEST(HttpServer, HeadGetsTheHeaderOnly) {
  with_server(config(), [](HttpServer& server) {
    EXPECT_THAT(ask(server, "HEAD /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
                AllOf(HasSubstr("\r\nContent-Length: 8\r\n"), EndsWith("\r\n\r\n")));
  });
}

TEST(HttpServer, OtherMethodsAreRefused) {
  with_server(config(), [](HttpServer& server) {
    for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "MADEUP"}) {
      const std::string request =
          std::string(method) + " /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
      EXPECT_THAT(ask(server, request), AllOf(StartsWith("HTTP/1.1 405 "), HasSubstr("\r\nAllow: GET, HEAD\r\n")))
          << method;
    }
    EXPECT_THAT(ask(server, "POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello"),
                AllOf(StartsWith("HTTP/1.1 405 "), HasSubstr("\r\nConnection: close\r\n")));
    EXPECT_THAT(ask(server, "POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n"),
                StartsWith("HTTP/1.1 413 "));
  });
}

TEST(HttpServer, KeepsTheConnectionAndTakesRequestsInAdvance) {
  with_server(config(), [](HttpServer& server) {
    Client client(server);
    client.send("GET /echo?1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_THAT(client.answer(), EndsWith("\r\n\r\n1"));
    client.send("GET /echo?2 HTTP/1.1\r\nHost: localhost\r\n\r\nGET /echo?3 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_THAT(client.answer(), EndsWith("\r\n\r\n2"));
    EXPECT_THAT(client.answer(), EndsWith("\r\n\r\n3"));
    EXPECT_EQ(server.connections().stats().accepted, 1U);
    client.send("GET /echo?4 HTTP/1.0\r\nHost: localhost\r\n\r\n");
    EXPECT_THAT(client.rest(), AllOf(StartsWith("HTTP/1.0 200 "), EndsWith("4")));
  });
}

TEST(HttpServer, AnswersOnlyUnderItsOwnNames) {
  with_server(config(), [](HttpServer& server) {
    const std::string port = std::to_string(server.local_address().port());
    for (const std::string& host :
         {std::string("localhost"), "LocalHost:" + port, "127.0.0.1:" + port, std::string("127.8.8.8"),
          std::string("[::1]:80"), std::string("collector.example"), std::string("Collector.Example:9850")}) {
      EXPECT_THAT(get(server, "/metrics", host), StartsWith("HTTP/1.1 200 ")) << host;
    }
    for (const char* host : {"evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.1", "", ":80",
                             "user@localhost", "collector.example:x"}) {
      EXPECT_THAT(get(server, "/metrics", host), StartsWith("HTTP/1.1 421 ")) << host;
    }
  });
}

TEST(HttpServer, WhatIsNoRequestIsRefused) {
  with_server(config(), [](HttpServer& server) {
    for (const char* request : {
             "nonsense\r\n\r\n",
             "GET /metrics\r\n\r\n",
             "GET /metrics HTTP/9.9\r\nHost: localhost\r\n\r\n",
             "GET /metrics HTTP/1.1\r\n\r\n",
             "GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
             "GET http://localhost/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
             "GET * HTTP/1.1\r\nHost: localhost\r\n\r\n",
             "GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
             "GET /metrics HTTP/1.1\r\nHost localhost\r\n\r\n",
             "\x16\x03\x01\x02",
         }) {
      EXPECT_THAT(ask(server, request), StartsWith("HTTP/1.1 400 ")) << request;
    }
  });
}

TEST(HttpServer, AHeaderIsBounded) {
  with_server(config(), [](HttpServer& server) {
    EXPECT_THAT(get(server, "/" + std::string(10'000, 'x')), StartsWith("HTTP/1.1 431 "));
    EXPECT_THAT(ask(server, "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n"),
                StartsWith("HTTP/1.1 431 "));
  });
}

TEST(HttpServer, ASlowRequestIsEnded) {
  HttpConfig fast = config();
  fast.request_timeout = 20ms;
  with_server(fast, [](HttpServer& server) {
    Client slow(server);
    slow.send("GET /metrics HTTP/1.1\r\n");
    EXPECT_THAT(slow.rest(), StartsWith("HTTP/1.1 408 "));
    Client idle(server);
    EXPECT_EQ(idle.rest(), "");
  });
}

TEST(HttpServer, AFailingHandlerDoesNotTellDetails) {
  testing::internal::CaptureStderr();
  with_server(config(), [](HttpServer& server) {
    EXPECT_THAT(get(server, "/broken"), AllOf(StartsWith("HTTP/1.1 500 "), Not(HasSubstr("internal detail"))));
  });
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("http_handler_failed path=/broken error=\"internal detail\""));
}

TEST(HttpServer, ConnectionsAreBounded) {
  HttpConfig small = config();
  small.max_connections = 2;
  testing::internal::CaptureStderr();
  with_server(small, [](HttpServer& server) {
    Client first(server);
    Client second(server);
    Client third(server);
    EXPECT_EQ(third.rest(), "");
    EXPECT_EQ(server.connections().stats().refused, 1U);
    first.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(first.rest(), StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(get(server, "/metrics"), StartsWith("HTTP/1.1 200 "));
  });
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("connection_refused server=http limit=2"));
}

TEST(HttpServer, StopLetsARequestFinishAndEndsIdleConnections) {
  run_in_hub([] {
    greenrt::Event started;
    greenrt::Event go_on;
    HttpServer server(config(), {{"/slow", [&](const HttpRequest&) {
                                    started.set();
                                    go_on.wait();
                                    return HttpResponse{.body = "done"};
                                  }}});
    server.start();
    Client idle(server);
    Client busy(server);
    busy.send("GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n");
    ASSERT_TRUE(started.wait(kTestLimit));
    const auto stopper = greenrt::spawn([&] { server.stop(kTestLimit); });
    EXPECT_EQ(idle.rest(), "");
    go_on.set();
    EXPECT_THAT(busy.rest(), AllOf(HasSubstr("\r\nConnection: close\r\n"), EndsWith("done")));
    EXPECT_TRUE(stopper->join(kTestLimit));
    EXPECT_THROW(Client{server}, std::system_error);
  });
}

TEST(HttpServer, StopEndsARequestAtItsDeadline) {
  run_in_hub([] {
    greenrt::Event started;
    greenrt::Event never;
    HttpServer server(config(), {{"/stuck", [&](const HttpRequest&) {
                                    started.set();
                                    never.wait();
                                    return HttpResponse{};
                                  }}});
    server.start();
    Client client(server);
    client.send("GET /stuck HTTP/1.1\r\nHost: localhost\r\n\r\n");
    ASSERT_TRUE(started.wait(kTestLimit));
    server.stop(0ms);
    EXPECT_EQ(server.connections().connections(), 0U);
    EXPECT_EQ(client.rest(), "");
  });
}

TEST(HttpServer, CountsItsAnswers) {
  with_server(config(), [](HttpServer& server) {
    Metrics metrics;
    server.declare_metrics(metrics);
    get(server, "/metrics");
    get(server, "/metrics");
    get(server, "/none");
    EXPECT_THAT(metrics.text(), AllOf(HasSubstr("hilera_http_responses_total{status=\"200\"} 2\n"),
                                      HasSubstr("hilera_http_responses_total{status=\"404\"} 1\n")));
  });
}

TEST(HttpServer, AnAddressInUseIsAnError) {
  with_server(config(), [](HttpServer& server) {
    HttpConfig same = config();
    same.port = server.local_address().port();
    EXPECT_THROW(HttpServer(same, routes()), std::runtime_error);
  });
}

}  // namespace
}  // namespace hilera
