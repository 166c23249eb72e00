// The switch between two contexts, to be inlined into whoever switches. Internal: for hub.cc and context.cc.
//
// jump_fcontext leaves by a jump what was entered by a call, so that the processor predicts every return after it
// wrongly, up to where the greenlet goes on by itself. Each function between the switch and there costs some 5 ns.

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

[[gnu::always_inline]] inline void Context::switch_to(Context& to, const Thread& thread) {
  exceptions_ = *thread.exceptions;
  errno_ = *thread.error;
  *thread.exceptions = to.exceptions_;
  *thread.error = to.errno_;
  Passage passage{this, &to};
  passage.announce();
  Passage::arrive(boost::context::detail::jump_fcontext(to.machine_, &passage));
}

}  // namespace greenrt
