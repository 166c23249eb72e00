// flood: sends native frames at full speed for a while, as somebody does who wants others not to be heard.
//
//   flood PORT SECONDS one|many|victim|overheard [SERIAL]
//
//   one       from one socket, each frame with another serial
//   many      the same from a million addresses of 127.0.0.0/8, in turn
//   victim    from one socket, all in the name of SERIAL
//   overheard the same bytes all the time: a frame read from standard input
//
// But for the last one, frames have a tag of random bytes and key id 2, which costs a collector the most: it has to
// look for a key and to compute the right tag. Prints how many datagrams the kernel took.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/native_frame.h"

namespace {

namespace native = ingest::native;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kBatch = 64;
constexpr std::uint32_t kSources = 1'000'000;

std::vector<std::byte> forged_frame(std::string_view serial, std::uint32_t sequence, std::mt19937_64& random) {
  constexpr std::array kItem{std::byte{0}, std::byte{1}, std::byte{0x11}, std::byte{5}};
  std::vector<std::byte> frame;
  native::build_frame({.flags = native::kAckWanted | native::kTagged,
                       .key_id = 2,
                       .serial = serial,
                       .epoch = 0xFFFFFFFF,
                       .sequence = sequence,
                       .payload = kItem},
                      frame);
  for (std::size_t i = 0; i < native::kTagSize; ++i)
    frame.push_back(static_cast<std::byte>(random()));
  return frame;
}

// A batch for sendmmsg, whose messages leave from addresses of their own if they are given some.
class Batch {
 public:
  explicit Batch(bool with_sources) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      vectors_[i] = {.iov_base = nullptr, .iov_len = 0};
      msghdr& header = messages_[i].msg_hdr;
      header.msg_iov = &vectors_[i];
      header.msg_iovlen = 1;
      if (!with_sources) continue;
      header.msg_control = controls_[i].data();
      header.msg_controllen = controls_[i].size();
      cmsghdr* control = CMSG_FIRSTHDR(&header);
      control->cmsg_level = IPPROTO_IP;
      control->cmsg_type = IP_PKTINFO;
      control->cmsg_len = CMSG_LEN(sizeof(in_pktinfo));
    }
  }

  void set(std::size_t i, std::vector<std::byte> frame) {
    frames_[i] = std::move(frame);
    vectors_[i] = {.iov_base = frames_[i].data(), .iov_len = frames_[i].size()};
  }
  void set_source(std::size_t i, std::uint32_t address) {
    in_pktinfo info{};
    info.ipi_spec_dst.s_addr = htonl(address);
    std::memcpy(CMSG_DATA(CMSG_FIRSTHDR(&messages_[i].msg_hdr)), &info, sizeof info);
  }
  [[nodiscard]] std::uint64_t send(int fd) {
    const int sent = ::sendmmsg(fd, messages_.data(), kBatch, 0);
    return sent > 0 ? static_cast<std::uint64_t>(sent) : 0;
  }

 private:
  std::array<std::vector<std::byte>, kBatch> frames_;
  std::array<iovec, kBatch> vectors_{};
  std::array<mmsghdr, kBatch> messages_{};
  alignas(cmsghdr) std::array<std::array<std::byte, CMSG_SPACE(sizeof(in_pktinfo))>, kBatch> controls_{};
};

std::uint64_t flood(int fd, std::string_view mode, std::string_view victim, Clock::time_point end) {
  std::mt19937_64 random(std::random_device{}());
  Batch batch(mode == "many");
  if (mode == "overheard") {
    const std::string frame(std::istreambuf_iterator<char>(std::cin), {});
    const auto bytes = std::as_bytes(std::span(frame));
    for (std::size_t i = 0; i < kBatch; ++i)
      batch.set(i, {bytes.begin(), bytes.end()});
  }
  std::uint64_t sent = 0;
  for (std::uint32_t number = 0; Clock::now() < end; number += kBatch) {
    for (std::size_t i = 0; i < kBatch && mode != "overheard"; ++i) {
      const auto mine = number + static_cast<std::uint32_t>(i);
      const std::string serial = mode == "victim" ? std::string(victim) : "flood-" + std::to_string(mine % kSources);
      batch.set(i, forged_frame(serial, mine + 1, random));
      if (mode == "many") batch.set_source(i, 0x7F100000 + mine % kSources);
    }
    sent += batch.send(fd);
  }
  return sent;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: flood PORT SECONDS one|many|victim|overheard [SERIAL]\n");
    return 64;
  }
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in target{};
  target.sin_family = AF_INET;
  target.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[1])));
  target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&target), sizeof target) != 0) {
    std::perror("connect");
    return 1;
  }
  const auto end = Clock::now() + std::chrono::milliseconds(static_cast<int>(1000 * std::atof(argv[2])));
  std::printf("%llu\n", static_cast<unsigned long long>(flood(fd, argv[3], argc > 4 ? argv[4] : "sim-000001", end)));
  ::close(fd);
  return 0;
}
