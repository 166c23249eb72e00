// Monitor: a thread that finds out when a hub is blocked, because a greenlet or a callback runs for long without a
// wait, and tells who it is and where.
//
// Where: it sends the hub's thread a SIGURG, whose handler takes a backtrace. (Like any signal that can break off a
// blocking system call with EINTR; only when the hub is blocked.) Functions have names there when the program is linked
// with its dynamic symbols (ENABLE_EXPORTS); else addresses are told, for addr2line.
//
// Made and destroyed on the hub's thread, while the hub exists; one for each hub. What callbacks of libev do inside a
// poll is not seen.

#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "greenrt/deadline.h"

namespace greenrt {

class Hub;

struct HubBlock {
  std::string greenlet;                // its name; "callback" for the hub itself
  Duration lasted{};                   // up to now
  std::vector<std::string> backtrace;  // the innermost first; empty when the thread did not answer the signal
  std::uint64_t untold = 0;            // blocks since the last report that had none of their own
};

struct MonitorOptions {
  Duration limit = std::chrono::milliseconds(100);  // longer than this without a switch is a block
  Duration pause = std::chrono::seconds(10);        // from one report to the next, at least
};

class Monitor {
 public:
  // Called on the monitor's own thread. Must not throw.
  using Report = std::function<void(const HubBlock&)>;

  // Throws std::system_error when there can be no thread.
  Monitor(const MonitorOptions& options, Report report);
  ~Monitor();
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  // Blocks up to now, those that were not reported included. From any thread.
  [[nodiscard]] std::uint64_t blocks() const { return blocks_.load(std::memory_order_relaxed); }

 private:
  struct Capture;
  static void on_signal(int signal);
  void run();
  HubBlock describe(Duration lasted);

  const Hub& hub_;
  MonitorOptions options_;
  Report report_;
  std::atomic<std::uint64_t> blocks_ = 0;
  std::unique_ptr<Capture> capture_;
  std::mutex mutex_;
  std::condition_variable stopping_;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace greenrt
