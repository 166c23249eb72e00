// BlockCache: memory for objects that come and go by the thousand, in blocks of a few sizes. A block that is given back
// is the next one of its size that is taken, while it is warm in the processor's cache.
//
// Keeps at most kMostSpare blocks of each size; larger objects, and all of them under AddressSanitizer, go to the
// allocator. Each thread has its own: give a block back where it was taken.

#pragma once

#include <cstddef>

namespace greenrt {

class BlockCache {
 public:
  static constexpr std::size_t kMostSpare = 8192;  // of one size

  // Throws std::bad_alloc. Aligned as by operator new.
  static void* take(std::size_t size);
  // `size` is that of take().
  static void give_back(void* block, std::size_t size) noexcept;
};

}  // namespace greenrt
