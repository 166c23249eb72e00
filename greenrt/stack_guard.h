// StackGuard: says which greenlet has overflowed its stack before the process dies of it.
//
// A SIGSEGV handler on a signal stack of its own. When the faulting address lies in the guard range of the running
// greenlet, it writes the greenlet's name and stack size to stderr; then it hands over to whatever handled the signal
// before, which by default ends the process with a core. Async-signal-safe.

#pragma once

namespace greenrt {

class StackGuard {
 public:
  // Installs the handler for the process, and a signal stack for the calling thread. Idempotent.
  static void install();

 private:
  static void report(const void* fault_address);
  friend struct StackGuardSignal;
};

}  // namespace greenrt
