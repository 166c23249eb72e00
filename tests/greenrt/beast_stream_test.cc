#include "greenrt/beast_stream.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <string>
#include <string_view>

#include "greenrt/deadline_scope.h"
#include "greenrt/error.h"
#include "greenrt/greenlet.h"
#include "greenrt/timeout.h"
#include "tests/support/hub_fixture.h"

namespace greenrt {
namespace {

using namespace std::chrono_literals;
using testing::let_poll;
using testing::settle;

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace websocket = boost::beast::websocket;
using beast::error_code;

static_assert(beast::is_sync_read_stream<BeastStream>::value);
static_assert(beast::is_sync_write_stream<BeastStream>::value);

struct Pair {
  Pair() : Pair(Listener::bind_tcp(SocketAddress::parse("127.0.0.1", 0).value())) {}

  BeastStream client;
  BeastStream server;

 private:
  explicit Pair(Listener listener) : client(Stream::connect(listener.local_address())), server(listener.accept()) {}
};

// A timer takes the descriptors of the executor, which the thread keeps, before a test counts them.
void take_descriptors_of_executor() {
  BeastStream stream{Stream(::dup(STDIN_FILENO))};
  asio::steady_timer timer(stream.get_executor());
}

class BeastStreamEnvironment : public ::testing::Environment {
 public:
  void SetUp() override {
    Hub hub;
    hub.run(take_descriptors_of_executor);
  }
};
const ::testing::Environment* const environment = ::testing::AddGlobalTestEnvironment(new BeastStreamEnvironment);

std::string read_text(BeastStream& stream, error_code& error) {
  std::array<char, 100> buffer{};
  const std::size_t size = stream.read_some(asio::buffer(buffer), error);
  return {buffer.data(), size};
}

http::request<http::string_body> post(const std::string& body) {
  http::request<http::string_body> request(http::verb::post, "/notes", 11);
  request.set(http::field::host, "localhost");
  request.body() = body;
  request.prepare_payload();
  return request;
}

const std::string kMoreThanTheKernelTakes(16 * 1024 * 1024, 'x');

HUB_TEST(BeastStream, WritesAllBuffersAndReadsIntoTheFirstThatIsNotEmpty) {
  Pair pair;
  const std::array<asio::const_buffer, 3> out{asio::buffer("hello ", 6), asio::const_buffer(),
                                              asio::buffer("world", 5)};
  EXPECT_EQ(pair.client.write_some(out), 11u);
  std::array<char, 6> first{};
  std::array<char, 20> second{};
  const std::array<asio::mutable_buffer, 3> in{asio::mutable_buffer(), asio::buffer(first), asio::buffer(second)};
  EXPECT_EQ(pair.server.read_some(in), 6u);
  EXPECT_EQ(std::string_view(first.data(), 6), "hello ");
  EXPECT_EQ(pair.server.read_some(asio::buffer(second)), 5u);
  EXPECT_EQ(std::string_view(second.data(), 5), "world");
}

HUB_TEST(BeastStream, DoesNothingWithEmptyBuffers) {
  Pair pair;
  EXPECT_EQ(pair.client.read_some(asio::mutable_buffer()), 0u);
  EXPECT_EQ(pair.client.write_some(asio::const_buffer()), 0u);
}

HUB_TEST(BeastStream, TellsTheEndOfTheStreamAsEof) {
  Pair pair;
  pair.client.stream().shutdown_write();
  error_code error;
  EXPECT_EQ(read_text(pair.server, error), "");
  EXPECT_EQ(error, asio::error::eof);
  char byte = 0;
  EXPECT_THROW(pair.server.read_some(asio::buffer(&byte, 1)), beast::system_error);
}

HUB_TEST(BeastStream, TellsItsReadDeadlineAsTimeout) {
  Pair pair;
  pair.server.set_read_deadline(1ms);
  error_code error;
  read_text(pair.server, error);
  EXPECT_EQ(error, beast::error::timeout);
  pair.client.write_some(asio::buffer("late", 4));
  pair.server.set_read_deadline(Deadline::never());
  EXPECT_EQ(read_text(pair.server, error), "late");
  EXPECT_FALSE(error);
}

HUB_TEST(BeastStream, WritesNothingMoreAfterAWriteThatTookTooLong) {
  Pair pair;
  pair.client.set_write_timeout(1ms);
  error_code error;
  pair.client.write_some(asio::buffer(kMoreThanTheKernelTakes), error);
  EXPECT_EQ(error, beast::error::timeout);
  pair.client.write_some(asio::buffer("x", 1), error);
  EXPECT_EQ(error, asio::error::broken_pipe);
}

HUB_TEST(BeastStream, TellsItsOwnEndAsOperationAborted) {
  Pair pair;
  error_code of_read;
  error_code of_write;
  const auto reader = spawn([&] { read_text(pair.client, of_read); });
  const auto writer = spawn([&] { pair.client.write_some(asio::buffer(kMoreThanTheKernelTakes), of_write); });
  let_poll();
  pair.client.stream().close();
  reader->get();
  writer->get();
  EXPECT_EQ(of_read, asio::error::operation_aborted);
  EXPECT_EQ(of_write, asio::error::operation_aborted);
}

HUB_TEST(BeastStream, TellsErrorsOfTheSocketInTheCategoryOfAsio) {
  Pair pair;
  pair.server.write_some(asio::buffer("unread", 6));
  let_poll();
  pair.client.stream().close();  // with bytes unread: a reset
  error_code error;
  read_text(pair.server, error);
  EXPECT_EQ(error, asio::error::connection_reset);
}

HUB_TEST(BeastStream, LetsOneWriteFollowAnother) {
  Pair pair;
  const auto first = spawn([&] { pair.client.write_some(asio::buffer(kMoreThanTheKernelTakes)); });
  const auto second = spawn([&] { pair.client.write_some(asio::buffer("end", 3)); });
  let_poll();
  EXPECT_FALSE(first->ready());
  EXPECT_FALSE(second->ready());
  std::string got;
  error_code error;
  while (got.size() < kMoreThanTheKernelTakes.size() + 3)
    got += read_text(pair.server, error);
  EXPECT_EQ(got, kMoreThanTheKernelTakes + "end");
  first->get();
  second->get();
}

HUB_TEST(BeastStream, IsNotCutOffByAWriteThatGotNoTurn) {
  Pair pair;
  const auto first = spawn([&] { pair.client.write_some(asio::buffer(kMoreThanTheKernelTakes)); });
  let_poll();
  pair.client.set_write_timeout(1ms);
  error_code error;
  pair.client.write_some(asio::buffer("x", 1), error);
  EXPECT_EQ(error, beast::error::timeout);
  pair.client.set_write_timeout(10s);
  std::size_t got = 0;
  while (got < kMoreThanTheKernelTakes.size())
    got += read_text(pair.server, error).size();
  first->get();
  EXPECT_EQ(pair.client.write_some(asio::buffer("y", 1)), 1u);
  EXPECT_EQ(read_text(pair.server, error), "y");
}

HUB_TEST(BeastStream, LetsAKillFlyThroughAndWritesNothingMoreAfterIt) {
  Pair pair;
  const auto writer = spawn([&] {
    error_code error;
    pair.client.write_some(asio::buffer(kMoreThanTheKernelTakes), error);
    ADD_FAILURE() << "came back from a kill";
  });
  let_poll();
  writer->kill();
  EXPECT_TRUE(writer->successful());
  error_code error;
  pair.client.write_some(asio::buffer("x", 1), error);
  EXPECT_EQ(error, asio::error::broken_pipe);
}

HUB_TEST(BeastStream, CarriesHttpMessagesBothWays) {
  Pair pair;
  const auto server = spawn([&] {
    beast::flat_buffer buffer;
    http::request<http::string_body> request;
    http::read(pair.server, buffer, request);
    http::response<http::string_body> response(http::status::ok, 11);
    response.body() = "got " + request.body();
    response.prepare_payload();
    http::write(pair.server, response);
  });
  http::write(pair.client, post("a note"));
  beast::flat_buffer buffer;
  http::response<http::string_body> response;
  http::read(pair.client, buffer, response);
  EXPECT_EQ(response.result(), http::status::ok);
  EXPECT_EQ(response.body(), "got a note");
  server->get();
}

HUB_TEST(BeastStream, ReadsAnHttpMessageThatComesByteByByte) {
  Pair pair;
  const auto client = spawn([&] {
    for (const char byte : std::string_view("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc")) {
      pair.client.write_some(asio::buffer(&byte, 1));
      let_poll();
    }
  });
  beast::flat_buffer buffer;
  http::request<http::string_body> request;
  http::read(pair.server, buffer, request);
  EXPECT_EQ(request.body(), "abc");
  client->get();
}

HUB_TEST(BeastStream, CarriesChunks) {
  Pair pair;
  const auto server = spawn([&] {
    http::response<http::empty_body> response(http::status::ok, 11);
    response.chunked(true);
    http::response_serializer<http::empty_body> serializer(response);
    http::write_header(pair.server, serializer);
    for (const std::string chunk : {"one ", "two ", "three"})
      asio::write(pair.server, http::make_chunk(asio::buffer(chunk)));
    asio::write(pair.server, http::make_chunk_last());
  });
  beast::flat_buffer buffer;
  http::response<http::string_body> response;
  http::read(pair.client, buffer, response);
  EXPECT_EQ(response.body(), "one two three");
  server->get();
}

HUB_TEST(BeastStream, TellsAMessageThatStopsInTheMiddleFromTheEnd) {
  Pair pair;
  pair.client.write_some(asio::buffer("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\na", 39));
  pair.client.stream().shutdown_write();
  beast::flat_buffer buffer;
  http::request<http::string_body> request;
  error_code error;
  http::read(pair.server, buffer, request, error);
  EXPECT_EQ(error, http::error::partial_message);

  Pair another;
  another.client.stream().shutdown_write();
  beast::flat_buffer empty;
  http::read(another.server, empty, request, error);
  EXPECT_EQ(error, http::error::end_of_stream);
}

HUB_TEST(BeastStream, KeepsTheLimitsOfAnHttpParser) {
  Pair pair;
  http::write(pair.client, post(std::string(1000, 'x')));
  beast::flat_buffer buffer;
  http::request_parser<http::string_body> parser;
  parser.body_limit(999);
  error_code error;
  http::read(pair.server, buffer, parser, error);
  EXPECT_EQ(error, http::error::body_limit);
}

HUB_TEST(BeastStream, EndsAnHttpReadByADeadlineATimeoutOrAKillEach) {
  Pair pair;
  pair.client.write_some(asio::buffer("GET / HT", 8));
  beast::flat_buffer buffer;
  http::request<http::string_body> request;

  pair.server.set_read_deadline(1ms);
  error_code error;
  http::read(pair.server, buffer, request, error);
  EXPECT_EQ(error, beast::error::timeout);

  pair.server.set_read_deadline(Deadline::never());
  Timeout timeout(1ms);
  try {
    http::read(pair.server, buffer, request, error);
    ADD_FAILURE() << "came back from a Timeout";
  } catch (const TimeoutExpired& expired) {
    EXPECT_TRUE(timeout.threw(expired));
  }

  DeadlineScope scope(1ms);
  try {
    http::read(pair.server, buffer, request, error);
    ADD_FAILURE() << "came back from a DeadlineScope";
  } catch (const TimeoutExpired& expired) {
    EXPECT_TRUE(scope.threw(expired));
  }
}

HUB_TEST(BeastStream, LetsAKillEndAnHttpRead) {
  Pair pair;
  const auto reader = spawn([&] {
    beast::flat_buffer buffer;
    http::request<http::string_body> request;
    http::read(pair.server, buffer, request);
    ADD_FAILURE() << "came back from a kill";
  });
  pair.client.write_some(asio::buffer("GET / HT", 8));
  let_poll();
  reader->kill();
  EXPECT_TRUE(reader->successful());
}

using Socket = websocket::stream<BeastStream&>;

// Both ends of a websocket.
struct Sockets {
  Sockets() : client(pair.client), server(pair.server) {
    const auto accepting = spawn([this] { server.accept(); });
    client.handshake("localhost", "/");
    accepting->get();
  }

  Pair pair;
  Socket client;
  Socket server;
};

std::string receive(Socket& socket) {
  beast::flat_buffer buffer;
  socket.read(buffer);
  return beast::buffers_to_string(buffer.data());
}

error_code receive_error(Socket& socket) {
  beast::flat_buffer buffer;
  error_code error;
  socket.read(buffer, error);
  return error;
}

HUB_TEST(BeastStream, CarriesAWebSocket) {
  Sockets sockets;
  const auto echo = spawn([&] { sockets.server.write(asio::buffer(receive(sockets.server))); });
  sockets.client.write(asio::buffer(std::string("hello")));
  EXPECT_EQ(receive(sockets.client), "hello");
  echo->get();
}

HUB_TEST(BeastStream, ClosesAWebSocketWithItsReason) {
  Sockets sockets;
  const auto server = spawn([&] { return receive_error(sockets.server); });
  sockets.client.close({websocket::close_code::going_away, "enough"});
  EXPECT_EQ(server->get(), websocket::error::closed);
  EXPECT_EQ(sockets.server.reason().code, websocket::close_code::going_away);
  EXPECT_EQ(sockets.server.reason().reason, "enough");
  error_code error;
  read_text(sockets.pair.client, error);
  EXPECT_EQ(error, asio::error::operation_aborted);
}

HUB_TEST(BeastStream, RefusesAHandshakeThatIsNone) {
  Pair pair;
  pair.client.write_some(asio::buffer("GET / HTTP/1.1\r\nHost: here\r\n\r\n", 30));
  Socket server(pair.server);
  error_code error;
  server.accept(error);
  EXPECT_EQ(error, websocket::condition::handshake_failed);
}

HUB_TEST(BeastStream, KeepsTheLimitOfAWebSocketMessage) {
  Sockets sockets;
  sockets.server.read_message_max(100);
  const auto server = spawn([&] { return receive_error(sockets.server); });
  sockets.client.write(asio::buffer(std::string(101, 'x')));
  const error_code at_client = receive_error(sockets.client);
  EXPECT_EQ(server->get(), websocket::error::message_too_big);
  EXPECT_EQ(at_client, websocket::error::closed);
  EXPECT_EQ(sockets.client.reason().code, websocket::close_code::too_big);
}

HUB_TEST(BeastStream, AnswersPingsInTheMiddleOfAMessageThatAnotherGreenletWrites) {
  Sockets sockets;
  std::size_t pongs = 0;
  sockets.client.control_callback([&](websocket::frame_type kind, beast::string_view) {
    if (kind == websocket::frame_type::pong) ++pongs;
  });
  const auto reader = spawn([&] { return receive_error(sockets.server); });
  const auto writer = spawn([&] { sockets.server.write(asio::buffer(kMoreThanTheKernelTakes)); });
  let_poll();
  EXPECT_FALSE(writer->ready());
  for (int count = 0; count < 3; ++count)
    sockets.client.ping("still there?");
  let_poll();
  EXPECT_EQ(receive(sockets.client), kMoreThanTheKernelTakes);
  writer->get();
  const auto client = spawn([&] { return receive_error(sockets.client); });
  settle();
  EXPECT_EQ(pongs, 3u);
  client->kill();
  sockets.client.close(websocket::close_code::normal);
  EXPECT_EQ(reader->get(), websocket::error::closed);
}

HUB_TEST(BeastStream, EndsAWebSocketAtItsDeadline) {
  Sockets sockets;
  sockets.pair.server.set_read_deadline(1ms);
  EXPECT_EQ(receive_error(sockets.server), beast::error::timeout);
  EXPECT_FALSE(sockets.server.is_open());
}

HUB_TEST(BeastStream, LetsAKillEndTheReaderOfAWebSocket) {
  Sockets sockets;
  const auto reader = spawn([&] { receive(sockets.server); });
  let_poll();
  reader->kill();
  EXPECT_TRUE(reader->successful());
}

HUB_TEST(BeastStream, DoesNotWaitForAPeerThatNeverEndsItsSide) {
  Sockets sockets;
  const auto client = spawn([&] { return receive_error(sockets.client); });
  sockets.pair.server.set_read_deadline(5ms);
  error_code error;
  teardown(beast::role_type::server, sockets.pair.server, error);
  EXPECT_EQ(client->get(), asio::error::eof);
  EXPECT_EQ(sockets.pair.server.stream().fd(), -1);

  Pair silent;
  silent.server.set_read_deadline(1ms);
  teardown(beast::role_type::server, silent.server, error);
  EXPECT_EQ(error, beast::error::timeout);
  EXPECT_EQ(silent.server.stream().fd(), -1);
}

}  // namespace
}  // namespace greenrt
