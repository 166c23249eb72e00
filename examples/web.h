// What the examples 02 and 22 to 26 share: an HTTP/1.1 server and client over greenlets, with Boost.Beast, which reads
// and writes the messages. A greenlet each connection; no threads, no callbacks.
//
//   greenrt::StreamServer server(listener, [](greenrt::Stream& client) { web::serve(client, handler); });

#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "greenrt/beast_stream.h"
#include "greenrt/deadline.h"
#include "greenrt/server.h"
#include "greenrt/socket_address.h"
#include "greenrt/stream.h"

namespace web {

namespace http = boost::beast::http;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

struct Limits {
  std::uint32_t header = 8 * 1024;  // bytes
  std::uint64_t body = 64 * 1024;   // bytes
  std::chrono::milliseconds idle{30'000};
  std::chrono::milliseconds request{10'000};  // from its first byte to its last
  std::chrono::milliseconds write{10'000};    // of a message, or of a chunk
};

// Thrown by what answers, when nobody is there any more who could get it. A handler lets it fly.
class ClientGone : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A request, and the ways to answer it. Each yields, and throws ClientGone.
class Exchange {
 public:
  Exchange(greenrt::BeastStream& stream, Request request) : stream_(stream), request_(std::move(request)) {}
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  [[nodiscard]] const Request& request() const { return request_; }
  // Of the target: without the query, and the value of one of its parameters ("" when it is not there).
  [[nodiscard]] std::string_view path() const;
  [[nodiscard]] std::string_view parameter(std::string_view name) const;

  // All at once.
  void respond(Response response);

  // Bit by bit, as a generator would: the header goes out with begin(), each piece with chunk(), and the end when the
  // handler returns.
  void begin(std::string_view content_type);
  void chunk(std::string_view text);

  // For a websocket, or whatever else is not HTTP: the connection is the handler's, and ends with it.
  greenrt::BeastStream& take_over();

  // For serve(): the handler has returned. True when another request may come.
  bool finish();
  [[nodiscard]] bool answered() const { return state_ != State::kWaiting; }

 private:
  enum class State { kWaiting, kStreaming, kAnswered, kTakenOver };

  greenrt::BeastStream& stream_;
  Request request_;
  State state_ = State::kWaiting;
  bool keep_alive_ = false;
};

using Handler = std::function<void(Exchange&)>;

// Answers a connection's requests, one after the other, until the client leaves, says that it will, or is too slow.
// What is no request, or too large, is answered with a 4xx without a call of the handler. A handler that throws before
// it has answered is answered for with a 500, and its exception goes on.
void serve(greenrt::Stream& client, const Handler& handler, const Limits& limits = {});

// For handlers that have the whole answer at once.
Handler answering(std::function<Response(const Request&)> function);

Response text(std::string body, http::status status = http::status::ok);

// On 127.0.0.1, each client with serve().
greenrt::StreamServer make_server(Handler handler, const Limits& limits = {}, std::uint16_t port = 0);

// A client that keeps its connection. Yields; throws boost::system::system_error.
class Client {
 public:
  explicit Client(const greenrt::SocketAddress& server) : stream_(greenrt::Stream::connect(server, kPatience)) {}

  Response ask(http::verb method, std::string_view target, std::string body = {});
  Response get(std::string_view target) { return ask(http::verb::get, target); }

  // By halves, for those who want to look at an answer while it comes.
  void send(http::verb method, std::string_view target, std::string body = {});
  [[nodiscard]] greenrt::BeastStream& stream() { return stream_; }
  [[nodiscard]] boost::beast::flat_buffer& buffer() { return buffer_; }

  static constexpr std::chrono::seconds kPatience{10};

 private:
  greenrt::BeastStream stream_;
  boost::beast::flat_buffer buffer_;
};

}  // namespace web
