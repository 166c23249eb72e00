// A conversation with a child process over two pipes, by hand: wait until a pipe is ready, then read or write.

#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <string>

#include "greenrt/greenlet.h"
#include "greenrt/hub.h"
#include "greenrt/pipe.h"
#include "greenrt/subprocess.h"

using namespace std::chrono_literals;
using greenrt::Subprocess;

void ask(greenrt::PipeEnd& to, const std::string& question) {
  to.wait_write();
  if (::write(to.fd(), question.data(), question.size()) != static_cast<ssize_t>(question.size()))
    std::puts("the pipe is full");  // it holds far more
}

std::string answer(greenrt::PipeEnd& from) {
  from.wait_read();  // every other greenlet goes on
  std::array<char, 256> buffer;
  const ssize_t size = ::read(from.fd(), buffer.data(), buffer.size());
  return {buffer.data(), static_cast<std::size_t>(size > 0 ? size : 0)};
}

int main() {
  greenrt::Hub hub;
  hub.run([] {
    Subprocess child({"sh", "-c", "while read word; do echo \"$word yourself\"; done"},
                     {.in = Subprocess::kPipe, .out = Subprocess::kPipe});
    const auto reader = greenrt::spawn([&child] {
      std::puts("reader: waits");
      std::printf("reader: got %s", answer(child.out()).c_str());
    });
    greenrt::yield();
    std::puts("writer: writes");
    ask(child.in(), "hello\n");
    reader->join();

    child.in().close();
    std::printf("the child has ended well: %d\n", child.wait(10s)->success());
  });
}
