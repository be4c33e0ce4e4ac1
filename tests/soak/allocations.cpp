// SPDX-License-Identifier: BSD-3-Clause
#include "soak/allocations.hpp"

#include <bdevkit/memory.h>
#include <bdevkit/thread.h>
#include <dlfcn.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "log/no_memory.hpp"

namespace bdk::test {

namespace {

std::atomic<int64_t> g_live{0};
std::atomic<bool> g_armed{false};
std::atomic<uint64_t> g_left{0};  ///< allocations up to and including the one that fails; 0: none fails
thread_local uint32_t t_tests_own = 0;

bool fails_now() {
    if (!g_armed.load(std::memory_order_relaxed) || t_tests_own != 0) return false;
    if (bdk_get_thread() == nullptr || CannotFail::here()) return false;
    const uint64_t left = g_left.load(std::memory_order_relaxed);
    if (left == 0) return false;
    g_left.store(left - 1, std::memory_order_relaxed);
    return left == 1;
}

void* counted(void* memory) {
    if (memory == nullptr) throw std::bad_alloc();
    g_live.fetch_add(1, std::memory_order_relaxed);
    return memory;
}

void uncounted(void* memory) noexcept {
    if (memory != nullptr) g_live.fetch_sub(1, std::memory_order_relaxed);
    std::free(memory);
}

/// The real function of that name, which this program's version replaces.
template <typename Fn>
Fn* real(const char* name) {
    return reinterpret_cast<Fn*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

int64_t live_allocations() {
    return g_live.load(std::memory_order_relaxed);
}

AllocationFault::AllocationFault(uint64_t number) {
    g_left = number;
    g_armed = true;
}

AllocationFault::~AllocationFault() {
    g_armed = false;
}

bool AllocationFault::has_struck() {
    return g_left == 0;
}

TestsOwn::TestsOwn() {
    t_tests_own++;
}

TestsOwn::~TestsOwn() {
    t_tests_own--;
}

}  // namespace bdk::test

using bdk::test::counted, bdk::test::fails_now, bdk::test::real, bdk::test::uncounted;

void* operator new(size_t size) {
    return counted(fails_now() ? nullptr : std::malloc(size));
}
void* operator new(size_t size, std::align_val_t align) {
    void* memory = nullptr;
    if (fails_now() || posix_memalign(&memory, static_cast<size_t>(align), size) != 0) throw std::bad_alloc();
    return counted(memory);
}
void operator delete(void* memory) noexcept {
    uncounted(memory);
}
void operator delete(void* memory, size_t) noexcept {
    uncounted(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
    uncounted(memory);
}
void operator delete(void* memory, size_t, std::align_val_t) noexcept {
    uncounted(memory);
}

extern "C" [[gnu::visibility("default")]] void* aligned_alloc(size_t align, size_t size) noexcept {
    void* memory = nullptr;
    return !fails_now() && posix_memalign(&memory, align, size) == 0 ? memory : nullptr;
}

void* bdk_dma_malloc(size_t size, size_t align, int32_t numa) {
    static auto* const alloc = real<decltype(bdk_dma_malloc)>("bdk_dma_malloc");
    return fails_now() ? nullptr : alloc(size, align, numa);
}
void* bdk_dma_zmalloc(size_t size, size_t align, int32_t numa) {
    static auto* const alloc = real<decltype(bdk_dma_zmalloc)>("bdk_dma_zmalloc");
    return fails_now() ? nullptr : alloc(size, align, numa);
}
