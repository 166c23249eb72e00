#include "greenrt/udp_socket.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "greenrt/error.h"
#include "greenrt/greenlet.h"
#include "tests/support/hub_fixture.h"

namespace greenrt {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::let_poll;
using testing::settle;

SocketAddress address(const char* host, std::uint16_t port = 0) {
  return SocketAddress::parse(host, port).value();
}

UdpSocket bind_loopback(const UdpOptions& options = {}) {
  return UdpSocket::bind(address("127.0.0.1"), options);
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string text_of(const ReceiveBatch& batch, std::size_t index) {
  const auto bytes = batch.bytes(index);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::vector<std::string> texts_of(const ReceiveBatch& batch) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < batch.size(); ++i)
    texts.push_back(text_of(batch, i));
  return texts;
}

UdpSocket::SendResult send(UdpSocket& socket, const SocketAddress& to, const std::vector<std::string>& texts) {
  SendBatch batch(texts.size());
  for (const std::string& text : texts)
    batch.add(bytes_of(text), {.peer = to});
  return socket.send(batch);
}

bool has_ipv6_loopback() {
  const int fd = ::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const SocketAddress loopback = address("::1");
  const bool bound = ::bind(fd, loopback.raw(), loopback.size()) == 0;
  ::close(fd);
  return bound;
}

HUB_TEST(UdpSocket, ReceivesABatchInOrder) {
  UdpSocket receiver = bind_loopback();
  UdpSocket sender = bind_loopback();
  const auto result = send(sender, receiver.local_address(), {"one", "", "three"});
  EXPECT_EQ(result.sent, 3u);
  EXPECT_EQ(result.failed, 0u);

  ReceiveBatch batch(8, 100);
  EXPECT_TRUE(receiver.receive(batch));
  EXPECT_THAT(texts_of(batch), ElementsAre("one", "", "three"));
  EXPECT_EQ(batch.peer(0), sender.local_address());
  EXPECT_EQ(batch.path(2).peer, sender.local_address());
  EXPECT_FALSE(receiver.try_receive(batch));
  EXPECT_EQ(batch.size(), 0u);
}

HUB_TEST(UdpSocket, ReceivesNoMoreThanTheBatchHoldsAndLeavesTheRest) {
  UdpSocket receiver = bind_loopback();
  UdpSocket sender = bind_loopback();
  send(sender, receiver.local_address(), {"1", "2", "3", "4", "5"});
  ReceiveBatch batch(2, 100);
  EXPECT_EQ(batch.capacity(), 2u);
  std::vector<std::string> all;
  while (receiver.try_receive(batch)) {
    for (const std::string& text : texts_of(batch))
      all.push_back(text);
  }
  EXPECT_THAT(all, ElementsAre("1", "2", "3", "4", "5"));
}

HUB_TEST(UdpSocket, WaitsForTheFirstDatagram) {
  UdpSocket receiver = bind_loopback();
  UdpSocket sender = bind_loopback();
  ReceiveBatch batch(4, 100);
  const auto waiting = spawn([&] { return receiver.receive(batch); });
  let_poll();
  EXPECT_FALSE(waiting->ready());
  send(sender, receiver.local_address(), {"hello"});
  EXPECT_TRUE(waiting->get());
  EXPECT_THAT(texts_of(batch), ElementsAre("hello"));
}

HUB_TEST(UdpSocket, ReceiveIsFalseAtTheDeadline) {
  UdpSocket receiver = bind_loopback();
  ReceiveBatch batch(4, 100);
  EXPECT_FALSE(receiver.receive(batch, 1ms));
  EXPECT_EQ(batch.size(), 0u);
}

HUB_TEST(UdpSocket, TellsWhenADatagramWasTooLong) {
  UdpSocket receiver = bind_loopback();
  UdpSocket sender = bind_loopback();
  send(sender, receiver.local_address(), {"0123456789", "01234"});
  ReceiveBatch batch(4, 5);
  ASSERT_TRUE(receiver.receive(batch));
  EXPECT_THAT(texts_of(batch), ElementsAre("01234", "01234"));
  EXPECT_TRUE(batch.truncated(0));
  EXPECT_FALSE(batch.truncated(1));
}

TEST(ReceiveBatch, HoldsAtLeastOneDatagram) {
  EXPECT_THROW(ReceiveBatch(0, 100), std::invalid_argument);
}

using LocalAddress = decltype(UdpPath::local);

// The answer must come from the address that the request went to, though the socket may be bound to all of them.
// `noted`: what the path of the request has of that address.
void answer_leaves_from_the_address_used(const char* bound, const char* used, const char* asking,
                                         const LocalAddress& noted) {
  UdpSocket server = UdpSocket::bind(address(bound));
  UdpSocket client = UdpSocket::bind(address(asking));
  const SocketAddress target = address(used, server.local_address().port());
  send(client, target, {"ping"});

  ReceiveBatch batch(4, 100);
  ASSERT_TRUE(server.receive(batch));
  EXPECT_EQ(batch.path(0).local, noted);
  SendBatch answer(1);
  answer.add(bytes_of("pong"), batch.path(0));
  EXPECT_EQ(server.send(answer).sent, 1u);

  ASSERT_TRUE(client.receive(batch));
  EXPECT_EQ(text_of(batch, 0), "pong");
  EXPECT_EQ(batch.peer(0).to_string(), target.to_string());
}

HUB_TEST(UdpSocket, AnswerLeavesFromTheAddressThatWasUsed) {
  answer_leaves_from_the_address_used("0.0.0.0", "127.0.0.2", "127.0.0.1", address("127.0.0.2").mapped());
}

HUB_TEST(UdpSocket, SocketWithOneAddressAnswersFromThereAndAsksTheKernelForNoOther) {
  answer_leaves_from_the_address_used("127.0.0.2", "127.0.0.2", "127.0.0.1", LocalAddress{});
}

HUB_TEST(UdpSocket, AnswerOverIPv6LeavesFromTheAddressThatWasUsed) {
  if (!has_ipv6_loopback()) GTEST_SKIP() << "no IPv6 here";
  answer_leaves_from_the_address_used("::", "::1", "::1", address("::1").mapped());
}

HUB_TEST(UdpSocket, AnswerToIPv4OverIPv6LeavesFromTheAddressThatWasUsed) {
  if (!has_ipv6_loopback()) GTEST_SKIP() << "no IPv6 here";
  answer_leaves_from_the_address_used("::", "127.0.0.2", "127.0.0.1", address("127.0.0.2").mapped());
}

HUB_TEST(UdpSocket, CountsWhatTheKernelDrops) {
  UdpSocket receiver = bind_loopback({.receive_buffer = 4096});
  UdpSocket sender = bind_loopback();
  constexpr std::size_t kSent = 50;
  const std::string block(1000, 'x');
  for (std::size_t i = 0; i < kSent; ++i)
    send(sender, receiver.local_address(), {block});

  ReceiveBatch batch(64, 1000);
  ASSERT_TRUE(receiver.try_receive(batch));
  const std::size_t received = batch.size();
  EXPECT_LT(received, kSent);
  EXPECT_EQ(receiver.kernel_drops(), 0u);  // nothing has been received since
  send(sender, receiver.local_address(), {"next"});
  ASSERT_TRUE(receiver.try_receive(batch));
  EXPECT_EQ(receiver.kernel_drops(), kSent - received);
}

HUB_TEST(UdpSocket, GoesOnWithTheDropsOfASocketThatItTakesOver) {
  UdpSocket first = bind_loopback({.receive_buffer = 4096});
  const int kept = ::fcntl(first.fd(), F_DUPFD_CLOEXEC, 0);  // as systemd keeps it
  const SocketAddress to = first.local_address();
  UdpSocket sender = bind_loopback();
  const std::string block(1000, 'x');
  std::size_t sent = 0;
  ReceiveBatch batch(64, 1000);
  std::size_t received = 0;
  for (int round = 0; round < 2; ++round) {  // in the second one, what waits has the mark of the first one's drops
    for (int i = 0; i < 50; ++i, ++sent)
      send(sender, to, {block});
    if (round > 0) break;
    ASSERT_TRUE(first.try_receive(batch));
    received += batch.size();
  }
  first.close();

  UdpSocket second = UdpSocket::adopt(kept);
  const std::uint64_t before = second.kernel_drops();
  EXPECT_EQ(second.kernel_drops_before(), before);
  EXPECT_GT(before, 0u);
  ASSERT_TRUE(second.try_receive(batch));
  received += batch.size();
  EXPECT_EQ(before, sent - received);
  EXPECT_EQ(second.kernel_drops(), before) << "what waited knows of fewer";
  for (int i = 0; i < 50; ++i, ++sent)
    send(sender, to, {block});
  ASSERT_TRUE(second.try_receive(batch));
  received += batch.size();
  send(sender, to, {"next"});
  ASSERT_TRUE(second.try_receive(batch));
  EXPECT_EQ(second.kernel_drops(), sent - received);
  EXPECT_EQ(second.kernel_drops_before(), before);
}

HUB_TEST(UdpSocket, TellsHowFullItsReceiveBufferIs) {
  auto receiver = bind_loopback({.receive_buffer = 64 * 1024});
  auto sender = bind_loopback();
  EXPECT_EQ(receiver.receive_backlog(), 0);
  double before = 0;
  for (int i = 0; i < 4; ++i) {
    send(sender, receiver.local_address(), std::vector<std::string>(8, std::string(500, 'x')));
    EXPECT_GT(receiver.receive_backlog(), before);
    before = receiver.receive_backlog();
  }
  for (int i = 0; i < 100; ++i)
    send(sender, receiver.local_address(), std::vector<std::string>(8, std::string(500, 'x')));
  EXPECT_GT(receiver.receive_backlog(), 0.9);
  EXPECT_LE(receiver.receive_backlog(), 1);
  ReceiveBatch batch(64, 500);
  while (receiver.try_receive(batch)) {
  }
  EXPECT_EQ(receiver.receive_backlog(), 0);
}

HUB_TEST(UdpSocket, DatagramThatIsRefusedDoesNotStopTheOthers) {
  UdpSocket receiver = bind_loopback();
  UdpSocket sender = bind_loopback();
  const SocketAddress good = receiver.local_address();
  const std::string too_long(70'000, 'x');

  SendBatch batch(4);
  batch.add(bytes_of("1"), {.peer = good});
  batch.add(bytes_of(too_long), {.peer = good});
  batch.add(bytes_of("2"), {.peer = good});
  UdpPath from_elsewhere{.peer = good};
  from_elsewhere.local = address("192.0.2.77").mapped();
  batch.add(bytes_of("3"), from_elsewhere);
  EXPECT_TRUE(batch.full());
  const auto result = sender.send(batch);
  EXPECT_EQ(result.sent, 2u);
  EXPECT_EQ(result.failed, 2u);
  EXPECT_NE(result.error, 0);
  EXPECT_TRUE(batch.empty());

  ReceiveBatch received(4, 100);
  ASSERT_TRUE(receiver.receive(received));
  EXPECT_THAT(texts_of(received), ElementsAre("1", "2"));
}

HUB_TEST(UdpSocket, BatchKeepsItsOwnCopyAndMayBeUsedAgain) {
  UdpSocket receiver = bind_loopback();
  UdpSocket sender = bind_loopback();
  SendBatch batch(1);
  ReceiveBatch received(4, 100);
  for (const char* text : {"first", "second"}) {
    std::string original = text;
    batch.add(bytes_of(original), {.peer = receiver.local_address()});
    EXPECT_EQ(batch.size(), 1u);
    original.assign(original.size(), '#');
    EXPECT_EQ(sender.send(batch).sent, 1u);
    ASSERT_TRUE(receiver.receive(received));
    EXPECT_THAT(texts_of(received), ElementsAre(text));
  }
  EXPECT_EQ(sender.send(batch).sent, 0u);
}

HUB_TEST(UdpSocket, CloseWakesTheReceiverWithClosed) {
  UdpSocket receiver = bind_loopback();
  ReceiveBatch batch(4, 100);
  const auto waiting = spawn([&] { EXPECT_THROW(receiver.receive(batch), Closed); });
  yield();
  receiver.close();
  receiver.close();
  waiting->get();
  EXPECT_THROW(receiver.try_receive(batch), Closed);
  SendBatch answer(1);
  answer.add(bytes_of("x"), {.peer = address("127.0.0.1", 9)});
  EXPECT_THROW(receiver.send(answer), Closed);
}

HUB_TEST(UdpSocket, MayBeDestroyedUnderItsReceiver) {
  std::optional<UdpSocket> receiver(bind_loopback());
  ReceiveBatch batch(4, 100);
  const auto waiting = spawn([&] { EXPECT_THROW(receiver->receive(batch, 1h), Closed); });
  yield();
  receiver.reset();
  waiting->get();
}

HUB_TEST(UdpSocket, ErrorsThatPeersCauseArePassedOver) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ASSERT_GE(fd, 0);
  std::optional<UdpSocket> peer(bind_loopback());
  const SocketAddress peer_address = peer->local_address();
  ASSERT_EQ(::connect(fd, peer_address.raw(), peer_address.size()), 0);  // so that the kernel tells of ICMP errors
  UdpSocket socket = UdpSocket::adopt(fd);
  peer.reset();

  ReceiveBatch batch(4, 100);
  send(socket, peer_address, {"to nobody"});
  EXPECT_FALSE(socket.receive(batch, 1ms));

  send(socket, peer_address, {"to nobody"});
  peer.emplace(UdpSocket::bind(peer_address));
  send(*peer, socket.local_address(), {"here again"});
  ASSERT_TRUE(socket.receive(batch));
  EXPECT_THAT(texts_of(batch), ElementsAre("here again"));
}

HUB_TEST(UdpSocket, TakesOverABoundDescriptor) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ASSERT_GE(fd, 0);
  const SocketAddress any = address("0.0.0.0");
  ASSERT_EQ(::bind(fd, any.raw(), any.size()), 0);
  UdpSocket socket = UdpSocket::adopt(fd);
  EXPECT_EQ(socket.fd(), fd);
  EXPECT_NE(::fcntl(fd, F_GETFL) & O_NONBLOCK, 0);

  UdpSocket sender = bind_loopback();
  send(sender, address("127.0.0.3", socket.local_address().port()), {"x"});
  ReceiveBatch batch(1, 100);
  ASSERT_TRUE(socket.receive(batch));
  EXPECT_EQ(batch.path(0).local, address("127.0.0.3").mapped());
}

HUB_TEST(UdpSocket, FailsToBindWithTheReason) {
  UdpSocket socket = bind_loopback();
  EXPECT_THROW(UdpSocket::bind(socket.local_address()), std::system_error);
  EXPECT_THROW(UdpSocket::bind(address("192.0.2.77")), std::system_error);
}

HUB_TEST(UdpSocket, SharesAPortWhenAllAskForIt) {
  UdpSocket one = UdpSocket::bind(address("127.0.0.1"), {.reuse_port = true});
  UdpSocket two = UdpSocket::bind(one.local_address(), {.reuse_port = true});
  EXPECT_EQ(one.local_address(), two.local_address());
}

HUB_TEST(UdpSocket, TellsTheSizeOfItsReceiveBuffer) {
  UdpSocket socket = bind_loopback({.receive_buffer = 100'000});
  EXPECT_GE(socket.receive_buffer(), 100'000u);
}

HUB_TEST(UdpSocket, MovesWithItsDescriptor) {
  UdpSocket first = bind_loopback();
  const SocketAddress bound = first.local_address();
  UdpSocket second = std::move(first);
  EXPECT_EQ(second.local_address(), bound);
  ReceiveBatch batch(1, 10);
  EXPECT_THROW(first.try_receive(batch), Closed);  // NOLINT(bugprone-use-after-move)
}

}  // namespace
}  // namespace greenrt
