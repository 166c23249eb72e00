#include "daemon/page.h"

#include <string>
#include <string_view>

#include "daemon/page_files.h"

namespace hilera {
namespace {

HttpServer::Handler file(std::string_view text, std::string_view type) {
  return [=](const HttpRequest&) { return HttpResponse{.content_type = std::string(type), .body = std::string(text)}; };
}

}  // namespace

HttpServer::Routes page_routes() {
  return {{"/", file(page::kIndex, "text/html; charset=utf-8")},
          {"/page.css", file(page::kStyle, "text/css; charset=utf-8")},
          {"/page.js", file(page::kScript, "text/javascript; charset=utf-8")},
          {"/icon.svg", file(page::kIcon, "image/svg+xml")}};
}

}  // namespace hilera
