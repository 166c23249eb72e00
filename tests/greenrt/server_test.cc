#include "greenrt/server.h"

#include <array>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "greenrt/event.h"
#include "greenrt/greenlet.h"
#include "tests/support/hub_fixture.h"

namespace greenrt {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::take_errors;

SocketAddress loopback() {
  return SocketAddress::parse("127.0.0.1", 0).value();
}

void echo(Stream& client) {
  std::array<std::byte, 64> buffer;
  while (const std::size_t size = client.read_some(buffer))
    client.write_all(std::span<const std::byte>(buffer).first(size));
}

std::string exchange(Stream& stream, std::string_view text) {
  stream.write_all(text, 10s);
  std::array<std::byte, 64> buffer;
  const std::size_t size = stream.read_some(buffer, 10s);
  return {reinterpret_cast<const char*>(buffer.data()), size};
}

HUB_TEST(StreamServer, ServesEachClientInAGreenletOfItsOwn) {
  StreamServer server(Listener::bind_tcp(loopback()), echo);
  EXPECT_FALSE(server.started());
  server.start();
  server.start();
  EXPECT_TRUE(server.started());
  Stream first = Stream::connect(server.address());
  Stream second = Stream::connect(server.address());
  EXPECT_EQ(exchange(first, "a"), "a");
  EXPECT_EQ(exchange(second, "b"), "b");
  EXPECT_EQ(exchange(first, "c"), "c");
  EXPECT_EQ(server.serving(), 2u);
  first.close();
  second.close();
  EXPECT_TRUE(server.stop(10s));
  EXPECT_FALSE(server.started());
  EXPECT_EQ(server.serving(), 0u);
}

HUB_TEST(StreamServer, TakesNobodyOnBeyondItsLimit) {
  StreamServer server(Listener::bind_tcp(loopback()), echo, 1);
  server.start();
  Stream first = Stream::connect(server.address());
  EXPECT_EQ(exchange(first, "a"), "a");
  Stream second = Stream::connect(server.address());
  second.write_all("b");
  std::array<std::byte, 64> buffer;
  EXPECT_THROW(second.read_some(buffer, 5ms), TimeoutExpired);
  EXPECT_EQ(server.serving(), 1u);
  first.close();
  EXPECT_EQ(second.read_some(buffer, 10s), 1u);
}

HUB_TEST(StreamServer, StopKillsWhoIsLeftAtTheDeadline) {
  StreamServer server(Listener::bind_tcp(loopback()), echo);
  server.start();
  Stream client = Stream::connect(server.address());
  EXPECT_EQ(exchange(client, "a"), "a");
  EXPECT_FALSE(server.stop(1ms));
  std::array<std::byte, 64> buffer;
  EXPECT_EQ(client.read_some(buffer), 0u);
  EXPECT_TRUE(server.stop());
}

HUB_TEST(StreamServer, FailureOfAHandlerEndsItsClientOnly) {
  StreamServer server(Listener::bind_tcp(loopback()), [](Stream& client) {
    std::array<std::byte, 1> byte;
    client.read_some(byte);
    if (byte[0] == std::byte('!')) throw std::runtime_error("no shouting");
    client.write_all("fine");
  });
  server.start();
  Stream loud = Stream::connect(server.address());
  EXPECT_EQ(exchange(loud, "!"), "");
  Stream quiet = Stream::connect(server.address());
  EXPECT_EQ(exchange(quiet, "."), "fine");
  EXPECT_THAT(take_errors(), ElementsAre("client: no shouting"));
}

HUB_TEST(StreamServer, ServesForEverUntilItIsStopped) {
  StreamServer server(Listener::bind_tcp(loopback()), echo);
  const auto serving = spawn([&] { server.serve_forever(); });
  yield();
  EXPECT_TRUE(server.started());
  EXPECT_TRUE(server.stop());
  serving->get();
  EXPECT_EQ(serving->exception(), nullptr);
}

HUB_TEST(StreamServer, IsStoppedWhenDestroyedAlsoIfItWasNeverStarted) {
  Stream client = [] {
    StreamServer never_started(Listener::bind_tcp(loopback()), echo);
    StreamServer server(Listener::bind_tcp(loopback()), echo);
    server.start();
    Stream stream = Stream::connect(server.address());
    EXPECT_EQ(exchange(stream, "a"), "a");
    return stream;
  }();
  std::array<std::byte, 64> buffer;
  EXPECT_EQ(client.read_some(buffer), 0u);
}

HUB_TEST_WITH(StreamServer, WaitsWhileTheHubIsFull, HubOptions{.max_greenlets = 4}) {
  StreamServer server(Listener::bind_tcp(loopback()), echo);
  server.start();
  Event release;
  std::vector<GreenletRef> crowd;
  while (Hub::current().has_room())
    crowd.push_back(spawn([&] { release.wait(); }));
  Stream client = Stream::connect(server.address());
  std::array<std::byte, 64> buffer;
  client.write_all("a");
  EXPECT_THROW(client.read_some(buffer, 5ms), TimeoutExpired);
  release.set();
  join_all(crowd);
  EXPECT_EQ(client.read_some(buffer, 10s), 1u);
  EXPECT_TRUE(server.started());
}

// Sends a datagram and returns the answer.
std::string ask(UdpSocket& socket, const SocketAddress& server, std::string_view question) {
  SendBatch batch(1);
  batch.add(std::as_bytes(std::span(question)), UdpPath{server});
  EXPECT_EQ(socket.send(batch).sent, 1u);
  ReceiveBatch answer(1, 100);
  if (!socket.receive(answer, 10s)) return "no answer";
  const auto bytes = answer.bytes(0);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

HUB_TEST(DatagramServer, AnswersEachDatagramFromAGreenletOfItsOwn) {
  DatagramServer server(UdpSocket::bind(loopback()),
                        [](DatagramServer& self, const DatagramServer::Datagram& datagram) {
                          yield();
                          EXPECT_TRUE(self.send(datagram.bytes, datagram.path));
                        });
  server.start();
  UdpSocket socket = UdpSocket::bind(loopback());
  EXPECT_EQ(ask(socket, server.address(), "one"), "one");
  EXPECT_EQ(ask(socket, server.address(), "two"), "two");
  EXPECT_TRUE(server.stop());
}

HUB_TEST(DatagramServer, WorksOnNoMoreAtATimeThanItsLimit) {
  Event release;
  DatagramServer server(
      UdpSocket::bind(loopback()),
      [&](DatagramServer& self, const DatagramServer::Datagram& datagram) {
        release.wait();
        self.send(datagram.bytes, datagram.path);
      },
      2);
  server.start();
  UdpSocket socket = UdpSocket::bind(loopback());
  SendBatch batch(5);
  for (int i = 0; i < 5; ++i)
    batch.add(std::as_bytes(std::span("x", 1)), UdpPath{server.address()});
  socket.send(batch);
  for (int turn = 0; turn < 20; ++turn)
    testing::let_poll();
  EXPECT_EQ(server.serving(), 2u);
  release.set();
  ReceiveBatch answers(5, 100);
  std::size_t answered = 0;
  while (answered < 5 && socket.receive(answers, 10s))
    answered += answers.size();
  EXPECT_EQ(answered, 5u);
}

HUB_TEST(DatagramServer, FailureOfAHandlerEndsItsDatagramOnly) {
  DatagramServer server(UdpSocket::bind(loopback()),
                        [](DatagramServer& self, const DatagramServer::Datagram& datagram) {
                          self.send(datagram.bytes, datagram.path);
                          throw std::runtime_error("broken");
                        });
  server.start();
  UdpSocket socket = UdpSocket::bind(loopback());
  EXPECT_EQ(ask(socket, server.address(), "one"), "one");
  EXPECT_EQ(ask(socket, server.address(), "two"), "two");
  EXPECT_TRUE(server.stop(10s));
  EXPECT_THAT(take_errors(), ElementsAre("datagram: broken", "datagram: broken"));
}

HUB_TEST_WITH(DatagramServer, WaitsWhileTheHubIsFull, HubOptions{.max_greenlets = 4}) {
  DatagramServer server(
      UdpSocket::bind(loopback()),
      [](DatagramServer& self, const DatagramServer::Datagram& datagram) { self.send(datagram.bytes, datagram.path); });
  server.start();
  Event release;
  std::vector<GreenletRef> crowd;
  while (Hub::current().has_room())
    crowd.push_back(spawn([&] { release.wait(); }));
  UdpSocket socket = UdpSocket::bind(loopback());
  SendBatch batch(1);
  batch.add(std::as_bytes(std::span("x", 1)), UdpPath{server.address()});
  socket.send(batch);
  for (int turn = 0; turn < 3; ++turn)
    testing::let_poll();
  release.set();
  ReceiveBatch answer(1, 100);
  EXPECT_TRUE(socket.receive(answer, 10s));
  join_all(crowd);
}

}  // namespace
}  // namespace greenrt
