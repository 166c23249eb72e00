#include "daemon/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <regex>
#include <set>
#include <string>
#include <string_view>

#include "greenrt/stream.h"
#include "tests/daemon/run_in_hub.h"

namespace hilera {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Contains;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr auto kTestLimit = 30s;

std::string ask(const HttpServer& server, const std::string& line, const std::string& host = "localhost") {
  auto stream = greenrt::Stream::connect(server.local_address(), kTestLimit);
  stream.write_all(line + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n", kTestLimit);
  std::string text;
  std::array<std::byte, 4096> buffer;
  while (const std::size_t size = stream.read_some(buffer, kTestLimit))
    text.append(reinterpret_cast<const char*>(buffer.data()), size);
  return text;
}

void with_page(const std::function<void(HttpServer&)>& body) {
  run_in_hub([&] {
    HttpConfig config;
    config.port = 0;
    HttpServer server(config, page_routes());
    server.start();
    body(server);
    server.stop(kTestLimit);
  });
}

std::string text_of(const std::string& path) {
  return page_routes().at(path)({}).body;
}

TEST(Page, IsServedWithWhatItNeeds) {
  with_page([](HttpServer& server) {
    EXPECT_THAT(ask(server, "GET /"), AllOf(StartsWith("HTTP/1.1 200 "), HasSubstr("Content-Type: text/html"),
                                            HasSubstr("<title>Hilera</title>"), EndsWith("</html>\n")));
    EXPECT_THAT(ask(server, "GET /page.js"), HasSubstr("Content-Type: text/javascript"));
    EXPECT_THAT(ask(server, "GET /page.css"), HasSubstr("Content-Type: text/css"));
    EXPECT_THAT(ask(server, "GET /icon.svg"), HasSubstr("Content-Type: image/svg+xml"));
    EXPECT_THAT(ask(server, "GET /index.html"), StartsWith("HTTP/1.1 404 "));
    EXPECT_THAT(ask(server, "POST /"), StartsWith("HTTP/1.1 405 "));
  });
}

TEST(Page, HeadTellsTheSizeAndNoMore) {
  with_page([](HttpServer& server) {
    const std::string size = std::to_string(text_of("/").size());
    EXPECT_THAT(ask(server, "HEAD /"), AllOf(StartsWith("HTTP/1.1 200 "), HasSubstr("Content-Length: " + size + "\r\n"),
                                             EndsWith("\r\n\r\n")));
  });
}

TEST(Page, IsNotForPagesOfOthers) {
  with_page([](HttpServer& server) {
    for (const char* path : {"/", "/page.js"}) {
      EXPECT_THAT(ask(server, std::string("GET ") + path, "evil.example"),
                  AllOf(StartsWith("HTTP/1.1 421 "), Not(HasSubstr("<html"))));
      EXPECT_THAT(
          ask(server, std::string("GET ") + path),
          AllOf(HasSubstr("frame-ancestors 'none'"), HasSubstr("Cross-Origin-Resource-Policy: same-origin\r\n"),
                HasSubstr("X-Content-Type-Options: nosniff\r\n"), HasSubstr("Referrer-Policy: no-referrer\r\n")));
    }
  });
}

TEST(Page, ItsPolicyLetsNothingInButItsOwnFiles) {
  with_page([](HttpServer& server) {
    EXPECT_THAT(ask(server, "GET /"),
                AllOf(HasSubstr("Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
                                "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "),
                      Not(HasSubstr("unsafe"))));
  });
}

TEST(Page, HasNothingInlineAndNothingFromElsewhere) {
  const std::string index = text_of("/");
  EXPECT_FALSE(std::regex_search(index, std::regex(R"(\son\w+=|\sstyle=|<style|<script(?![^>]*src=)|javascript:)")));
  EXPECT_THAT(text_of("/page.js"), AllOf(Not(HasSubstr("innerHTML")), Not(HasSubstr("eval("))));
  EXPECT_THAT(text_of("/page.css"), Not(HasSubstr("url(")));

  const std::set<std::string> others{"status", "metrics", "greenlets", "readyz"};
  const auto routes = page_routes();
  const std::regex reference(R"re((?:src|href)="([^"]*)")re");
  for (std::sregex_iterator each(index.begin(), index.end(), reference), end; each != end; ++each) {
    const std::string target = (*each)[1];
    EXPECT_TRUE(routes.contains("/" + target) || others.contains(target)) << target;
  }
}

TEST(Page, EachElementThatTheScriptNamesIsThereOnce) {
  const std::string index = text_of("/");
  const std::string script = text_of("/page.js");
  std::multiset<std::string> ids;
  const std::regex id(R"re(\sid="([^"]*)")re");
  for (std::sregex_iterator each(index.begin(), index.end(), id), end; each != end; ++each)
    ids.insert((*each)[1]);
  for (const std::string& each : ids)
    EXPECT_EQ(ids.count(each), 1u) << each;
  const std::regex use(R"re((?:byId|fill)\("([a-z-]*)")re");
  for (std::sregex_iterator each(script.begin(), script.end(), use), end; each != end; ++each)
    EXPECT_THAT(ids, Contains((*each)[1].str()));
}

}  // namespace
}  // namespace hilera
