#include "greenrt/stream.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "greenrt/error.h"
#include "greenrt/greenlet.h"
#include "tests/support/hub_fixture.h"

namespace greenrt {
namespace {

using namespace std::chrono_literals;
using testing::let_poll;
using testing::settle;

Listener listen_on_loopback() {
  return Listener::bind_tcp(SocketAddress::parse("127.0.0.1", 0).value());
}

// Two connected TCP streams.
struct Pair {
  Stream client;
  Stream server;
};

Pair connected_pair() {
  Listener listener = listen_on_loopback();
  Stream client = Stream::connect(listener.local_address());
  return {std::move(client), listener.accept()};
}

std::string read_until_end(Stream& stream) {
  std::string text;
  std::array<std::byte, 1000> buffer{};
  while (const std::size_t count = stream.read_some(buffer))
    text.append(reinterpret_cast<const char*>(buffer.data()), count);
  return text;
}

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "greenrt-XXXXXX").string();
    if (!::mkdtemp(name.data())) std::abort();
    path_ = name;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] std::string file(const char* name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

HUB_TEST(Stream, CarriesBytesBothWays) {
  Pair pair = connected_pair();
  pair.client.write_all("question");
  pair.client.shutdown_write();
  EXPECT_EQ(read_until_end(pair.server), "question");
  pair.server.write_all("answer");
  pair.server.close();
  EXPECT_EQ(read_until_end(pair.client), "answer");
}

HUB_TEST(Stream, WaitsForBytes) {
  Pair pair = connected_pair();
  std::array<std::byte, 10> buffer{};
  const auto reader = spawn([&] { return pair.server.read_some(buffer); });
  let_poll();
  EXPECT_FALSE(reader->ready());
  pair.client.write_all("abc");
  EXPECT_EQ(reader->get(), 3u);
}

HUB_TEST(Stream, WritesMoreThanTheKernelTakesAtOnce) {
  Pair pair = connected_pair();
  const std::string text(8 * 1024 * 1024, 'x');
  const auto writer = spawn([&] {
    pair.client.write_all(text);
    pair.client.shutdown_write();
  });
  yield();
  EXPECT_FALSE(writer->ready());
  EXPECT_EQ(read_until_end(pair.server).size(), text.size());
  writer->get();
}

HUB_TEST(Stream, WritesWhatLiesInManyPlaces) {
  Pair pair = connected_pair();
  pair.client.send_at_once();
  std::string large(4 * 1024 * 1024, 'x');
  std::vector<iovec> pieces{{nullptr, 0}, {large.data(), large.size()}, {nullptr, 0}};
  std::string small = "abc";
  for (int count = 0; count < 2000; ++count)  // more than one call of the kernel takes
    pieces.push_back({small.data(), small.size()});
  const auto writer = spawn([&] {
    pair.client.write_all_of(pieces);
    pair.client.shutdown_write();
  });
  yield();
  EXPECT_FALSE(writer->ready());
  const std::string got = read_until_end(pair.server);
  EXPECT_EQ(got.size(), large.size() + 6000);
  EXPECT_EQ(got.substr(large.size(), 6), "abcabc");
  writer->get();
}

HUB_TEST(Stream, EndsAWriteOfManyPiecesByItsDeadlineOrAClose) {
  Pair pair = connected_pair();
  std::string large(64 * 1024 * 1024, 'x');
  std::vector<iovec> pieces{{large.data(), large.size()}};
  EXPECT_THROW(pair.client.write_all_of(pieces, 1ms), TimeoutExpired);
  pair.client.close();
  EXPECT_THROW(pair.client.write_all_of(pieces), Closed);
}

HUB_TEST(Stream, ThrowsTimeoutExpiredAtTheDeadline) {
  Pair pair = connected_pair();
  std::array<std::byte, 10> buffer{};
  EXPECT_THROW(pair.server.read_some(buffer, 1ms), TimeoutExpired);
  const std::string text(64 * 1024 * 1024, 'x');
  EXPECT_THROW(pair.client.write_all(text, 1ms), TimeoutExpired);
}

HUB_TEST(Stream, CloseWakesReaderAndWriterWithClosed) {
  Pair pair = connected_pair();
  std::array<std::byte, 10> buffer{};
  const std::string text(64 * 1024 * 1024, 'x');
  const auto reader = spawn([&] { EXPECT_THROW(pair.client.read_some(buffer), Closed); });
  const auto writer = spawn([&] { EXPECT_THROW(pair.client.write_all(text), Closed); });
  let_poll();
  pair.client.close();
  pair.client.close();
  reader->get();
  writer->get();
  EXPECT_THROW(pair.client.read_some(buffer), Closed);
  EXPECT_THROW(pair.client.write_all("x"), Closed);
}

HUB_TEST(Stream, MayBeDestroyedUnderItsReader) {
  std::optional<Pair> pair(connected_pair());
  std::array<std::byte, 10> buffer{};
  const auto reader = spawn([&] { EXPECT_THROW(pair->client.read_some(buffer, 1h), Closed); });
  yield();
  pair.reset();
  reader->get();
}

HUB_TEST(Stream, WriteToAPeerThatIsGoneFailsWithoutASignal) {
  Pair pair = connected_pair();
  pair.server.close();
  EXPECT_THROW(
      {
        while (true) {
          pair.client.write_all("x");
          let_poll();
        }
      },
      std::system_error);
}

HUB_TEST(Stream, ConnectIsRefusedWithTheReason) {
  SocketAddress nobody;
  {
    const Listener listener = listen_on_loopback();
    nobody = listener.local_address();
  }
  try {
    Stream::connect(nobody);
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), ECONNREFUSED);
  }
}

HUB_TEST(Stream, ConnectEndsAtTheDeadlineWhenNobodyAnswers) {
  Listener full = Listener::bind_tcp(SocketAddress::parse("127.0.0.1", 0).value(), 0);
  std::vector<Stream> waiting;
  EXPECT_THROW(
      {
        while (true)
          waiting.push_back(Stream::connect(full.local_address(), 20ms));
      },
      TimeoutExpired);
}

HUB_TEST(Stream, KnowsItsPeer) {
  Pair pair = connected_pair();
  EXPECT_EQ(pair.server.peer_address(), SocketAddress::local_of(pair.client.fd()));
}

HUB_TEST(Stream, MoveAssignmentClosesWhatWasThere) {
  Pair one = connected_pair();
  Pair two = connected_pair();
  one.client = std::move(two.client);
  EXPECT_EQ(read_until_end(one.server), "");
  one.client.write_all("moved");
  one.client.close();
  EXPECT_EQ(read_until_end(two.server), "moved");
}

HUB_TEST(UnixStream, CarriesBytesAndTellsWhoIsThere) {
  const TemporaryFolder folder;
  Listener listener = Listener::bind_unix(folder.file("socket"), 0660);
  Stream client = Stream::connect_unix(folder.file("socket"));
  Stream server = listener.accept();
  client.write_all("hello");
  client.close();
  const auto peer = server.peer_credentials();
  EXPECT_EQ(peer.pid, ::getpid());
  EXPECT_EQ(peer.uid, ::getuid());
  EXPECT_EQ(peer.gid, ::getgid());
  EXPECT_EQ(read_until_end(server), "hello");
}

HUB_TEST(UnixStream, FileHasItsModeWhateverTheUmaskIs) {
  const TemporaryFolder folder;
  const mode_t before = ::umask(0777);
  const Listener listener = Listener::bind_unix(folder.file("socket"), 0660);
  EXPECT_EQ(::umask(before), 0777u);
  struct stat status {};
  ASSERT_EQ(::stat(folder.file("socket").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0660u);
}

HUB_TEST(UnixStream, PathMustBeFreeAndShortEnough) {
  const TemporaryFolder folder;
  const Listener listener = Listener::bind_unix(folder.file("socket"), 0600);
  EXPECT_THROW(Listener::bind_unix(folder.file("socket"), 0600), std::system_error);
  EXPECT_THROW(Listener::bind_unix(std::string(200, 'x'), 0600), std::system_error);
  EXPECT_THROW(Stream::connect_unix(folder.file("nothing")), std::system_error);
}

HUB_TEST(Listener, WaitsForAConnection) {
  Listener listener = listen_on_loopback();
  const auto accepting = spawn([&] { return listener.accept().fd() >= 0; });
  let_poll();
  EXPECT_FALSE(accepting->ready());
  const Stream client = Stream::connect(listener.local_address());
  EXPECT_TRUE(accepting->get());
}

HUB_TEST(Listener, ThrowsTimeoutExpiredAtTheDeadline) {
  Listener listener = listen_on_loopback();
  EXPECT_THROW(listener.accept(1ms), TimeoutExpired);
}

HUB_TEST(Listener, CloseWakesWhoAcceptsWithClosed) {
  Listener listener = listen_on_loopback();
  const auto accepting = spawn([&] { EXPECT_THROW(listener.accept(), Closed); });
  yield();
  listener.close();
  accepting->get();
  EXPECT_THROW(listener.accept(), Closed);
}

// UBSan looks at objects through a pipe, and takes them for broken when it gets none.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitizerNeedsDescriptors = true;
#else
constexpr bool kSanitizerNeedsDescriptors = false;
#endif

// Leaves no descriptor free for as long as it lives.
class NoFreeDescriptors {
 public:
  NoFreeDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const int next = ::dup(0);
    ::close(next);
    const rlimit limit{static_cast<rlim_t>(next), before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  ~NoFreeDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoFreeDescriptors(const NoFreeDescriptors&) = delete;
  NoFreeDescriptors& operator=(const NoFreeDescriptors&) = delete;

 private:
  rlimit before_{};
};

HUB_TEST(Listener, PausesWhileDescriptorsRunOutAndThenGoesOn) {
  if (kSanitizerNeedsDescriptors) GTEST_SKIP();
  Listener listener = listen_on_loopback();
  const Stream client = Stream::connect(listener.local_address());
  Ref<GreenletOf<bool>> accepting;
  {
    const NoFreeDescriptors none;
    accepting = spawn([&] { return listener.accept().fd() >= 0; });
    const auto passes = Hub::current().stats().passes;
    sleep(5ms);
    EXPECT_FALSE(accepting->ready());
    EXPECT_LE(Hub::current().stats().passes, passes + 5);
  }
  EXPECT_TRUE(accepting->get());
}

HUB_TEST(Listener, KeepsItsDeadlineWhileDescriptorsRunOut) {
  if (kSanitizerNeedsDescriptors) GTEST_SKIP();
  Listener listener = listen_on_loopback();
  const Stream client = Stream::connect(listener.local_address());
  const NoFreeDescriptors none;
  EXPECT_THROW(listener.accept(15ms), TimeoutExpired);
}

HUB_TEST(Listener, MayBeClosedWhileDescriptorsRunOut) {
  if (kSanitizerNeedsDescriptors) GTEST_SKIP();
  Listener listener = listen_on_loopback();
  const Stream client = Stream::connect(listener.local_address());
  const NoFreeDescriptors none;
  const auto accepting = spawn([&] { EXPECT_THROW(listener.accept(), Closed); });
  yield();
  EXPECT_STREQ(accepting->waiting_for(), "writing");
  listener.close();
  yield();
  EXPECT_TRUE(accepting->ready());
}

}  // namespace
}  // namespace greenrt
