// SPDX-License-Identifier: BSD-3-Clause
#include "secret_memory.hpp"

#include <openssl/crypto.h>
#include <string.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <new>

namespace {

/// Whole pages that core dumps leave out.
class UndumpedPages : public std::pmr::memory_resource {
    void* do_allocate(size_t bytes, size_t) override {
        void* pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (pages == MAP_FAILED) throw std::bad_alloc();
        if (madvise(pages, bytes, MADV_DONTDUMP) == 0) return pages;
        munmap(pages, bytes);
        throw std::bad_alloc();
    }
    void do_deallocate(void* pages, size_t bytes, size_t) override { munmap(pages, bytes); }
    bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

/// The header in front of each piece of memory that OpenSSL gets.
struct alignas(std::max_align_t) Header {
    size_t bytes;  ///< with this
};

void* allocate(size_t bytes, const char*, int) noexcept {
    if (bytes == 0) return nullptr;
    // The pool does not align pieces of some sizes, such as 24 bytes; it aligns all whose size is a multiple
    // of the alignment.
    const size_t whole = (bytes + 2 * sizeof(Header) - 1) / sizeof(Header) * sizeof(Header);
    try {
        return new (secret_memory().allocate(whole)) Header{whole} + 1;
    } catch (...) {
        return nullptr;
    }
}

void release(void* piece, const char*, int) noexcept {
    if (piece == nullptr) return;
    Header* header = static_cast<Header*>(piece) - 1;
    const size_t whole = header->bytes;
    explicit_bzero(header, whole);
    secret_memory().deallocate(header, whole);
}

void* reallocate(void* piece, size_t bytes, const char*, int) noexcept {
    if (bytes == 0) return release(piece, nullptr, 0), nullptr;
    void* other = allocate(bytes, nullptr, 0);
    if (piece == nullptr || other == nullptr) return other;
    const size_t before = (static_cast<Header*>(piece) - 1)->bytes - sizeof(Header);
    memcpy(other, piece, std::min(before, bytes));
    release(piece, nullptr, 0);
    return other;
}

}  // namespace

std::pmr::memory_resource& secret_memory() noexcept {
    // Never destroyed: OpenSSL uses it until the process exits, and the plugin stays in memory.
    struct Memory {
        UndumpedPages pages;
        std::pmr::synchronized_pool_resource pool{&pages};
    };
    alignas(Memory) static std::byte place[sizeof(Memory)];
    static auto* memory = new (place) Memory;
    return memory->pool;
}

Secret::~Secret() {
    if (!bytes_.empty()) explicit_bzero(bytes_.data(), bytes_.size());
}

bool keep_openssl_secret() noexcept {
    static const bool kept = CRYPTO_set_mem_functions(allocate, reallocate, release) == 1;
    return kept;
}
