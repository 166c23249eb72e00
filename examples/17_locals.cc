// GreenletLocal: a variable of which each greenlet has its own; and the request that every function can see.

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "greenrt/greenlet.h"
#include "greenrt/greenlet_local.h"
#include "greenrt/group.h"
#include "greenrt/hub.h"

void counters() {
  greenrt::GreenletLocal<int> stash;
  *stash = 1;
  greenrt::spawn([&] {
    std::printf("another greenlet finds it %s\n", stash.find() ? "set" : "not set");
    *stash = 2;
    std::printf("its own is %d\n", *stash);
  })->join();
  std::printf("mine is still %d\n", *stash);
}

// The request that the running greenlet works on, wherever in the program that is asked: no parameter is passed down.
struct Request {
  std::string user;
  std::string path;
};

class RequestLocal {
 public:
  // Sets the request for a scope.
  class Scope {
   public:
    Scope(RequestLocal& local, Request request) : local_(local) {
      *local_.current_ = std::make_unique<Request>(std::move(request));
    }
    ~Scope() { local_.current_.reset(); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    RequestLocal& local_;
  };

  const Request& operator*() {
    if (!*current_) throw std::logic_error("there is no request here");
    return **current_;
  }
  const Request* operator->() { return &**this; }

 private:
  greenrt::GreenletLocal<std::unique_ptr<Request>> current_;
};

RequestLocal request;

void log(const char* what) {
  std::printf("[%s %s] %s\n", request->user.c_str(), request->path.c_str(), what);
}

void logic() {
  log("begins");
  greenrt::yield();  // another request goes on
  log("ends");
}

void requests() {
  greenrt::Group group;
  for (const char* user : {"ada", "bob"}) {
    group.spawn([user] {
      const RequestLocal::Scope scope(request, {user, "/"});
      logic();
    });
  }
  group.join();
  try {
    log("outside");
  } catch (const std::logic_error& error) {
    std::puts(error.what());
  }
}

int main() {
  greenrt::Hub hub;
  hub.run([] {
    counters();
    requests();
  });
}
