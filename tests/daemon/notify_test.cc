#include "daemon/notify.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <stdexcept>

namespace hilera {
namespace {

using namespace std::chrono_literals;

// The socket that systemd would give.
class ServiceManager {
 public:
  explicit ServiceManager(const std::string& name) : fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)), name_(name) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path, sizeof(address.sun_path) - 1);
    if (name.front() == '@') address.sun_path[0] = '\0';
    const auto length = offsetof(sockaddr_un, sun_path) + name.size();
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), static_cast<socklen_t>(length)), 0);
  }
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;
  ~ServiceManager() {
    close(fd_);
    if (name_.front() == '/') unlink(name_.c_str());
  }

  std::string message() {
    std::array<char, 4096> buffer{};
    const ssize_t size = recv(fd_, buffer.data(), buffer.size(), 0);
    return size < 0 ? "nothing" : std::string(buffer.data(), static_cast<std::size_t>(size));
  }

  // Takes as much as the kernel lets wait.
  bool full(Notifier& notifier) {
    for (int i = 0; i < 100'000; ++i) {
      if (notifier.watchdog()) return true;
    }
    return false;
  }

 private:
  int fd_;
  std::string name_;
};

std::string own_name(const char* what) {
  return std::string(what) + "-" + std::to_string(getpid());
}

class NotifierFromEnvironment : public testing::Test {
 protected:
  void SetUp() override { TearDown(); }
  void TearDown() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
      unsetenv(name);
  }
};

TEST(Notifier, SendsToASocketWithAPath) {
  const std::string path = testing::TempDir() + own_name("notify");
  ServiceManager manager(path);
  Notifier notifier(path, std::nullopt);
  EXPECT_FALSE(notifier.ready("2 listeners"));
  EXPECT_EQ(manager.message(), "READY=1\nSTATUS=2 listeners");
  EXPECT_FALSE(notifier.watchdog());
  EXPECT_EQ(manager.message(), "WATCHDOG=1");
  EXPECT_FALSE(notifier.stopping("draining", 2min));
  EXPECT_EQ(manager.message(), "STOPPING=1\nEXTEND_TIMEOUT_USEC=120000000\nSTATUS=draining");
}

TEST(Notifier, SendsToAnAbstractSocket) {
  const std::string name = "@" + own_name("hilera-notify-test");
  ServiceManager manager(name);
  Notifier notifier(name, std::nullopt);
  EXPECT_FALSE(notifier.status("fine"));
  EXPECT_EQ(manager.message(), "STATUS=fine");
}

TEST(Notifier, AStatusIsOneLine) {
  const std::string name = "@" + own_name("hilera-notify-line");
  ServiceManager manager(name);
  Notifier notifier(name, std::nullopt);
  EXPECT_FALSE(notifier.status("a\nREADY=1"));
  EXPECT_EQ(manager.message(), "STATUS=a READY=1");
}

TEST(Notifier, TellsWhenNobodyListens) {
  Notifier notifier("@" + own_name("hilera-notify-nobody"), std::nullopt);
  EXPECT_EQ(notifier.watchdog(), std::errc::connection_refused);
}

TEST(Notifier, NeverWaitsForAManagerThatDoesNotRead) {
  const std::string name = "@" + own_name("hilera-notify-full");
  ServiceManager manager(name);
  Notifier notifier(name, std::nullopt);
  EXPECT_TRUE(manager.full(notifier));
}

TEST(Notifier, RefusesAnAddressThatIsNone) {
  EXPECT_THROW(Notifier("relative/path", std::nullopt), std::runtime_error);
  EXPECT_THROW(Notifier("@", std::nullopt), std::runtime_error);
  EXPECT_THROW(Notifier("/" + std::string(108, 'x'), std::nullopt), std::runtime_error);
}

TEST_F(NotifierFromEnvironment, DoesNothingWithoutASocket) {
  setenv("WATCHDOG_USEC", "1000000", 1);
  Notifier notifier = Notifier::from_environment();
  EXPECT_FALSE(notifier.enabled());
  EXPECT_FALSE(notifier.watchdog_timeout());
  EXPECT_FALSE(notifier.ready("fine"));
}

TEST_F(NotifierFromEnvironment, ReadsTheSocketAndTheWatchdog) {
  const std::string name = "@" + own_name("hilera-notify-env");
  ServiceManager manager(name);
  setenv("NOTIFY_SOCKET", name.c_str(), 1);
  setenv("WATCHDOG_USEC", "30000000", 1);
  setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), 1);
  Notifier notifier = Notifier::from_environment();
  EXPECT_TRUE(notifier.enabled());
  EXPECT_EQ(notifier.watchdog_timeout(), 30s);
  EXPECT_FALSE(notifier.ready("fine"));
  EXPECT_EQ(manager.message(), "READY=1\nSTATUS=fine");
}

TEST_F(NotifierFromEnvironment, TheWatchdogOfAnotherProcessIsNotOurs) {
  setenv("NOTIFY_SOCKET", "@x", 1);
  setenv("WATCHDOG_USEC", "30000000", 1);
  setenv("WATCHDOG_PID", std::to_string(getpid() + 1).c_str(), 1);
  EXPECT_FALSE(Notifier::from_environment().watchdog_timeout());
}

TEST_F(NotifierFromEnvironment, NonsenseIsAnError) {
  setenv("NOTIFY_SOCKET", "@x", 1);
  for (const char* value : {"", "soon", "-1", "0", "30s"}) {
    setenv("WATCHDOG_USEC", value, 1);
    EXPECT_THROW(Notifier::from_environment(), std::runtime_error) << value;
  }
}

}  // namespace
}  // namespace hilera
