// Answers that are sent while they are made: a handler that writes a chunk now and then, as a generator yields.

#include <boost/asio/buffer.hpp>
#include <boost/beast/http.hpp>

#include <cstdio>
#include <string>
#include <string_view>

#include "examples/web.h"
#include "greenrt/event.h"
#include "greenrt/hub.h"

namespace http = web::http;

constexpr int kLines = 3;

// The lines of a poem, each when its turn has come.
struct Poem {
  greenrt::Event turns[kLines];

  void operator()(web::Exchange& exchange) {
    exchange.begin("text/plain; charset=utf-8");
    for (int line = 0; line < kLines; ++line) {
      turns[line].wait();
      exchange.chunk("line " + std::to_string(line) + "\n");
    }
  }
};

// Calls on_piece with each piece of the body as it comes.
template <typename Function>
void read_pieces(web::Client& client, Function on_piece) {
  http::response_parser<http::buffer_body> parser;
  http::read_header(client.stream(), client.buffer(), parser);
  std::printf("%u, chunked: %d\n", parser.get().result_int(), parser.chunked());
  while (!parser.is_done()) {
    char piece[100];
    auto& body = parser.get().body();
    body.data = piece;
    body.size = sizeof piece;
    boost::beast::error_code error;
    http::read_some(client.stream(), client.buffer(), parser, error);
    if (error && error != http::error::need_buffer) throw boost::beast::system_error(error);
    const std::size_t size = sizeof piece - body.size;
    if (size > 0) on_piece(std::string_view(piece, size));
  }
}

int main() {
  greenrt::Hub hub;
  hub.run([] {
    Poem poem;
    auto server = web::make_server([&poem](web::Exchange& exchange) { poem(exchange); });
    server.start();
    web::Client client(server.address());
    client.send(http::verb::get, "/poem");

    // Each line is asked for when the one before has arrived: nothing is held back until the end.
    int next = 0;
    poem.turns[next++].set();
    read_pieces(client, [&](std::string_view piece) {
      std::printf("got %.*s", static_cast<int>(piece.size()), piece.data());
      if (next < kLines) poem.turns[next++].set();
    });

    // The connection can be used again; and all turns have come, so this one is there at once.
    std::printf("again, as a whole:\n%s", client.get("/poem").body().c_str());
  });
}
