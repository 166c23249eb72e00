// The switch between two contexts, to be inlined into whoever switches. Internal: for hub.cc and context.cc.
//
// jump_fcontext leaves by a jump what was entered by a call. So the processor, which keeps the return addresses of
// calls on a stack of its own to predict where a return goes, is one entry behind from there on, and predicts every
// further return wrongly, at some 5 ns each, up to where the greenlet goes on by itself. jump() takes that entry off.

#pragma once

#include <boost/context/detail/fcontext.hpp>

#include "greenrt/context.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#elif defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace greenrt {

// What runs between two contexts. The pointer handed over is the passage.
struct Context::Passage {
  Context* from;
  Context* to;

  // The sanitizers must be told of a switch by the function that makes it: ThreadSanitizer counts the calls on each
  // stack, and a call that began on one would end on the other.
  [[gnu::always_inline]] void announce() const {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(from->entry_ ? &from->sanitizer_ : nullptr, to->stack_.bottom, to->stack_.size);
#elif defined(__SANITIZE_THREAD__)
    __tsan_switch_to_fiber(to->sanitizer_, 0);
#endif
  }

  [[gnu::always_inline]] static void arrive(boost::context::detail::transfer_t transfer) {
    auto* passage = static_cast<Passage*>(transfer.data);
    passage->from->machine_ = transfer.fctx;
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(passage->to->sanitizer_, nullptr, nullptr);
#elif defined(__SANITIZE_THREAD__)
    if (!passage->from->entry_) __tsan_destroy_fiber(passage->from->sanitizer_);
#endif
  }
};

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// The entry is the address behind the call, the same for every greenlet that left here. It comes off by a return that
// goes there; the second time round, the way leads out. Whoever includes this must be compiled with -mno-red-zone, as
// the compiler does not see that the assembler pushes.
[[gnu::always_inline]] inline boost::context::detail::transfer_t jump(boost::context::detail::fcontext_t to,
                                                                      void* data) {
  boost::context::detail::transfer_t transfer;
  asm volatile(
      "xorl %%r12d, %%r12d\n\t"
      "call *jump_fcontext@GOTPCREL(%%rip)\n"
      "1:\n\t"
      "xorl $1, %%r12d\n\t"
      "jz 2f\n\t"
      "leaq 1b(%%rip), %%rcx\n\t"
      "pushq %%rcx\n\t"
      "ret\n"
      "2:"
      : "=a"(transfer.fctx), "=d"(transfer.data), "+D"(to), "+S"(data)
      :
      : "rcx", "r8", "r9", "r10", "r11", "r12", "cc", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
        "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "st", "st(1)", "st(2)", "st(3)",
        "st(4)", "st(5)", "st(6)", "st(7)");
  return transfer;
}
#else
[[gnu::always_inline]] inline boost::context::detail::transfer_t jump(boost::context::detail::fcontext_t to,
                                                                      void* data) {
  return boost::context::detail::jump_fcontext(to, data);
}
#endif

[[gnu::always_inline]] inline void Context::switch_to(Context& to, const Thread& thread) {
  exceptions_ = *thread.exceptions;
  errno_ = *thread.error;
  *thread.exceptions = to.exceptions_;
  *thread.error = to.errno_;
  Passage passage{this, &to};
  passage.announce();
  Passage::arrive(jump(to.machine_, &passage));
}

}  // namespace greenrt
