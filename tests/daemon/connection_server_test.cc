#include "daemon/connection_server.h"

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <string>

#include "tests/ingest/fakes.h"
#include "tests/support/hub_fixture.h"

namespace hilera {
namespace {

using namespace std::chrono_literals;
using greenrt::testing::settle;
using greenrt::testing::take_errors;
using ingest::testing::eventually;
using ingest::testing::loopback;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::size_t kLargeStack = 1u << 30;
constexpr auto kTestLimit = 30s;  // for what must come; reached only when something is broken

// While it lives, the process gets hardly more memory than it has.
class HardlyAnyMemory {
 public:
  explicit HardlyAnyMemory(std::size_t more) {
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    ::getrlimit(RLIMIT_AS, &before_);
    rlimit limit = before_;
    limit.rlim_cur = pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) + more;
    EXPECT_EQ(::setrlimit(RLIMIT_AS, &limit), 0);
  }
  ~HardlyAnyMemory() { ::setrlimit(RLIMIT_AS, &before_); }
  HardlyAnyMemory(const HardlyAnyMemory&) = delete;
  HardlyAnyMemory& operator=(const HardlyAnyMemory&) = delete;

 private:
  rlimit before_{};
};

HUB_TEST_WITH(ConnectionServer, AConnectionThatGetsNoStackGivesItsPlaceBack, {.stack_size = kLargeStack}) {
  ConnectionServer server("test", greenrt::Listener::bind_tcp(loopback()), 1,
                          [](ConnectionServer::Connection& each) { each.stream().write_all("served", kTestLimit); });
  server.start();
  settle();
  std::array<std::byte, 16> buffer{};
  {
    const HardlyAnyMemory limit(kLargeStack / 2);
    greenrt::Stream client = greenrt::Stream::connect(server.local_address(), kTestLimit);
    EXPECT_EQ(client.read_some(buffer, kTestLimit), 0u) << "it is closed";
  }
  EXPECT_THAT(take_errors(), ElementsAre(HasSubstr("test connection: mmap of stacks for greenlets")));
  EXPECT_EQ(server.connections(), 0u);

  greenrt::Stream client = greenrt::Stream::connect(server.local_address(), kTestLimit);
  EXPECT_EQ(client.read_some(buffer, kTestLimit), 6u);
  EXPECT_EQ(server.stats().accepted, 2u);
  EXPECT_EQ(server.stats().refused, 0u);
  server.stop(kTestLimit);
  settle();
}

}  // namespace
}  // namespace hilera
