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

namespace greenrt {
namespace {

constexpr std::size_t kMapsPerStack = 2;
constexpr std::size_t kDefaultMaxMapCount = 65530;  // the kernel's default of vm.max_map_count
constexpr std::size_t kMapsForOthers = 2048;        // libraries, threads, the allocator
constexpr std::size_t kFirstReserve = 64;
constexpr std::uint32_t kMeasureEvery = 64;       // a power of two
constexpr std::size_t kTopStep = 7 * 64;          // cache lines: every multiple of a line comes up within a page
constexpr std::size_t kKeepResident = 32 * 1024;  // deeper pages go back to the kernel

std::size_t max_map_count() {
  std::size_t count = 0;
  std::ifstream file("/proc/sys/vm/max_map_count");
  return file >> count ? count : kDefaultMaxMapCount;
}

std::size_t allowed_stacks(std::size_t wanted) {
  const std::size_t maps = max_map_count();
  const std::size_t allowed = maps > kMapsForOthers ? (maps - kMapsForOthers) / kMapsPerStack : 1;
  return wanted == 0 ? allowed : std::min(wanted, allowed);
}

}  // namespace

std::size_t StackPool::page_size() {
  static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

StackPool::StackPool(std::size_t stack_size, std::size_t max_stacks)
    : stack_size_((stack_size + page_size() - 1) / page_size() * page_size()),
      capacity_(allowed_stacks(max_stacks)),
      residency_(mapping_size() / page_size()) {}

StackPool::~StackPool() {
  for (const Stack& stack : idle_) {
#if defined(__SANITIZE_ADDRESS__)
    ASAN_UNPOISON_MEMORY_REGION(stack.bottom, stack.size);  // red zones of last frames; munmap leaves them
#endif
    ::munmap(stack.bottom - page_size(), page_size() + mapping_size());
  }
}

Stack StackPool::acquire() {
  if (!idle_.empty()) {
    const Stack stack = idle_.back();
    idle_.pop_back();
    return stack;
  }
  return map();
}

std::size_t StackPool::mapping_size() const {
  return stack_size_ + page_size();
}

Stack StackPool::map() {
  const std::size_t guard = page_size();
  if (idle_.capacity() <= mapped_) idle_.reserve(std::max(kFirstReserve, 2 * mapped_));  // release() cannot fail
  void* memory = ::mmap(nullptr, guard + mapping_size(), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap of a greenlet's stack");
  if (::mprotect(memory, guard, PROT_NONE) != 0) {
    const int error = errno;
    ::munmap(memory, guard + mapping_size());
    throw std::system_error(error, std::generic_category(), "mprotect of a greenlet's guard page");
  }
  const std::size_t unused = mapped_++ * kTopStep % page_size();
  return {static_cast<std::byte*>(memory) + guard, mapping_size() - unused};
}

void StackPool::release(Stack stack) noexcept {
  if ((releases_++ & (kMeasureEvery - 1)) == 0) {
    const std::size_t resident = resident_bytes(stack);
    high_water_ = std::max(high_water_, resident);
    if (resident > kKeepResident) ::madvise(stack.bottom, mapping_size() - kKeepResident, MADV_DONTNEED);
  }
  idle_.push_back(stack);
}

void StackPool::measure(const Stack& stack) noexcept {
  high_water_ = std::max(high_water_, resident_bytes(stack));
}

std::size_t StackPool::resident_bytes(const Stack& stack) noexcept {
  if (::mincore(stack.bottom, mapping_size(), residency_.data()) != 0) return 0;
  const auto deepest = std::find_if(residency_.begin(), residency_.end(), [](unsigned char page) { return page & 1; });
  return static_cast<std::size_t>(residency_.end() - deepest) * page_size();
}

}  // namespace greenrt
