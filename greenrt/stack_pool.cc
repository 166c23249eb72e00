#include "greenrt/stack_pool.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif

namespace greenrt {
namespace {

constexpr std::size_t kMostStacksPerSlab = 16;
constexpr std::size_t kMostSlabBytes = 8 * 1024 * 1024;
constexpr std::size_t kDefaultMaxMapCount = 65530;  // the kernel's default of vm.max_map_count
constexpr std::size_t kMapsForOthers = 2048;        // libraries, threads, the allocator
constexpr std::size_t kFirstReserve = 64;
constexpr std::uint32_t kMeasureEvery = 512;  // a power of two
constexpr std::size_t kLooksShare = 64;      // of the idle stacks that were not looked at, one in so many at a time
constexpr std::size_t kTopStep = 7 * 64;     // cache lines: every multiple of a line comes up within a page
constexpr int kGuardInstall = 102;           // MADV_GUARD_INSTALL, which glibc 2.36 does not know

std::size_t max_map_count() {
  std::size_t count = 0;
  std::ifstream file("/proc/sys/vm/max_map_count");
  return file >> count ? count : kDefaultMaxMapCount;
}

std::size_t free_maps() {
  const std::size_t maps = max_map_count();
  return maps > kMapsForOthers ? maps - kMapsForOthers : 2;
}

std::size_t allowed_stacks(std::size_t protected_ones, std::size_t stacks_per_slab) {
  if (!StackPool::can_mark()) return protected_ones;
  return protected_ones + (free_maps() - 2 * protected_ones) * stacks_per_slab;
}

// Of whole slabs, so that neighbours with the same rights become one map. MAP_STACK keeps huge pages away.
std::byte* map_memory(std::size_t size) {
  void* memory =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap of stacks for greenlets");
  return static_cast<std::byte*>(memory);
}

unsigned announce_to_valgrind([[maybe_unused]] const std::byte* bottom, [[maybe_unused]] const std::byte* end) {
#if defined(VALGRIND_STACK_REGISTER)
  return VALGRIND_STACK_REGISTER(bottom, end);
#else
  return 0;
#endif
}

}  // namespace

std::size_t StackPool::page_size() {
  static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

bool StackPool::can_mark() {
  static const bool can = [] {
    std::byte* page = map_memory(page_size());
    const bool marked = ::madvise(page, page_size(), kGuardInstall) == 0;
    ::munmap(page, page_size());
    return marked;
  }();
  return can;
}

StackPool::StackPool(std::size_t stack_size, std::size_t max_stacks, std::size_t most_protected)
    : stack_size_((stack_size + page_size() - 1) / page_size() * page_size()),
      most_protected_(can_mark() ? std::min(most_protected, free_maps() / 4) : free_maps() / 2),
      capacity_(allowed_stacks(most_protected_, slab_size() / (kGuardSize + mapping_size()))),
      residency_(mapping_size() / page_size()) {
  if (max_stacks != 0) capacity_ = std::min(capacity_, max_stacks);
}

StackPool::~StackPool() {
#if defined(__SANITIZE_ADDRESS__)
  for (const Stack& stack : idle_)
    ASAN_UNPOISON_MEMORY_REGION(stack.bottom, stack.size);  // red zones of last frames; munmap leaves them
#endif
#if defined(VALGRIND_STACK_DEREGISTER)
  for (const unsigned id : valgrind_ids_)
    VALGRIND_STACK_DEREGISTER(id);
#endif
  for (std::byte* slab : slabs_)
    ::munmap(slab, slab_size());
}

Stack StackPool::acquire() {
  if (idle_.empty()) return map();
  const Stack stack = idle_.back();
  idle_.pop_back();
  looked_at_ = std::min(looked_at_, idle_.size());
  return stack;
}

std::size_t StackPool::mapping_size() const {
  return stack_size_ + page_size();
}

std::size_t StackPool::slab_size() const {
  const std::size_t one = kGuardSize + mapping_size();
  return one * std::clamp<std::size_t>(kMostSlabBytes / one, 1, kMostStacksPerSlab);
}

Stack StackPool::map() {
  if (idle_.capacity() <= mapped_) idle_.reserve(std::max(kFirstReserve, 2 * mapped_));  // release() cannot fail
  valgrind_ids_.reserve(idle_.capacity());
  if (unused_ == unused_end_) {
    slabs_.reserve(slabs_.size() + 1);
    slabs_.push_back(map_memory(slab_size()));
    unused_ = slabs_.back();
    unused_end_ = unused_ + slab_size();
  }
  install_guard(unused_);
  std::byte* bottom = unused_ + kGuardSize;
  unused_ = bottom + mapping_size();
  valgrind_ids_.push_back(announce_to_valgrind(bottom, unused_));
  return {bottom, mapping_size() - mapped_++ * kTopStep % page_size()};
}

void StackPool::install_guard(std::byte* start) {
  // Marks are refused where memory is locked; a map of its own, if there is one left, does as well.
  if (mapped_ >= most_protected_ && ::madvise(start, kGuardSize, kGuardInstall) == 0) return;
  if (::mprotect(start, kGuardSize, PROT_NONE) != 0)
    throw std::system_error(errno, std::generic_category(), "mprotect of the guard of a greenlet's stack");
}

std::size_t StackPool::release(Stack stack) noexcept {
  idle_.push_back(stack);
  if ((releases_++ & (kMeasureEvery - 1)) != 0) return 0;
  const std::size_t bytes = trim(stack);
  const std::size_t others = idle_.size() - 1;
  if (looked_at_ < others) {
    for (std::size_t looks = 1 + (others - looked_at_) / kLooksShare; looks > 0; --looks)
      trim(idle_[looked_at_++]);
  }
  return bytes;
}

std::size_t StackPool::trim(const Stack& stack) noexcept {
  const std::size_t resident = used(stack);
  high_water_ = std::max(high_water_, resident);
  if (resident > kKeepResident) ::madvise(stack.bottom, mapping_size() - kKeepResident, MADV_DONTNEED);
  return resident;
}

std::size_t StackPool::measure(const Stack& stack) noexcept {
  const std::size_t bytes = used(stack);
  high_water_ = std::max(high_water_, bytes);
  return bytes;
}

void StackPool::clear(const Stack& stack) noexcept {
  ::madvise(stack.bottom, mapping_size(), MADV_DONTNEED);
}

std::size_t StackPool::used(const Stack& stack) noexcept {
  if (::mincore(stack.bottom, mapping_size(), residency_.data()) != 0) return 0;
  const auto deepest = std::find_if(residency_.begin(), residency_.end(), [](unsigned char page) { return page & 1; });
  return static_cast<std::size_t>(residency_.end() - deepest) * page_size();
}

}  // namespace greenrt
