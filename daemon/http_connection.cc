#include "daemon/http_connection.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <array>
#include <cstdint>
#include <ctime>
#include <sstream>
#include <system_error>

#include "greenrt/error.h"

namespace hilera {

namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace asio = boost::asio;
using beast::error_code;

constexpr std::uint32_t kMaxHeader = 8 * 1024;
constexpr std::size_t kReadSize = 2 * 1024;
constexpr unsigned kHttp11 = 11;
// A page loads what comes from here, in files of their own, and nothing else.
constexpr const char* kContentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";
constexpr std::chrono::seconds kLinger{1};
constexpr std::size_t kMaxLinger = 256 * 1024;

// A greenrt::Stream as Beast's SyncReadStream. Its waits end at the deadline, as beast::error::timeout.
class ReadStream {
 public:
  explicit ReadStream(greenrt::Stream& stream) : stream_(stream) {}

  void set_deadline(greenrt::Deadline deadline) { deadline_ = deadline; }

  template <typename Buffers>
  std::size_t read_some(const Buffers& buffers) {
    error_code error;
    const std::size_t size = read_some(buffers, error);
    if (error) throw beast::system_error(error);
    return size;
  }

  template <typename Buffers>
  std::size_t read_some(const Buffers& buffers, error_code& error) {
    const asio::mutable_buffer buffer = *asio::buffer_sequence_begin(buffers);
    error = {};
    try {
      const std::size_t size = stream_.read_some({static_cast<std::byte*>(buffer.data()), buffer.size()}, deadline_);
      if (size == 0) error = asio::error::eof;
      return size;
    } catch (const greenrt::TimeoutExpired& expired) {
      if (expired.timeout_id() != 0) throw;
      error = beast::error::timeout;
    } catch (const greenrt::Closed&) {
      error = asio::error::operation_aborted;
    } catch (const std::system_error& failure) {
      error = error_code(failure.code().value(), boost::system::generic_category());
    }
    return 0;
  }

 private:
  greenrt::Stream& stream_;
  greenrt::Deadline deadline_;
};

std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 40> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &utc);
  return {text.data(), size};
}

std::string serialize(HttpResponse response, unsigned version, bool keep_alive, bool with_body) {
  http::response<http::empty_body> header(http::int_to_status(response.status), version);
  header.set(http::field::date, http_date());
  header.set(http::field::content_type, response.content_type);
  header.set(http::field::cache_control, "no-store");
  header.set("X-Content-Type-Options", "nosniff");
  header.set("Content-Security-Policy", kContentSecurityPolicy);
  header.set("Cross-Origin-Resource-Policy", "same-origin");
  header.set("Referrer-Policy", "no-referrer");
  if (!response.allow.empty()) header.set(http::field::allow, response.allow);
  header.content_length(response.body.size());
  header.keep_alive(keep_alive);
  std::ostringstream text;
  text << header;
  if (with_body) text << response.body;
  return std::move(text).str();
}

// What the peer has sent beyond an error is read for a while: closing with unread bytes would destroy the answer.
void linger(greenrt::Stream& stream) {
  stream.shutdown_write();
  std::array<std::byte, kReadSize> rest{};
  const greenrt::Deadline deadline(kLinger);
  std::size_t total = 0;
  while (total < kMaxLinger) {
    const std::size_t size = stream.read_some(rest, deadline);
    if (size == 0) return;
    total += size;
  }
}

// What is answered to bytes that are no request of ours; status 0: nothing, the connection is gone.
HttpResponse refusal(const error_code& error) {
  if (error == beast::error::timeout) return {.status = 408, .body = "The request took too long.\n"};
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return {.status = 431, .body = "The header is too large.\n"};
  }
  if (error == http::error::body_limit) return {.status = 413, .body = "No body is taken here.\n"};
  const bool malformed = error.category() == make_error_code(http::error::bad_target).category();
  if (malformed && error != http::error::end_of_stream && error != http::error::partial_message) {
    return {.status = 400, .body = "This is not a proper HTTP request.\n"};
  }
  return {.status = 0};
}

using Parser = http::request_parser<http::empty_body>;

// True when there is something to read as a request.
bool wait_for_request(ReadStream& stream, beast::flat_buffer& buffer) {
  if (buffer.size() > 0) return true;
  error_code error;
  buffer.commit(stream.read_some(buffer.prepare(kReadSize), error));
  return !error;
}

bool has_one_host(const http::request<http::empty_body>& request) {
  return request.count(http::field::host) == 1 && request.target().starts_with('/');
}

}  // namespace

void serve_http(ConnectionServer::Connection& connection, std::chrono::milliseconds timeout,
                const std::function<HttpResponse(const HttpRequest&)>& respond) {
  ReadStream stream(connection.stream());
  beast::flat_buffer buffer(kMaxHeader + kReadSize);
  const auto refuse = [&](HttpResponse response) {
    connection.stream().write_all(serialize(std::move(response), kHttp11, false, true), timeout);
    linger(connection.stream());
  };
  while (!connection.stopping()) {
    stream.set_deadline(timeout);
    if (!wait_for_request(stream, buffer)) return;
    connection.set_busy(true);

    Parser parser;
    parser.header_limit(kMaxHeader);
    stream.set_deadline(timeout);
    error_code error;
    http::read_header(stream, buffer, parser, error);
    if (error) {
      HttpResponse response = refusal(error);
      if (response.status != 0) refuse(std::move(response));
      return;
    }

    const auto& request = parser.get();
    if (!has_one_host(request)) return refuse({.status = 400, .body = "Expected one Host and a path.\n"});
    const std::string_view target(request.target().data(), request.target().size());
    const auto method = request.method_string();
    const auto host = request[http::field::host];
    const auto query = target.find('?');
    HttpResponse response = respond({
        .method = {method.data(), method.size()},
        .path = target.substr(0, query),
        .query = query == std::string_view::npos ? std::string_view() : target.substr(query + 1),
        .host = {host.data(), host.size()},
    });
    const bool has_body = !parser.is_done();
    const bool keep_alive = request.keep_alive() && !has_body && !connection.stopping();
    const bool with_body = request.method() != http::verb::head;
    connection.stream().write_all(serialize(std::move(response), request.version(), keep_alive, with_body), timeout);
    if (has_body) return linger(connection.stream());
    if (!keep_alive) return;
    connection.set_busy(false);
  }
}

}  // namespace hilera
