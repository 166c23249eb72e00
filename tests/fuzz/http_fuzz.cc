// Target http: what a peer sends on a connection to the HTTP endpoint. Each request that is understood is answered
// once, in order, with a well-formed answer; what follows one that is not understood is never looked at.

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <string>
#include <vector>

#include "daemon/host_port.h"
#include "daemon/http_connection.h"
#include "tests/fuzz/conversation.h"

namespace {

using fuzz::check;
using namespace hilera;

constexpr std::chrono::seconds kPatience{10};
constexpr std::size_t kMaxInput = 32 * 1024;
constexpr std::string_view kHeaderEnd = "\r\n\r\n";
constexpr std::array kStatuses = {200, 400, 404, 408, 413, 431};

bool is_clean(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

HttpResponse respond(const HttpRequest& request) {
  check(!request.method.empty() && is_clean(request.method), "a method is a word");
  check(request.path.starts_with('/') && request.path.find('?') == std::string_view::npos, "a path is one");
  check(is_clean(request.path) && is_clean(request.query) && is_clean(request.host), "no header has two lines");
  if (!parse_host_port(request.host, 1)) return {.status = 404, .body = "no such host\n"};
  return {.status = 200, .body = std::string(request.query)};
}

// Takes one answer from the front.
void take_answer(std::string_view& answers, bool with_body) {
  constexpr std::string_view kVersions[] = {"HTTP/1.0 ", "HTTP/1.1 "};
  constexpr std::string_view kLength = "\r\nContent-Length: ";
  check(answers.starts_with(kVersions[0]) || answers.starts_with(kVersions[1]), "an answer has a status line");
  int status = 0;
  std::from_chars(answers.data() + kVersions[0].size(), answers.data() + answers.size(), status);
  check(std::ranges::count(kStatuses, status) == 1, "a status is one of a few");
  const auto end = answers.find(kHeaderEnd);
  check(end != std::string_view::npos, "a header ends");
  const auto header = answers.substr(0, end);
  const auto field = header.find(kLength);
  check(field != std::string_view::npos, "an answer has a length");
  std::size_t length = 0;
  std::from_chars(header.data() + field + kLength.size(), header.data() + header.size(), length);
  if (!with_body) length = 0;
  answers.remove_prefix(end + kHeaderEnd.size());
  check(answers.size() >= length, "an answer is as long as it says");
  answers.remove_prefix(length);
}

void run(fuzz::Bytes input) {
  if (input.size() > kMaxInput) return;
  std::vector<bool> with_body;  // of each request that was understood
  std::string answers;
  ConnectionServer::Stats stats;
  fuzz::run_in_hub([&] {
    ConnectionServer server("http", greenrt::Listener::bind_unix(fuzz::socket_path(), 0600), 1, [&](auto& connection) {
      serve_http(connection, kPatience, [&](const HttpRequest& request) {
        with_body.push_back(request.method != "HEAD");
        return respond(request);
      });
    });
    server.start();
    answers = fuzz::converse(fuzz::socket_path(), input);
    server.stop(kPatience);
    stats = server.stats();
  });
  ::unlink(fuzz::socket_path().c_str());
  check(stats.accepted == 1 && stats.refused == 0, "the connection was served");
  std::string_view rest = answers;
  for (const bool each : with_body) {
    if (rest.empty() && stats.failed > 0) return;  // the peer did not wait for the answers
    take_answer(rest, each);
  }
  if (!rest.empty()) take_answer(rest, true);
  check(rest.empty(), "at most one answer is to no request, and it is the last");
}

const fuzz::Target kTarget("http", run);

}  // namespace
