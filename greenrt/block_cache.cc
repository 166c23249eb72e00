#include "greenrt/block_cache.h"

#include <array>
#include <new>

namespace greenrt {
namespace {

constexpr std::size_t kStep = 64;
constexpr std::size_t kClasses = 16;

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kEnabled = false;
#else
constexpr bool kEnabled = true;
#endif

struct SpareBlock {
  SpareBlock* next;
};

struct SizeClass {
  SpareBlock* first = nullptr;
  std::size_t spare = 0;
};

struct SizeClasses : std::array<SizeClass, kClasses> {
  ~SizeClasses() {
    for (SizeClass& each : *this) {
      while (each.first) {
        SpareBlock* const block = each.first;
        each.first = block->next;
        ::operator delete(block);
      }
    }
  }
};

thread_local SizeClasses classes;

std::size_t class_of(std::size_t size) {
  return (size + kStep - 1) / kStep - 1;
}

}  // namespace

void* BlockCache::take(std::size_t size) {
  const std::size_t which = class_of(size);
  if (!kEnabled || which >= kClasses) return ::operator new(size);
  SizeClass& spare = classes[which];
  if (!spare.first) return ::operator new((which + 1) * kStep);
  SpareBlock* const block = spare.first;
  spare.first = block->next;
  --spare.spare;
  return block;
}

void BlockCache::give_back(void* block, std::size_t size) noexcept {
  const std::size_t which = class_of(size);
  if (!kEnabled || which >= kClasses || classes[which].spare == kMostSpare) return ::operator delete(block);
  SizeClass& spare = classes[which];
  spare.first = new (block) SpareBlock{spare.first};
  ++spare.spare;
}

}  // namespace greenrt
