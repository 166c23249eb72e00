#include "greenrt/context.h"

#include <boost/context/detail/fcontext.hpp>
#include <boost/version.hpp>
#include <cxxabi.h>
#include <pthread.h>

#include <cerrno>
#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#if BOOST_VERSION >= 108800
#error "From Boost 1.88 on, Boost.Context saves __cxa_eh_globals itself: remove ExceptionState here"
#endif

namespace greenrt {
namespace {

using boost::context::detail::jump_fcontext;
using boost::context::detail::make_fcontext;
using boost::context::detail::transfer_t;

void announce_switch([[maybe_unused]] void** fake_stack, [[maybe_unused]] const Stack& to) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(fake_stack, to.bottom, to.size);
#endif
}

void announce_arrival([[maybe_unused]] void* fake_stack) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(fake_stack, nullptr, nullptr);
#endif
}

// The last frames of a greenlet never return, and leave their red zones behind.
void announce_new_stack([[maybe_unused]] const Stack& stack) {
#if defined(__SANITIZE_ADDRESS__)
  ASAN_UNPOISON_MEMORY_REGION(stack.top() - StackPool::page_size(), StackPool::page_size());
#endif
}

}  // namespace

// What runs between two contexts. The pointer handed over is the context that was left.
struct Context::Trampoline {
  struct Passage {
    Context* from;
    Context* to;
  };

  static void arrive(transfer_t transfer) {
    auto* passage = static_cast<Passage*>(transfer.data);
    passage->from->machine_ = transfer.fctx;
    announce_arrival(passage->to->fake_stack_);
  }

  static void first_frame(transfer_t transfer) {
#if defined(__x86_64__)
    asm volatile(".cfi_undefined rip");  // nothing to unwind to: backtraces stop here
#endif
    const Entry entry = static_cast<Passage*>(transfer.data)->to->entry_;
    arrive(transfer);
    entry();
    std::abort();
  }
};

// Not inlined, so that the address is looked up anew in each thread.
[[gnu::noinline]] Context::ExceptionState& Context::thread_exceptions() {
  return *reinterpret_cast<ExceptionState*>(abi::__cxa_get_globals());
}

void Context::adopt_thread() {
  pthread_attr_t attributes;
  void* bottom = nullptr;
  std::size_t size = 0;
  if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
    pthread_attr_getstack(&attributes, &bottom, &size);
    pthread_attr_destroy(&attributes);
  }
  stack_ = {static_cast<std::byte*>(bottom), size};
}

void Context::prepare(Stack stack, Entry entry) {
  stack_ = stack;
  entry_ = entry;
  exceptions_ = {};
  errno_ = 0;
  fake_stack_ = nullptr;
  announce_new_stack(stack);
  machine_ = make_fcontext(stack.top(), stack.size, &Trampoline::first_frame);
}

void Context::switch_to(Context& to) {
  ExceptionState& live = thread_exceptions();
  exceptions_ = live;
  errno_ = errno;
  live = to.exceptions_;
  errno = to.errno_;
  Trampoline::Passage passage{this, &to};
  announce_switch(&fake_stack_, to.stack_);
  Trampoline::arrive(jump_fcontext(to.machine_, &passage));
}

void Context::exit_to(Context& to) {
  thread_exceptions() = to.exceptions_;
  errno = to.errno_;
  Trampoline::Passage passage{this, &to};
  announce_switch(nullptr, to.stack_);
  jump_fcontext(to.machine_, &passage);
  std::abort();
}

}  // namespace greenrt
