// A chat room: websockets, a page for the browser, and nobody who can hold up the others.
//
//   example_26_chat_room              shows itself that all works
//   example_26_chat_room --port 8080  serves http://127.0.0.1:8080/ until SIGINT or SIGTERM

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket.hpp>
#include <nlohmann/json.hpp>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "chat_page.h"
#include "examples/chat_room.h"
#include "examples/web.h"
#include "greenrt/event.h"
#include "greenrt/greenlet.h"
#include "greenrt/hub.h"
#include "greenrt/signal.h"

using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = web::http;
namespace websocket = boost::beast::websocket;
using nlohmann::json;
using Socket = websocket::stream<greenrt::BeastStream&>;

// A greenlet that ends with its scope.
class Helper {
 public:
  explicit Helper(std::function<void()> work) : greenlet_(greenrt::spawn(std::move(work))) {}
  ~Helper() { end(); }
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;
  void end() {
    const greenrt::Shield shield;
    greenlet_->kill();
  }

 private:
  greenrt::GreenletRef greenlet_;
};

class ChatServer {
 public:
  void operator()(web::Exchange& exchange) {
    const std::string_view path = exchange.path();
    if (path == "/chat") return chat(exchange);
    const auto method = exchange.request().method();
    if (method != http::verb::get && method != http::verb::head) {
      web::Response refusal = web::text("Only GET.\n", http::status::method_not_allowed);
      refusal.set(http::field::allow, "GET, HEAD");
      return exchange.respond(std::move(refusal));
    }
    if (path == "/") return exchange.respond(file(chat::kPage, "text/html; charset=utf-8"));
    if (path == "/chat.css") return exchange.respond(file(chat::kStyle, "text/css; charset=utf-8"));
    if (path == "/chat.js") return exchange.respond(file(chat::kScript, "text/javascript; charset=utf-8"));
    exchange.respond(web::text("Not found.\n", http::status::not_found));
  }

  // Everybody is told to go.
  void close() { rooms_.close(); }
  std::size_t rooms() const { return rooms_.size(); }

 private:
  static constexpr std::chrono::seconds kPingEvery{20};
  static constexpr std::chrono::seconds kSilence{60};
  static constexpr std::chrono::seconds kHandshake{10};
  static constexpr int kSendBuffer = 64 * 1024;

  // Nothing but what comes from here may be shown or run, or may show this page.
  static web::Response file(std::string_view content, const char* type) {
    web::Response response = web::text(std::string(content));
    response.set(http::field::content_type, type);
    response.set(http::field::cache_control, "no-cache");
    response.set("Content-Security-Policy",
                 "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
                 "base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    response.set("Referrer-Policy", "no-referrer");
    return response;
  }

  // Browsers let any page open a websocket to anywhere, but say whose page it is.
  static bool is_foreign(const web::Request& request) {
    const auto origin = request.find(http::field::origin);
    return origin != request.end() && origin->value() != "http://" + std::string(request[http::field::host]);
  }

  void chat(web::Exchange& exchange) {
    if (is_foreign(exchange.request()))
      return exchange.respond(web::text("Not from there.\n", http::status::forbidden));
    if (!websocket::is_upgrade(exchange.request()))
      return exchange.respond(web::text("A websocket is served here.\n", http::status::upgrade_required));
    greenrt::BeastStream& stream = exchange.take_over();
    ::setsockopt(stream.stream().fd(), SOL_SOCKET, SO_SNDBUF, &kSendBuffer, sizeof kSendBuffer);
    stream.set_read_deadline(kHandshake);
    Socket socket(stream);
    socket.read_message_max(chat::kLongestMessage);
    beast::error_code error;
    socket.accept(exchange.request(), error);
    if (error) return;  // a handshake that was none: it has been answered
    const websocket::close_reason reason = talk(stream, socket);
    if (!socket.is_open()) return;
    socket.control_callback();
    stream.set_read_deadline(1s);
    socket.close(reason, error);
  }

  // From the first message, which says who comes and whereto, to the end.
  websocket::close_reason talk(greenrt::BeastStream& stream, Socket& socket) {
    const std::optional<json> first = read(socket);
    const std::string name = field(first, "name");
    const std::string room = field(first, "room");
    if (!is_name(name) || !is_name(room)) return {websocket::close_code::policy_error, "a name and a room, please"};
    if (rooms_.is_taken(room, name)) return {websocket::close_code::policy_error, "that name is taken"};

    chat::Member member{name, [&stream] { stream.stream().close(); }};
    chat::Rooms::Stay stay(rooms_, room, member);
    websocket::close_reason reason(websocket::close_code::going_away, "the server goes away");
    Helper reader([&] {
      listen(stream, socket, stay);
      reason = {websocket::close_code::policy_error, "that was no message"};  // if anybody is there to be told
      member.outbox.close();
    });
    send_outbox(socket, member);
    reader.end();
    return reason;
  }

  static void listen(greenrt::BeastStream& stream, Socket& socket, chat::Rooms::Stay& stay) {
    const auto be_patient = [&stream] { stream.set_read_deadline(kSilence); };
    socket.control_callback([be_patient](websocket::frame_type, beast::string_view) { be_patient(); });
    be_patient();
    while (const std::optional<json> message = read(socket)) {
      be_patient();
      std::string text = field(message, "text");
      if (!text.empty()) stay.say(std::move(text));
    }
  }

  static void send_outbox(Socket& socket, chat::Member& member) {
    beast::error_code error;
    socket.text(true);
    while (!error) {
      try {
        const std::optional<chat::Text> text = member.outbox.next(kPingEvery);
        if (!text) return;
        socket.write(asio::buffer(**text), error);
      } catch (const greenrt::QueueEmpty&) {
        socket.ping({}, error);
      }
    }
  }

  // Nothing when the connection has ended, or what comes is no object.
  static std::optional<json> read(Socket& socket) {
    beast::flat_buffer buffer;
    beast::error_code error;
    socket.read(buffer, error);
    if (error || !socket.got_text()) return std::nullopt;
    json message = json::parse(beast::buffers_to_string(buffer.data()), nullptr, false);
    return message.is_object() ? std::optional(std::move(message)) : std::nullopt;
  }

  static std::string field(const std::optional<json>& message, const char* name) {
    if (!message) return {};
    const auto found = message->find(name);
    return found != message->end() && found->is_string() ? found->get<std::string>() : std::string();
  }

  static bool is_name(std::string_view name) {
    const auto is_control = [](unsigned char letter) { return letter < ' ' || letter == 127; };
    return !name.empty() && name.size() <= chat::kLongestName && std::ranges::none_of(name, is_control);
  }

  chat::Rooms rooms_;
};

// Somebody in a room, for the demonstration.
class Guest {
 public:
  Guest(const greenrt::SocketAddress& server, const std::string& name, const std::string& room)
      : stream_(greenrt::Stream::connect(server, 10s)) {
    stream_.set_read_deadline(30s);
    socket_.handshake("localhost", "/chat");
    send(json{{"name", name}, {"room", room}});
  }

  void say(const std::string& text) { send(json{{"text", text}}); }
  void leave() { socket_.close(websocket::close_code::normal); }

  // The next message in short, or how the conversation has ended.
  std::string hear() {
    beast::flat_buffer buffer;
    beast::error_code error;
    socket_.read(buffer, error);
    if (error == websocket::error::closed) return "closed: " + std::string(socket_.reason().reason.c_str());
    if (error) return "cut off";
    const json message = json::parse(beast::buffers_to_string(buffer.data()));
    const std::string type = message["type"];
    if (type == "said") return message["from"].get<std::string>() + ": " + message["text"].get<std::string>();
    if (type != "welcome") return message["name"].get<std::string>() + " " + type;
    std::string text = "welcome among";
    for (const std::string name : message["users"])
      text += " " + name;
    for (const json& said : message["history"])
      text += ", earlier " + said["from"].get<std::string>() + " said " + said["text"].get<std::string>();
    return text;
  }

 private:
  void send(const json& message) { socket_.write(asio::buffer(message.dump())); }

  greenrt::BeastStream stream_;
  Socket socket_{stream_};
};

void show(const char* who, Guest& guest) {
  std::printf("%s hears: %s\n", who, guest.hear().c_str());
}

void two_rooms(const greenrt::SocketAddress& server) {
  Guest ada(server, "ada", "lobby");
  show("ada", ada);
  Guest bob(server, "bob", "lobby");
  show("bob", bob);
  show("ada", ada);
  Guest eve(server, "eve", "cellar");
  show("eve", eve);

  ada.say("hello <b>bob</b>");
  show("ada", ada);
  show("bob", bob);
  Guest second_bob(server, "bob", "lobby");
  show("another bob", second_bob);
  Guest cleo(server, "cleo", "lobby");
  show("cleo", cleo);
  cleo.leave();
  show("bob", bob);
  show("bob", bob);
  eve.say("alone");
  show("eve", eve);
}

// Says much to somebody who does not read, until that one is sent away.
void slow_reader(const greenrt::SocketAddress& server) {
  Guest slow(server, "slow", "hall");
  show("slow", slow);
  Guest quick(server, "quick", "hall");
  show("quick", quick);
  const std::string much(1000, '!');
  std::string heard;
  int said = 0;
  while (heard != "slow left") {
    if (heard.starts_with("quick: ") || said == 0) {
      quick.say(much);
      ++said;
    }
    heard = quick.hear();
  }
  std::printf("slow was sent away, behind by more than %zu messages: %d\n", chat::kOutbox,
              said > static_cast<int>(chat::kOutbox));
}

void demonstrate() {
  ChatServer chat;
  auto server = web::make_server([&chat](web::Exchange& exchange) { chat(exchange); });
  server.start();

  web::Client browser(server.address());
  for (const char* path : {"/", "/chat.css", "/chat.js", "/elsewhere", "/chat"})
    std::printf("%s: %u\n", path, browser.get(path).result_int());
  two_rooms(server.address());
  slow_reader(server.address());

  Guest last(server.address(), "last", "yard");
  show("last", last);
  chat.close();
  show("last", last);
  browser.stream().stream().close();
  std::printf("stopped with nobody left: %d, rooms: %zu\n", server.stop(10s), chat.rooms());
}

void serve(std::uint16_t port) {
  ChatServer chat;
  auto server = web::make_server([&chat](web::Exchange& exchange) { chat(exchange); }, {}, port);
  greenrt::Event enough;
  const greenrt::SignalHandler on_interrupt(SIGINT, [&](int) { enough.set(); });
  const greenrt::SignalHandler on_terminate(SIGTERM, [&](int) { enough.set(); });
  server.start();
  std::printf("http://%s/\n", server.address().to_string().c_str());
  std::fflush(stdout);
  enough.wait();
  chat.close();
  server.stop(2s);
}

std::optional<std::uint16_t> port_of(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(port) : std::nullopt;
}

int main(int count, char** arguments) {
  std::optional<std::uint16_t> port;
  if (count == 3 && std::string_view(arguments[1]) == "--port") port = port_of(arguments[2]);
  if (count != 1 && !port) {
    std::fprintf(stderr, "usage: %s [--port N]\n", arguments[0]);
    return EXIT_FAILURE;
  }
  greenrt::Hub hub;
  hub.run([&] { port ? serve(*port) : demonstrate(); });
}
