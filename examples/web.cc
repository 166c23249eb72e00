#include "examples/web.h"

#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/string.hpp>

#include <cstddef>
#include <exception>
#include <stdexcept>
#include <utility>

namespace web {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using beast::error_code;
using greenrt::BeastStream;

using Parser = http::request_parser<http::string_body>;

constexpr std::size_t kReadSize = 2 * 1024;
constexpr unsigned kHttp11 = 11;

std::string_view view(beast::string_view text) {
  return {text.data(), text.size()};
}

void require(const error_code& error) {
  if (error) throw ClientGone(error.message());
}

void write(BeastStream& stream, Response response, error_code& error) {
  response.set("X-Content-Type-Options", "nosniff");
  http::write(stream, response, error);
}

void refuse(BeastStream& stream, http::status status, const char* why) {
  Response response = text(why, status);
  response.version(kHttp11);
  response.keep_alive(false);
  error_code gone;
  write(stream, std::move(response), gone);
  teardown(beast::role_type::server, stream, gone);  // closing with bytes unread would destroy the answer
}

// Answers what could not be read as a request, unless the client has just gone.
void refuse(BeastStream& stream, error_code error) {
  if (error == beast::error::timeout) return refuse(stream, http::status::request_timeout, "That took too long.\n");
  if (error == http::error::body_limit) return refuse(stream, http::status::payload_too_large, "Too much.\n");
  if (error == http::error::header_limit || error == http::error::buffer_overflow)
    return refuse(stream, http::status::request_header_fields_too_large, "Too long a header.\n");
  const bool gone = error == http::error::end_of_stream || error == http::error::partial_message;
  if (!gone && error.category() == make_error_code(http::error::bad_method).category())
    refuse(stream, http::status::bad_request, "This is no HTTP.\n");
}

bool wait_for_request(BeastStream& stream, beast::flat_buffer& buffer, greenrt::Deadline deadline) {
  if (buffer.size() > 0) return true;
  stream.set_read_deadline(deadline);
  error_code error;
  buffer.commit(stream.read_some(buffer.prepare(kReadSize), error));
  return !error;
}

// One whole request, from its first byte on.
void read(BeastStream& stream, beast::flat_buffer& buffer, Parser& parser, error_code& error) {
  http::read_header(stream, buffer, parser, error);
  if (error || parser.is_done()) return;
  if (beast::iequals(parser.get()[http::field::expect], "100-continue"))
    asio::write(stream, asio::buffer(std::string_view("HTTP/1.1 100 Continue\r\n\r\n")), error);
  if (!error) http::read(stream, buffer, parser, error);
}

bool is_proper(const Request& request) {
  return request.target().starts_with('/') && (request.version() < kHttp11 || request.count(http::field::host) == 1);
}

// True when another request may come.
bool answer(BeastStream& stream, Exchange& exchange, const Handler& handler) {
  try {
    handler(exchange);
    return exchange.finish();
  } catch (const ClientGone&) {
    return false;
  } catch (const std::exception&) {
    if (!exchange.answered()) refuse(stream, http::status::internal_server_error, "Sorry.\n");
    throw;
  }
}

}  // namespace

std::string_view Exchange::path() const {
  const std::string_view target = view(request_.target());
  return target.substr(0, target.find('?'));
}

std::string_view Exchange::parameter(std::string_view name) const {
  std::string_view rest = view(request_.target());
  rest.remove_prefix(path().size());
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(pair.size());
    if (pair.starts_with(name) && pair.substr(name.size()).starts_with('=')) return pair.substr(name.size() + 1);
  }
  return {};
}

void Exchange::respond(Response response) {
  keep_alive_ = request_.keep_alive();
  response.version(request_.version());
  response.keep_alive(keep_alive_);
  response.prepare_payload();
  if (request_.method() == http::verb::head) response.body().clear();  // its length is told all the same
  state_ = State::kAnswered;
  error_code error;
  write(stream_, std::move(response), error);
  require(error);
}

void Exchange::begin(std::string_view content_type) {
  http::response<http::empty_body> response(http::status::ok, request_.version());
  response.set(http::field::content_type, {content_type.data(), content_type.size()});
  response.set(http::field::cache_control, "no-store");
  // HTTP/1.0 knows no chunks: there, the end of the connection is the end of the answer.
  keep_alive_ = request_.keep_alive() && request_.version() >= kHttp11;
  response.keep_alive(keep_alive_);
  response.chunked(request_.version() >= kHttp11);
  state_ = State::kStreaming;
  http::response_serializer<http::empty_body> serializer(response);
  error_code error;
  http::write_header(stream_, serializer, error);
  require(error);
}

void Exchange::chunk(std::string_view text) {
  if (state_ != State::kStreaming) throw std::logic_error("a chunk without begin()");
  if (text.empty() || request_.method() == http::verb::head) return;  // an empty chunk would be the last
  error_code error;
  if (request_.version() >= kHttp11) {
    asio::write(stream_, http::make_chunk(asio::buffer(text)), error);
  } else {
    asio::write(stream_, asio::buffer(text), error);
  }
  require(error);
}

BeastStream& Exchange::take_over() {
  state_ = State::kTakenOver;
  return stream_;
}

bool Exchange::finish() {
  if (state_ == State::kWaiting) throw std::logic_error("a handler has not answered");
  error_code error;
  if (state_ == State::kStreaming && request_.version() >= kHttp11 && request_.method() != http::verb::head)
    asio::write(stream_, http::make_chunk_last(), error);
  require(error);
  return state_ != State::kTakenOver && keep_alive_;
}

void serve(greenrt::Stream& client, const Handler& handler, const Limits& limits) {
  BeastStream stream(std::move(client));
  stream.set_write_timeout(limits.write);
  beast::flat_buffer buffer(limits.header + kReadSize);
  while (wait_for_request(stream, buffer, limits.idle)) {
    Parser parser;
    parser.header_limit(limits.header);
    parser.body_limit(limits.body);
    stream.set_read_deadline(limits.request);
    error_code error;
    read(stream, buffer, parser, error);
    if (error) return refuse(stream, error);
    if (!is_proper(parser.get())) return refuse(stream, http::status::bad_request, "One Host, and a path, please.\n");
    Exchange exchange(stream, parser.release());
    if (!answer(stream, exchange, handler)) return;
  }
}

Handler answering(std::function<Response(const Request&)> function) {
  return [function = std::move(function)](Exchange& exchange) { exchange.respond(function(exchange.request())); };
}

Response text(std::string body, http::status status) {
  Response response(status, kHttp11);
  response.set(http::field::content_type, "text/plain; charset=utf-8");
  response.body() = std::move(body);
  response.prepare_payload();
  return response;
}

greenrt::StreamServer make_server(Handler handler, const Limits& limits, std::uint16_t port) {
  return greenrt::StreamServer(
      greenrt::Listener::bind_tcp(*greenrt::SocketAddress::parse("127.0.0.1", port)),
      [handler = std::move(handler), limits](greenrt::Stream& client) { serve(client, handler, limits); });
}

void Client::send(http::verb method, std::string_view target, std::string body) {
  Request request(method, {target.data(), target.size()}, kHttp11);
  request.set(http::field::host, "localhost");
  request.body() = std::move(body);
  request.prepare_payload();
  stream_.set_write_timeout(kPatience);
  http::write(stream_, request);
}

Response Client::ask(http::verb method, std::string_view target, std::string body) {
  send(method, target, std::move(body));
  stream_.set_read_deadline(kPatience);
  http::response_parser<http::string_body> parser;
  parser.skip(method == http::verb::head);
  http::read(stream_, buffer_, parser);
  return parser.release();
}

}  // namespace web
