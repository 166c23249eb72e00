// ZeroMQ among greenlets: requests and replies, then many messages both ways over one socket, while others go on.

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

#include "examples/zmq_socket.h"
#include "greenrt/greenlet.h"
#include "greenrt/hub.h"

using namespace std::chrono_literals;

constexpr int kMany = 10'000;
constexpr int kQueued = 10;  // of them, so that both sides have to wait

std::string bind_here(ZmqSocket& socket) {
  socket.plain().bind("tcp://127.0.0.1:*");
  return socket.plain().get(zmq::sockopt::last_endpoint);
}

void requests_and_replies(zmq::context_t& context) {
  ZmqSocket server(context, zmq::socket_type::rep);
  ZmqSocket client(context, zmq::socket_type::req);
  client.plain().connect(bind_here(server));

  const auto replies = greenrt::spawn([&] {
    for (int i = 1; i <= 3; ++i) {
      const std::string request = server.receive().to_string();
      std::printf("server: %s\n", request.c_str());
      greenrt::sleep(5ms);
      server.send("reply to " + request);
    }
  });
  int turns = 0;
  const auto other = greenrt::spawn([&] {
    for (;; ++turns)
      greenrt::sleep(1ms);
  });
  for (int i = 1; i <= 3; ++i) {
    client.send("request " + std::to_string(i));
    std::printf("client: %s\n", client.receive().to_string().c_str());
  }
  replies->join();
  other->kill();
  std::printf("meanwhile, somebody else had %d turns\n", turns);
  if (turns == 0) std::puts("that is not cooperative");
}

// One greenlet sends and another one receives, over the same socket: each takes news that the other one waits for.
void both_ways(zmq::context_t& context) {
  ZmqSocket echo(context, zmq::socket_type::router);
  ZmqSocket client(context, zmq::socket_type::dealer);
  for (zmq::socket_t* socket : {&echo.plain(), &client.plain()}) {
    socket->set(zmq::sockopt::sndhwm, kQueued);
    socket->set(zmq::sockopt::rcvhwm, kQueued);
  }
  echo.plain().set(zmq::sockopt::router_mandatory, true);  // wait rather than drop
  client.plain().connect(bind_here(echo));

  const auto echoes = greenrt::spawn([&] {
    for (int i = 0; i < kMany; ++i) {
      const std::string who = echo.receive().to_string();
      const std::string what = echo.receive().to_string();
      echo.send(who, zmq::send_flags::sndmore);
      echo.send(what);
    }
  });
  const auto sender = greenrt::spawn([&] {
    for (int i = 0; i < kMany; ++i)
      client.send(std::to_string(i));
  });
  int in_order = 0;
  while (in_order < kMany && client.receive().to_string() == std::to_string(in_order))
    ++in_order;
  std::printf("%d of %d messages went there and came back, in order\n", in_order, kMany);
  sender->kill();
  echoes->kill();
}

// The trap: the news of a message come while another greenlet is about to send over the socket. Its send takes them,
// and the descriptor stays silent.
void news_taken_by_another_call(zmq::context_t& context) {
  ZmqSocket here(context, zmq::socket_type::dealer);
  ZmqSocket there(context, zmq::socket_type::dealer);
  here.plain().connect(bind_here(there));
  here.send("hello");
  there.receive();

  const auto receiver = greenrt::spawn([&] {
    try {
      return here.receive(2s).to_string();
    } catch (const greenrt::TimeoutExpired&) {
      return std::string("nothing: the news were lost");
    }
  });
  greenrt::yield();
  there.send("the message");
  std::this_thread::sleep_for(20ms);  // not greenrt's: the hub cannot look, and the message comes
  here.send("something else");
  std::printf("received %s\n", receiver->get().c_str());
}

int main() {
  zmq::context_t context;
  greenrt::Hub hub;
  hub.run([&] {
    requests_and_replies(context);
    both_ways(context);
    news_taken_by_another_call(context);
    ZmqSocket nobody(context, zmq::socket_type::pull);
    try {
      nobody.receive(10ms);
    } catch (const greenrt::TimeoutExpired&) {
      std::puts("nobody has sent anything in time");
    }
  });
}
