// The switch between two contexts, to be inlined into whoever switches. Internal: for hub.cc and context.cc.
//
// jump_fcontext leaves by a jump what was entered by a call, so that the processor predicts every return after it
// wrongly, up to where the greenlet goes on by itself. Each function between the switch and there costs some 5 ns.

#pragma once

#include <boost/context/detail/fcontext.hpp>

#include "greenrt/context.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace greenrt {

// What runs between two contexts. The pointer handed over is the passage.
struct Context::Passage {
  Context* from;
  Context* to;

  [[gnu::always_inline]] static void announce([[maybe_unused]] void** fake_stack, [[maybe_unused]] const Stack& to) {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(fake_stack, to.bottom, to.size);
#endif
  }

  [[gnu::always_inline]] static void arrive(boost::context::detail::transfer_t transfer) {
    auto* passage = static_cast<Passage*>(transfer.data);
    passage->from->machine_ = transfer.fctx;
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(passage->to->fake_stack_, nullptr, nullptr);
#endif
  }
};

[[gnu::always_inline]] inline void Context::switch_to(Context& to, const Thread& thread) {
  exceptions_ = *thread.exceptions;
  errno_ = *thread.error;
  *thread.exceptions = to.exceptions_;
  *thread.error = to.errno_;
  Passage passage{this, &to};
  Passage::announce(&fake_stack_, to.stack_);
  Passage::arrive(boost::context::detail::jump_fcontext(to.machine_, &passage));
}

}  // namespace greenrt
