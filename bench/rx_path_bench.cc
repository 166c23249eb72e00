// The path of a received frame, beside a bare recvmmsg loop over the same datagrams.
//
//   rx/bare_recvmmsg        the system call alone, 64 datagrams a call: what no receiver can beat
//   rx/pipeline_null_store  receive, admission, greenlet, decode (native), chain, custody that stores nothing
//   rx/pipeline_many        the same with 100 000 devices instead of 1 000
//
// Each iteration fills a loopback socket, then times how long it takes to empty it. What counts is `ns_per_frame`, the
// median over the iterations; the last lines are the ratio of the first two, and that of the last two.

#include <benchmark/benchmark.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "greenrt/event.h"
#include "greenrt/hub.h"
#include "ingest/frame_pipeline.h"
#include "ingest/native_codec.h"
#include "ingest/native_frame.h"
#include "ingest/native_items.h"
#include "ingest/receiver.h"

namespace {

using greenrt::Clock;
using greenrt::SocketAddress;

constexpr std::size_t kDevices = 1000;
constexpr std::size_t kManyDevices = 100'000;
constexpr std::size_t kFrames = 5 * kDevices;  // a round
constexpr std::size_t kReceiveBuffer = 64 << 20;

// Position, speed, four sensors and a text: 104 bytes in all.
std::vector<std::byte> make_frame(std::size_t device, std::size_t sequence) {
  std::vector<std::byte> payload;
  ingest::native::ItemWriter items(payload);
  items.add_double(1, 40.4168 + static_cast<double>(device) / 1000);
  items.add_double(2, -3.7038);
  items.add_integer<std::uint16_t>(3, 87);
  for (std::uint16_t sensor = 10; sensor < 14; ++sensor)
    items.add_float(sensor, 20.5F + static_cast<float>(sensor));
  items.add_text(20, "ignition on");

  const std::string serial = "SN-" + std::to_string(100'000 + device);
  std::vector<std::byte> frame;
  ingest::native::build_frame({.serial = serial,
                               .epoch = 1,
                               .sequence = static_cast<std::uint32_t>(sequence + 1),
                               .time_ms = 1'700'000'000'000 + sequence * 1000,
                               .payload = payload},
                              frame);
  return frame;
}

// Sends a round of frames at a time, device by device and then from the first one again.
class Fleet {
 public:
  Fleet(const SocketAddress& collector, std::size_t devices) : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    if (::connect(fd_, collector.raw(), collector.size()) != 0) {
      throw std::system_error(errno, std::generic_category(), "connect");
    }
    for (std::size_t i = 0; i < std::max(kFrames, devices); ++i)
      frames_.push_back(make_frame(i % devices, i / devices));
  }
  ~Fleet() { ::close(fd_); }
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  void send_round() {
    for (std::size_t i = 0; i < kFrames; ++i) {
      const auto& frame = frames_[next_];
      next_ = (next_ + 1) % frames_.size();
      if (::send(fd_, frame.data(), frame.size(), 0) < 0)
        throw std::system_error(errno, std::generic_category(), "send");
    }
  }

 private:
  int fd_;
  std::vector<std::vector<std::byte>> frames_;
  std::size_t next_ = 0;
};

greenrt::UdpSocket bind_collector() {
  return greenrt::UdpSocket::bind(SocketAddress::parse("127.0.0.1", 0).value(), {.receive_buffer = kReceiveBuffer});
}

// The median time of each benchmark, for the ratio.
struct Result {
  double ns_per_frame = 0;
};
Result bare_result;
Result pipeline_result;
Result many_result;

// Runs `drain`, which empties the socket and returns how many frames it took, once for each round.
template <typename Drain>
void measure(benchmark::State& state, Fleet& fleet, Result& result, Drain drain) {
  std::vector<double> rounds;
  for (auto _ : state) {
    fleet.send_round();
    const auto start = Clock::now();
    const std::size_t frames = drain();
    const std::chrono::duration<double> elapsed = Clock::now() - start;
    if (frames != kFrames) {
      const std::string error = "took " + std::to_string(frames) + " of " + std::to_string(kFrames) + " frames";
      state.SkipWithError(error.c_str());
      return;
    }
    state.SetIterationTime(elapsed.count());
    rounds.push_back(elapsed.count() * 1e9 / kFrames);
  }
  std::nth_element(rounds.begin(), rounds.begin() + rounds.size() / 2, rounds.end());
  result.ns_per_frame = rounds[rounds.size() / 2];
  state.counters["ns_per_frame"] = result.ns_per_frame;
}

class BareLoop {
 public:
  explicit BareLoop(int fd) : fd_(fd) {
    for (std::size_t i = 0; i < messages_.size(); ++i) {
      vectors_[i] = {buffers_[i].data(), buffers_[i].size()};
      messages_[i].msg_hdr = {.msg_name = &peers_[i], .msg_iov = &vectors_[i], .msg_iovlen = 1};
    }
  }

  std::size_t drain() {
    std::size_t frames = 0;
    while (true) {
      for (auto& message : messages_)
        message.msg_hdr.msg_namelen = sizeof(sockaddr_in);
      const int count = ::recvmmsg(fd_, messages_.data(), kBatch, MSG_DONTWAIT, nullptr);
      if (count <= 0) return frames;
      frames += static_cast<std::size_t>(count);
    }
  }

 private:
  static constexpr unsigned kBatch = ingest::Receiver::kBatch;

  int fd_;
  std::array<mmsghdr, kBatch> messages_{};
  std::array<iovec, kBatch> vectors_{};
  std::array<sockaddr_in, kBatch> peers_{};
  std::array<std::array<std::byte, ingest::native::kMaxDatagramSize>, kBatch> buffers_{};
};

// Calls everything durable, stores nothing, and says when the frames of a round have come.
class NullCustody final : public ingest::Custody {
 public:
  void take(const ingest::EntryRef& entry) override {
    entry->set_durable();
    if (++frames_ == kFrames) all_here_.set();
  }

  void note_repetition(const ingest::Entry&) noexcept override {}

  // Yields until a whole round is taken; gives up after ten seconds. Returns how many frames came.
  std::size_t take_round() {
    all_here_.wait(std::chrono::seconds(10));
    all_here_.clear();
    return std::exchange(frames_, 0);
  }

 private:
  std::size_t frames_ = 0;
  greenrt::Event all_here_;
};

class SilentReporter final : public ingest::Reporter {
 public:
  void warn(std::string_view, std::string_view, std::string_view) noexcept override {}
};

void bare_recvmmsg(benchmark::State& state) {
  greenrt::Hub hub;
  hub.run([&] {
    const auto socket = bind_collector();
    Fleet fleet(socket.local_address(), kDevices);
    const auto loop = std::make_unique<BareLoop>(socket.fd());
    measure(state, fleet, bare_result, [&] { return loop->drain(); });
  });
}

void pipeline(benchmark::State& state, std::size_t devices, Result& result) {
  greenrt::Hub hub;
  hub.run([&] {
    const ingest::NativeCodec codec;
    ingest::Listener listener("bench", codec, bind_collector(), false);
    NullCustody custody;
    SilentReporter reporter;
    ingest::DeviceTable heard(2 * kManyDevices);
    ingest::ArrivalClock arrivals;
    ingest::FramePipeline pipeline({}, custody, heard, reporter);
    ingest::Receiver receiver(listener, pipeline, arrivals, reporter);
    Fleet fleet(listener.socket().local_address(), devices);
    const auto receiving = greenrt::spawn([&] { receiver.run(); });
    greenrt::yield();

    // As in the daemon: the hub's poll finds the socket readable and wakes the receiver.
    measure(state, fleet, result, [&] { return custody.take_round(); });
    receiving->kill();
  });
}

void pipeline_null_store(benchmark::State& state) {
  pipeline(state, kDevices, pipeline_result);
}

void pipeline_many(benchmark::State& state) {
  pipeline(state, kManyDevices, many_result);
}

BENCHMARK(bare_recvmmsg)->Name("rx/bare_recvmmsg")->UseManualTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(pipeline_null_store)->Name("rx/pipeline_null_store")->UseManualTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(pipeline_many)->Name("rx/pipeline_many")->UseManualTime()->Unit(benchmark::kMicrosecond);

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  if (bare_result.ns_per_frame > 0 && pipeline_result.ns_per_frame > 0) {
    std::printf("pipeline / bare recvmmsg: %.2f (%.0f ns / %.0f ns per frame, %zu frames of %zu bytes, %zu devices)\n",
                pipeline_result.ns_per_frame / bare_result.ns_per_frame, pipeline_result.ns_per_frame,
                bare_result.ns_per_frame, kFrames, make_frame(0, 0).size(), kDevices);
  }
  if (pipeline_result.ns_per_frame > 0 && many_result.ns_per_frame > 0) {
    std::printf("device_growth: %.2f (%.0f ns / %.0f ns per frame, %zu and %zu devices)\n",
                many_result.ns_per_frame / pipeline_result.ns_per_frame, many_result.ns_per_frame,
                pipeline_result.ns_per_frame, kManyDevices, kDevices);
  }
  return 0;
}
