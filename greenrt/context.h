// Context: one stack of execution, and the switch between two of them (context_switch.h). Nothing else knows
// Boost.Context.
//
// A switch carries over what the machine switch leaves behind: the C++ exception state (__cxa_eh_globals, which
// Boost.Context saves only from 1.88 on; without it a wait inside a catch block corrupts another greenlet's
// exceptions), errno, and the sanitizers' idea of the stack. The machine switch itself carries over how to round and
// which floating-point errors trap; each context begins with the default. Never used from two threads.
//
// The special problem of thread-local caching: compilers may keep the address of a thread_local over a call. A greenlet
// never changes its thread, so that is safe here.

#pragma once

#include <cstddef>

#include "greenrt/stack_pool.h"

namespace greenrt {

class Context {
 public:
  // Runs on the context's stack at its first switch. Must end with a switch to another context, for good.
  using Entry = void (*)();

  Context() = default;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  struct ExceptionState {  // layout of __cxa_eh_globals: Itanium C++ ABI, Exception Handling, section 2.2.2
    void* caught = nullptr;
    unsigned int uncaught = 0;
  };
  // Where a thread keeps what a switch carries over.
  struct Thread {
    ExceptionState* exceptions = nullptr;
    int* error = nullptr;
  };

  // Makes this the context of the calling thread's own stack.
  Thread adopt_thread();

  // Lays the first frame on `stack`, which must outlive the context's run. A context can be prepared again after its
  // final switch.
  void prepare(Stack stack, Entry entry);

  // Leaves this context, which must be the running one, and continues `to`. Returns when somebody switches back.
  void switch_to(Context& to, const Thread& thread);

  // Leaves this context for ever.
  [[noreturn]] void exit_to(Context& to, const Thread& thread);

  [[nodiscard]] const Stack& stack() const { return stack_; }

 private:
  struct Passage;
  struct FirstFrame;

  void* machine_ = nullptr;  // fcontext_t, valid while suspended
  Entry entry_ = nullptr;    // nullptr once left for ever
  ExceptionState exceptions_;
  int errno_ = 0;
  Stack stack_;
  void* sanitizer_ = nullptr;  // AddressSanitizer's fake stack, or ThreadSanitizer's fiber
};

}  // namespace greenrt
