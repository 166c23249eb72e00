// StackPool: the stacks on which greenlets run.
//
// Owns every stack for its whole life. A stack is `size` bytes of lazily committed memory with a guard page below,
// mapped once and then reused, the most recently used first, because that one is warm in the cache. Untouched pages
// cost no memory, so the resident size of a stack is its own high-water mark; the pool samples it with mincore(2) when
// stacks come back, and returns what an unusually deep greenlet has left behind (MADV_DONTNEED).
//
// Tops are spread over a page. Were all of them at the end of one, the hot parts of all stacks would meet in the same
// few sets of the processor's caches.
//
// Two memory maps a stack: capacity() respects vm.max_map_count, and is to be checked before a greenlet is created.
// Never yields. One thread only.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace greenrt {

struct Stack {
  std::byte* bottom = nullptr;  // lowest usable address; the guard page ends here
  std::size_t size = 0;         // usable bytes, at least StackPool::stack_size()

  [[nodiscard]] std::byte* top() const { return bottom + size; }
  explicit operator bool() const { return bottom != nullptr; }
};

class StackPool {
 public:
  // `stack_size` is rounded up to whole pages. `max_stacks` of 0 means as many as vm.max_map_count allows; a larger
  // number than that is cut down to it.
  StackPool(std::size_t stack_size, std::size_t max_stacks);
  ~StackPool();
  StackPool(const StackPool&) = delete;
  StackPool& operator=(const StackPool&) = delete;

  // Throws std::system_error when the kernel refuses the memory.
  Stack acquire();

  // The caller must not be running on the stack.
  void release(Stack stack) noexcept;

  [[nodiscard]] std::size_t stack_size() const { return stack_size_; }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  [[nodiscard]] std::size_t mapped() const { return mapped_; }
  [[nodiscard]] std::size_t idle() const { return idle_.size(); }

  // The deepest use seen in any stack, in bytes, in steps of a page.
  [[nodiscard]] std::size_t high_water() const { return high_water_; }

  // Measures a stack that is in use, for greenlets that never end.
  void measure(const Stack& stack) noexcept;

  [[nodiscard]] static std::size_t page_size();

 private:
  [[nodiscard]] Stack map();
  [[nodiscard]] std::size_t mapping_size() const;  // without the guard page
  [[nodiscard]] std::size_t resident_bytes(const Stack& stack) noexcept;

  std::size_t stack_size_;
  std::size_t capacity_;
  std::size_t mapped_ = 0;
  std::size_t high_water_ = 0;
  std::uint32_t releases_ = 0;
  std::vector<Stack> idle_;
  std::vector<unsigned char> residency_;  // scratch for mincore
};

}  // namespace greenrt
