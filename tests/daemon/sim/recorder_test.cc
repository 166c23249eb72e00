#include "daemon/sim/recorder.h"

#include <gmock/gmock.h>

#include "tests/daemon/capture/capture_files.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/temp_folder.h"

namespace hilera::sim {
namespace {

using namespace std::chrono_literals;
using capture::Captured;
using greenrt::Deadline;
using greenrt::SocketAddress;
using greenrt::UdpSocket;
using ingest::testing::to_hex;

struct World {
  explicit World(const char* address = "127.0.0.1") : recorder(*SocketAddress::parse(address, 0), writer) {}

  void send(std::string_view text, const char* host = "127.0.0.1") {
    greenrt::SendBatch batch(1);
    batch.add(ingest::as_bytes(text), {.peer = *SocketAddress::parse(host, recorder.address().port())});
    EXPECT_EQ(device.send(batch).sent, 1u);
  }
  [[nodiscard]] std::vector<Captured> read() const { return capture::testing::read_all(*capture::open_file(file)); }

  testing_support::TempFolder folder;
  std::string file = folder.path() + "/frames.pcap";
  capture::PcapWriter writer{file};
  Recorder recorder;
  UdpSocket device = UdpSocket::bind(*SocketAddress::parse("127.0.0.1", 0));
};

HUB_TEST(Recorder, WritesWhatComes) {
  World world;
  world.send("one");
  world.send("two");
  world.recorder.run(2, Deadline::never());
  EXPECT_EQ(world.recorder.captured(), 2u);
  const auto all = world.read();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(to_hex(all[0].bytes), "6f6e65");
  EXPECT_EQ(to_hex(all[1].bytes), "74776f");
  EXPECT_EQ(all[0].source, world.device.local_address());
  EXPECT_EQ(all[0].destination, world.recorder.address());
  EXPECT_LT(std::chrono::abs(std::chrono::system_clock::now() - *all[0].time), 1h);
}

HUB_TEST(Recorder, TellsWhichAddressWasUsed) {
  World world("0.0.0.0");
  world.send("one", "127.0.0.3");
  world.recorder.run(1, Deadline::never());
  EXPECT_EQ(world.read().at(0).destination->host(), "127.0.0.3");
}

HUB_TEST(Recorder, TakesNoMoreThanIsWanted) {
  World world;
  for (int i = 0; i < 5; ++i)
    world.send("one");
  world.recorder.run(3, Deadline::never());
  EXPECT_EQ(world.read().size(), 3u);
}

HUB_TEST(Recorder, EndsAtTheDeadline) {
  World world;
  world.recorder.run(std::nullopt, 1ms);
  EXPECT_EQ(world.recorder.captured(), 0u);
}

HUB_TEST(Recorder, CanBeStopped) {
  World world;
  const auto running = greenrt::spawn([&] { world.recorder.run(std::nullopt, Deadline::never()); });
  greenrt::yield();
  world.recorder.stop();
  running->get();
}

HUB_TEST(Recorder, AFullDiskIsAnError) {
  capture::PcapWriter writer("/dev/full");
  Recorder recorder(*SocketAddress::parse("127.0.0.1", 0), writer);
  UdpSocket device = UdpSocket::bind(*SocketAddress::parse("127.0.0.1", 0));
  greenrt::SendBatch batch(1);
  batch.add(ingest::as_bytes("one"), {.peer = recorder.address()});
  device.send(batch);
  EXPECT_THROW(recorder.run(1, Deadline::never()), std::system_error);
}

}  // namespace
}  // namespace hilera::sim
