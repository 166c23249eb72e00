// StackPool: the stacks on which greenlets run.
//
// Owns every stack for its whole life. A stack is `size` bytes of lazily committed memory with a guard range below,
// mapped once and then reused, the most recently used first, because that one is warm in the cache. Untouched pages
// cost no memory, so the resident size of a stack is its own high-water mark, in steps of a page.
//
// One release in 512 is measured with mincore(2). If the stack was used deeper than kKeepResident, the pages beyond go
// back to the kernel (MADV_DONTNEED). In the same breath some of the idle stacks are looked at that nobody has looked
// at since they came back, those that have been idle for longest first. So what a crowd of deep greenlets leaves behind
// goes back by and by, too, while a stack in daily use costs its greenlets a 512th of a system call each.
//
// Tops are spread over a page. Were all of them at the end of one, the hot parts of all stacks would meet in the same
// few sets of the processor's caches.
//
// Guard ranges are memory without access (mprotect), which makes two memory maps of each stack. Once there are many
// stacks, and where the kernel has MADV_GUARD_INSTALL (Linux 6.13), the further ones are guarded by marks in the page
// table instead, and 16 or more of them share one map, unless they are large. Not all of them, because of gcore: gdb 13
// leaves out of the core files that it writes whatever follows a mark in the same map; the kernel's own have it.
// capacity() respects vm.max_map_count either way, and is to be checked before a greenlet is created.
//
// Never yields. One thread only.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace greenrt {

struct Stack {
  std::byte* bottom = nullptr;  // lowest usable address; the guard range ends here
  std::size_t size = 0;         // usable bytes, at least StackPool::stack_size()

  [[nodiscard]] std::byte* top() const { return bottom + size; }
  explicit operator bool() const { return bottom != nullptr; }
};

class StackPool {
 public:
  static constexpr std::size_t kGuardSize = 64 * 1024;     // more than a frame of a library that probes no pages
  static constexpr std::size_t kKeepResident = 32 * 1024;  // of an idle stack; what lies deeper goes back to the kernel
  static constexpr std::size_t kMostProtected = 8192;      // stacks whose guards are maps; the rest is marked

  // `stack_size` is rounded up to whole pages. `max_stacks` of 0 means as many as vm.max_map_count allows; a larger
  // number than that is cut down to it.
  StackPool(std::size_t stack_size, std::size_t max_stacks, std::size_t most_protected = kMostProtected);
  ~StackPool();
  StackPool(const StackPool&) = delete;
  StackPool& operator=(const StackPool&) = delete;

  // Throws std::system_error when the kernel refuses the memory.
  Stack acquire();

  // The caller must not be running on the stack. What used() says, if this is the one release in 512 that is measured;
  // otherwise 0.
  std::size_t release(Stack stack) noexcept;

  [[nodiscard]] std::size_t stack_size() const { return stack_size_; }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  [[nodiscard]] std::size_t mapped() const { return mapped_; }
  [[nodiscard]] std::size_t idle() const { return idle_.size(); }

  // How deep the stack has been used, in bytes, in steps of a page: by its present user or by those before, since it
  // was mapped, cleared, or, beyond kKeepResident, trimmed. So a bound from above for the present user, and exact for
  // one that began on a cleared stack. One system call, some 0.5 us for 256 KiB: for one greenlet in 512, not for each.
  // Pages that were swapped out are not seen.
  [[nodiscard]] std::size_t used(const Stack& stack) noexcept;

  // Gives all pages of a stack that nobody runs on back to the kernel. Whoever is next meets fresh pages, at some 1 us
  // each.
  void clear(const Stack& stack) noexcept;

  // The deepest use seen in any stack, in bytes, in steps of a page.
  [[nodiscard]] std::size_t high_water() const { return high_water_; }

  // Measures a stack that is in use, for greenlets that never end: used(), which counts for high_water() as well.
  std::size_t measure(const Stack& stack) noexcept;

  [[nodiscard]] static std::size_t page_size();

  // Whether the running kernel has MADV_GUARD_INSTALL. Otherwise all guards are maps.
  [[nodiscard]] static bool can_mark();

 private:
  [[nodiscard]] Stack map();
  void install_guard(std::byte* start);
  std::size_t trim(const Stack& stack) noexcept;
  [[nodiscard]] std::size_t mapping_size() const;  // without the guard range
  [[nodiscard]] std::size_t slab_size() const;

  std::size_t stack_size_;
  std::size_t most_protected_;
  std::size_t capacity_;
  std::size_t mapped_ = 0;
  std::size_t high_water_ = 0;
  std::uint32_t releases_ = 0;
  std::size_t looked_at_ = 0;  // so many of the idle ones, from the one that is idle for longest
  std::vector<Stack> idle_;
  std::vector<std::byte*> slabs_;  // one map each, or several in one
  std::byte* unused_ = nullptr;    // what is left of the last one
  std::byte* unused_end_ = nullptr;
  std::vector<unsigned> valgrind_ids_;
  std::vector<unsigned char> residency_;  // scratch for mincore
};

}  // namespace greenrt
