// SPDX-License-Identifier: BSD-3-Clause
// Data buffers of one bdk_thread, last in, first out, so that a busy connection uses memory that is still in
// the cache.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace bdevkit::host::nbd {

class BufferCache;

/// Memory for the data of one request, aligned to 4096. The destructor returns it to its cache.
class Buffer {
public:
    Buffer() = default;
    Buffer(Buffer&& other) noexcept
        : cache_(other.cache_),
          data_(std::exchange(other.data_, nullptr)),
          size_(std::exchange(other.size_, 0)) {}
    Buffer& operator=(Buffer&& other) noexcept {
        std::swap(cache_, other.cache_);
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~Buffer() { reset(); }

    void reset() noexcept;
    std::byte* data() const noexcept { return data_; }
    /// The usable size in bytes: at least the requested size.
    size_t size() const noexcept { return size_; }
    explicit operator bool() const noexcept { return data_ != nullptr; }

private:
    friend class BufferCache;
    Buffer(BufferCache& cache, std::byte* data, size_t size) noexcept
        : cache_(&cache), data_(data), size_(size) {}

    BufferCache* cache_ = nullptr;
    std::byte* data_ = nullptr;
    size_t size_ = 0;
};

/// [one bdk thread] Size classes of powers of two over bdk_dma_malloc(). Returned buffers are kept for reuse,
/// as long as the total stays within the limit.
class BufferCache {
public:
    /// @param limit bytes; get() itself does not enforce it
    explicit BufferCache(size_t limit = SIZE_MAX) noexcept : limit_(limit) {}
    ~BufferCache() { trim(); }
    BufferCache(const BufferCache&) = delete;
    BufferCache& operator=(const BufferCache&) = delete;

    /// @return an empty buffer when memory runs out
    Buffer get(size_t size);

    /// Frees all unused buffers.
    void trim() noexcept;

    /// Bytes in use.
    size_t used_bytes() const noexcept { return used_bytes_; }
    /// Bytes kept for reuse.
    size_t cached_bytes() const noexcept { return cached_bytes_; }
    size_t limit() const noexcept { return limit_; }
    /// The bytes that a buffer of `length` bytes occupies.
    static size_t rounded(size_t size) noexcept;

    static constexpr size_t smallest = 4096;
    /// Longer buffers are not kept.
    static constexpr size_t largest_kept = 4u << 20;
    static constexpr size_t max_cached_bytes = 64u << 20;

private:
    friend class Buffer;
    static constexpr size_t classes = 11;  // 4 KiB << 0..10
    void put(std::byte* data, size_t size) noexcept;

    const size_t limit_;
    std::array<std::vector<std::byte*>, classes> free_;
    size_t used_bytes_ = 0;
    size_t cached_bytes_ = 0;
};

}  // namespace bdevkit::host::nbd
