// AnswerThief: makes the outcome of a request to a server unknown.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "greenrt/greenlet.h"
#include "greenrt/stream.h"
#include "tests/ingest/fakes.h"

namespace hilera::testing {

// Between the client and the server, and closes the connection instead of passing the answer to a certain request on.
class AnswerThief {
 public:
  AnswerThief(std::uint16_t server_port, std::string request)
      : server_(ingest::testing::loopback("127.0.0.1", server_port)),
        request_(std::move(request)),
        listener_(greenrt::Listener::bind_tcp(ingest::testing::loopback())),
        acceptor_(greenrt::spawn([this] { accept(); })) {}
  ~AnswerThief() {
    acceptor_->kill();
    greenrt::kill_all(pumps_);
  }

  [[nodiscard]] std::uint16_t port() const { return listener_.local_address().port(); }
  void arm() { armed_ = true; }
  [[nodiscard]] bool has_stolen() const { return has_stolen_; }

 private:
  struct Link {
    greenrt::Stream client;
    greenrt::Stream server;
    bool steal = false;
  };

  void accept() {
    while (true) {
      links_.push_back({listener_.accept(), greenrt::Stream::connect(server_)});
      Link& link = links_.back();
      pumps_.push_back(greenrt::spawn([this, &link] { pump(link, link.client, link.server, true); }));
      pumps_.push_back(greenrt::spawn([this, &link] { pump(link, link.server, link.client, false); }));
    }
  }

  void pump(Link& link, greenrt::Stream& from, greenrt::Stream& to, bool requests) {
    try {
      std::array<std::byte, 4096> buffer;
      while (const std::size_t size = from.read_some(buffer)) {
        const auto bytes = std::span(buffer).first(size);
        const bool wanted = ingest::as_text(bytes).find(request_) != std::string_view::npos;
        if (requests && wanted && armed_) link.steal = true;
        if (!requests && link.steal) break;
        to.write_all(bytes);
      }
    } catch (const std::exception&) {  // the other direction has closed both
    }
    if (link.steal && !requests) {
      armed_ = false;
      has_stolen_ = true;
    }
    link.client.close();
    link.server.close();
  }

  greenrt::SocketAddress server_;
  std::string request_;
  greenrt::Listener listener_;
  std::list<Link> links_;
  std::vector<greenrt::GreenletRef> pumps_;
  greenrt::GreenletRef acceptor_;
  bool armed_ = false;
  bool has_stolen_ = false;
};

}  // namespace hilera::testing
