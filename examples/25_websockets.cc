// WebSockets: an echo service, pings, and the codes with which a conversation ends.

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket.hpp>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <string>

#include "examples/web.h"
#include "greenrt/beast_stream.h"
#include "greenrt/hub.h"

using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;

using Socket = websocket::stream<greenrt::BeastStream&>;

constexpr std::size_t kLongest = 1000;

void echo(web::Exchange& exchange) {
  if (!websocket::is_upgrade(exchange.request()))
    return exchange.respond(web::text("A websocket is served here.\n", web::http::status::upgrade_required));
  greenrt::BeastStream& stream = exchange.take_over();
  stream.set_read_deadline(greenrt::Deadline::never());
  Socket socket(stream);
  socket.read_message_max(kLongest);
  beast::error_code error;
  socket.accept(exchange.request(), error);
  if (error) return;  // a handshake that was none: it has been answered

  beast::flat_buffer message;
  while (socket.read(message, error), !error) {
    if (!socket.got_text()) return socket.close({websocket::close_code::unknown_data, "text only"});
    if (beast::buffers_to_string(message.data()) == "bye") return socket.close({websocket::close_code::normal, "bye"});
    socket.text(true);
    socket.write(message.data());
    message.clear();
  }
}

// A client, from the handshake on.
class Talk {
 public:
  explicit Talk(const greenrt::SocketAddress& server) : stream_(greenrt::Stream::connect(server, 10s)) {
    stream_.set_read_deadline(10s);
    socket_.control_callback([](websocket::frame_type type, beast::string_view text) {
      if (type == websocket::frame_type::pong) std::printf("pong: %s\n", std::string(text).c_str());
    });
    socket_.handshake("localhost", "/echo");
  }

  Socket& socket() { return socket_; }

  void say(const std::string& text) { socket_.write(asio::buffer(text)); }

  // Prints the next message, or how the conversation has ended.
  void listen() {
    beast::flat_buffer message;
    beast::error_code error;
    socket_.read(message, error);
    if (error == websocket::error::closed) {
      std::printf("closed: %u %s\n", static_cast<unsigned>(socket_.reason().code), socket_.reason().reason.c_str());
    } else {
      std::printf("%s\n", error ? error.message().c_str() : beast::buffers_to_string(message.data()).c_str());
    }
  }

 private:
  greenrt::BeastStream stream_;
  Socket socket_{stream_};
};

int main() {
  greenrt::Hub hub;
  hub.run([] {
    auto server = web::make_server(echo);
    server.start();
    std::printf("without an upgrade: %u\n", web::Client(server.address()).get("/echo").result_int());

    Talk talk(server.address());
    talk.say("hello");
    talk.listen();
    talk.socket().ping("are you there?");  // answered by the server's read, seen by ours
    talk.say("and again");
    talk.listen();
    talk.say("bye");
    talk.listen();

    Talk binary(server.address());
    binary.socket().binary(true);
    binary.say("\1\2\3");
    binary.listen();

    Talk loud(server.address());
    loud.say(std::string(kLongest + 1, 'a'));
    loud.listen();

    Talk brief(server.address());
    brief.socket().close(websocket::close_code::going_away);
    std::printf("served in the end: %d\n", server.stop(10s));
  });
}
