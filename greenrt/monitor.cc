#include "greenrt/monitor.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "greenrt/block_detector.h"
#include "greenrt/hub.h"
#include "greenrt/native_thread.h"

namespace greenrt {
namespace {

constexpr int kSignal = SIGURG;  // ignored by default, so that one that comes late harms nobody
constexpr std::size_t kFrames = 48;
constexpr std::size_t kOwnFrames = 2;  // the handler, and what the kernel returns to
constexpr timespec kPatience{.tv_sec = 1, .tv_nsec = 0};

std::string symbol_of(void* address) {
  std::array<char, 32> offset{};
  Dl_info info{};
  if (!::dladdr(address, &info) || !info.dli_fname) {
    std::snprintf(offset.data(), offset.size(), "%p", address);
    return offset.data();
  }
  const bool named = info.dli_sname && info.dli_saddr;
  const auto* base = static_cast<const char*>(named ? info.dli_saddr : info.dli_fbase);
  std::snprintf(offset.data(), offset.size(), "+0x%tx", static_cast<const char*>(address) - base);
  if (!named) return std::string(info.dli_fname) + offset.data();
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> demangled(
      abi::__cxa_demangle(info.dli_sname, nullptr, nullptr, &status), &std::free);
  return std::string(demangled ? demangled.get() : info.dli_sname) + offset.data();
}

}  // namespace

// What the signal handler leaves for the monitor's thread.
struct Monitor::Capture {
  explicit Capture(const Hub& its_hub) : hub(its_hub) { ::sem_init(&done, 0, 0); }
  ~Capture() { ::sem_destroy(&done); }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  static constinit thread_local Capture* of_this_thread;

  const Hub& hub;
  pthread_t thread = ::pthread_self();
  std::atomic<bool> asked = false;  // whoever takes it back, the handler or the asker, has the rest to itself
  std::atomic<bool> told = false;   // what follows can be read; ThreadSanitizer knows no sem_clockwait()
  sem_t done{};
  std::array<void*, kFrames> frames{};
  int depth = 0;
  std::array<char, 128> name{};
  std::uint64_t number = 0;
};

constinit thread_local Monitor::Capture* Monitor::Capture::of_this_thread = nullptr;

// Touches nothing but plain memory: malloc() may be what was interrupted.
void Monitor::on_signal(int) {
  Capture* capture = Capture::of_this_thread;
  if (!capture || !capture->asked.exchange(false, std::memory_order_acquire)) return;
  const int error = errno;
  capture->depth = ::backtrace(capture->frames.data(), static_cast<int>(kFrames));
  const Greenlet* running = capture->hub.running_;
  capture->number = running ? running->number_ : 0;
  const std::string_view name = running && !running->renaming_ ? std::string_view(running->name_) : std::string_view();
  const std::size_t length = std::min(name.size(), capture->name.size() - 1);
  std::copy_n(name.data(), length, capture->name.data());
  capture->name[length] = '\0';
  capture->told.store(true, std::memory_order_release);
  ::sem_post(&capture->done);
  errno = error;
}

Monitor::Monitor(const MonitorOptions& options, Report report)
    : hub_(Hub::current()), options_(options), report_(std::move(report)), capture_(std::make_unique<Capture>(hub_)) {
  std::array<void*, 1> first{};
  ::backtrace(first.data(), 1);  // the first call loads a library, which the handler must not
  Capture::of_this_thread = capture_.get();
  struct sigaction action {};
  action.sa_handler = &Monitor::on_signal;
  action.sa_flags = SA_RESTART | SA_ONSTACK;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(kSignal, &action, nullptr);
  thread_ = start_native_thread([this] { run(); });
}

Monitor::~Monitor() {
  {
    const std::lock_guard guard(mutex_);
    stopped_ = true;
  }
  stopping_.notify_one();
  thread_.join();
  Capture::of_this_thread = nullptr;
}

void Monitor::run() {
  BlockDetector detector(options_.limit);
  auto silent_until = Clock::now();
  std::uint64_t untold = 0;
  std::unique_lock lock(mutex_);
  while (!stopping_.wait_for(lock, options_.limit / BlockDetector::kLooks, [this] { return stopped_; })) {
    const std::uint64_t switches =
        std::atomic_ref(const_cast<std::uint64_t&>(hub_.stats_.switches)).load(std::memory_order_relaxed);
    if (!detector.look(Clock::now(), switches, hub_.polling_.load(std::memory_order_relaxed))) continue;
    blocks_.fetch_add(1, std::memory_order_relaxed);
    if (Clock::now() < silent_until) {
      ++untold;
      continue;
    }
    HubBlock block = describe(detector.blocked_for());
    block.untold = std::exchange(untold, 0);
    report_(block);
    silent_until = Clock::now() + options_.pause;
  }
}

HubBlock Monitor::describe(Duration lasted) {
  HubBlock block{.lasted = lasted};
  timespec until{};
  ::clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += kPatience.tv_sec;
  capture_->asked.store(true, std::memory_order_release);
  ::pthread_kill(capture_->thread, kSignal);
  if (::sem_clockwait(&capture_->done, CLOCK_MONOTONIC, &until) != 0) {
    if (capture_->asked.exchange(false, std::memory_order_acquire)) {
      block.greenlet = "unknown";
      return block;
    }
    ::sem_wait(&capture_->done);  // the handler is at work
  }
  capture_->told.exchange(false, std::memory_order_acquire);
  block.greenlet = capture_->name.data();
  if (capture_->number == 0) block.greenlet = "callback";
  if (block.greenlet.empty()) block.greenlet = "Greenlet-" + std::to_string(capture_->number);
  for (auto i = static_cast<std::ptrdiff_t>(kOwnFrames); i < capture_->depth; ++i)
    block.backtrace.push_back(symbol_of(capture_->frames[static_cast<std::size_t>(i)]));
  return block;
}

}  // namespace greenrt
