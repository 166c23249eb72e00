#include "greenrt/stack_guard.h"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <memory>
#include <mutex>

#include "greenrt/hub.h"

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif

namespace greenrt {
namespace {

constexpr std::size_t kSignalStack = 64 * 1024;

struct sigaction previous_action;

void write_text(const char* text) {
  // Nothing can be done about a stderr that takes no text.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text, std::strlen(text));
}

void write_number(std::size_t number) {
  std::array<char, 24> digits{};
  char* start = digits.end() - 1;
  do {
    *--start = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number);
  write_text(start);
}

// The calling thread's stack for signal handlers, unless it has one, as under a sanitizer.
class SignalStack {
 public:
  SignalStack() {
    stack_t present{};
    ::sigaltstack(nullptr, &present);
    if (!(present.ss_flags & SS_DISABLE)) return;
    memory_ = std::make_unique<std::array<std::byte, kSignalStack>>();
    stack_t stack{};
    stack.ss_sp = memory_->data();
    stack.ss_size = memory_->size();
    ::sigaltstack(&stack, nullptr);
#if defined(VALGRIND_STACK_REGISTER)
    valgrind_id_ = VALGRIND_STACK_REGISTER(memory_->data(), memory_->data() + memory_->size());
#endif
  }
  ~SignalStack() {
    if (!memory_) return;
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    ::sigaltstack(&none, nullptr);
#if defined(VALGRIND_STACK_DEREGISTER)
    VALGRIND_STACK_DEREGISTER(valgrind_id_);
#endif
  }
  SignalStack(const SignalStack&) = delete;
  SignalStack& operator=(const SignalStack&) = delete;

 private:
  std::unique_ptr<std::array<std::byte, kSignalStack>> memory_;
  [[maybe_unused]] unsigned valgrind_id_ = 0;
};

}  // namespace

struct StackGuardSignal {
  static void handle(int signal, siginfo_t* info, void*) {
    if (info->si_code > 0) StackGuard::report(info->si_addr);
    ::sigaction(signal, &previous_action, nullptr);  // the access faults again, and meets the handler before us
    if (info->si_code <= 0) ::raise(signal);         // there was no access: somebody has sent the signal
  }
};

void StackGuard::install() {
  [[maybe_unused]] thread_local const SignalStack signal_stack;
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action {};
    action.sa_sigaction = &StackGuardSignal::handle;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(SIGSEGV, &action, &previous_action);
  });
}

void StackGuard::report(const void* fault_address) {
  const Hub* hub = Hub::current_or_null();
  Greenlet* greenlet = hub ? hub->running() : nullptr;
  if (!greenlet) return;
  const Stack& stack = greenlet->context_.stack();
  const auto* address = static_cast<const std::byte*>(fault_address);
  if (address >= stack.bottom || address < stack.bottom - StackPool::kGuardSize) return;
  write_text("stack overflow in greenlet ");
  write_text(greenlet->name_.empty() ? "without a name" : greenlet->name_.c_str());
  write_text(", whose stack has ");
  write_number(stack.size);
  write_text(" bytes\n");
}

}  // namespace greenrt
