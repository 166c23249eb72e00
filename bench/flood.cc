// flood: sends datagrams at full speed for a while, as somebody does who wants others not to be heard.
//
//   flood PORT SECONDS one|many|victim|elsewhere|overheard tagged|plain|semtech [SERIAL]
//
//   one       from one socket, each in the name of another device
//   many      the same from a million addresses of 127.0.0.0/8, in turn
//   victim    from one socket, all in the name of SERIAL
//   elsewhere the same from 127.0.0.9
//   overheard the same bytes all the time: a datagram read from standard input
//
//   tagged    native frames with a tag of random bytes and key id 2, which costs a collector the most: it has to look
//             for a key and to compute the right tag
//   plain     native frames without a tag
//   semtech   PUSH_DATA of a gateway
//
// Prints how many datagrams the kernel took.

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
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/native_frame.h"
#include "ingest/semtech_frame.h"

namespace {

namespace native = ingest::native;
namespace semtech = ingest::semtech;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kBatch = 64;
constexpr std::uint32_t kSources = 1'000'000;
constexpr std::uint32_t kEpoch = 0xFFFFFFFF;            // later than that of any device
constexpr std::uint64_t kEuis = 0x0300'0000'0000'0000;  // from here on, of no device

// Makes what is to be taken for a device's.
class Forger {
 public:
  // `victim` empty: each in the name of another device.
  Forger(std::string_view form, std::string_view victim) : form_(form), victim_(victim) {}

  std::vector<std::byte> make(std::uint32_t number) {
    return form_ == "semtech" ? push_data(number) : native_frame(number, form_ == "tagged");
  }

 private:
  std::vector<std::byte> native_frame(std::uint32_t number, bool tagged) {
    constexpr std::array kItem{std::byte{0}, std::byte{1}, std::byte{0x11}, std::byte{5}};
    const std::string serial = victim_.empty() ? "flood-" + std::to_string(number % kSources) : victim_;
    const std::uint8_t tag = tagged ? native::kTagged : 0;
    std::vector<std::byte> frame;
    native::build_frame({.flags = static_cast<std::uint8_t>(native::kAckWanted | tag),
                         .key_id = static_cast<std::uint8_t>(tagged ? 2 : 0),
                         .serial = serial,
                         .epoch = kEpoch,
                         .sequence = number + 1,
                         .payload = kItem},
                        frame);
    for (std::size_t i = 0; tagged && i < native::kTagSize; ++i)
      frame.push_back(static_cast<std::byte>(random_()));
    return frame;
  }

  std::vector<std::byte> push_data(std::uint32_t number) {
    const std::string body =
        R"({"rxpk":[{"tmst":)" + std::to_string(number) +
        R"(,"chan":99,"freq":868.1,"stat":1,"modu":"LORA","datr":"SF7BW125","size":3,"data":"AAAA"}]})";
    const std::uint64_t eui = victim_.empty() ? kEuis + number % kSources : std::stoull(victim_, nullptr, 16);
    std::array<std::byte, semtech::kEuiSize> bytes;
    for (std::size_t i = 0; i < bytes.size(); ++i)
      bytes[i] = static_cast<std::byte>(eui >> (8 * (bytes.size() - 1 - i)));
    std::vector<std::byte> datagram;
    semtech::build_frame({.token = static_cast<std::uint16_t>(number), .eui = bytes, .body = ingest::as_bytes(body)},
                         datagram);
    return datagram;
  }

  std::string form_;
  std::string victim_;
  std::mt19937_64 random_{std::random_device{}()};
};

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

std::uint64_t flood(int fd, std::string_view mode, Forger forger, Clock::time_point end) {
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
      batch.set(i, forger.make(mine));
      if (mode == "many") batch.set_source(i, 0x7F100000 + mine % kSources);
    }
    sent += batch.send(fd);
  }
  return sent;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: flood PORT SECONDS one|many|victim|elsewhere|overheard tagged|plain|semtech [SERIAL]\n");
    return 64;
  }
  const std::string_view mode = argv[3];
  const bool has_victim = (mode == "victim" || mode == "elsewhere") && argc > 5;
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in here{};
  here.sin_family = AF_INET;
  here.sin_addr.s_addr = htonl(mode == "elsewhere" ? INADDR_LOOPBACK + 8 : INADDR_LOOPBACK);
  if (mode != "many" && ::bind(fd, reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0) {
    std::perror("bind");
    return 1;
  }
  sockaddr_in target{};
  target.sin_family = AF_INET;
  target.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[1])));
  target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&target), sizeof target) != 0) {
    std::perror("connect");
    return 1;
  }
  const auto end = Clock::now() + std::chrono::milliseconds(static_cast<int>(1000 * std::atof(argv[2])));
  std::printf("%llu\n",
              static_cast<unsigned long long>(flood(fd, mode, Forger(argv[4], has_victim ? argv[5] : ""), end)));
  ::close(fd);
  return 0;
}
