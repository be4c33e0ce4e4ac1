// SPDX-License-Identifier: BSD-3-Clause
// The file or kernel block device under a bdev.
#pragma once

#include <bdevkit/error.hpp>

#include <cstdint>
#include <string>

/// The lock is held by a dead process whose last I/O has not ended yet.
class StillHeld : public bdevkit::Error {
    using Error::Error;
};

/// An open, locked file or device, with its kind and its requirements for direct I/O.
class File {
public:
    struct Wish {
        std::string path;
        uint32_t block_size = 0;  ///< 0: the device's own, 512 for a file
        bool read_only = false;
        bool direct =
            true;  ///< false, or where it is impossible: through the page cache, and the log says so
    };

    /// Throws bdevkit::Error with advice when the file cannot be used; StillHeld, when it may soon be free.
    explicit File(const Wish& wish);
    ~File();
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    int fd() const noexcept { return fd_; }
    const std::string& path() const noexcept { return path_; }
    bool is_device() const noexcept { return is_device_; }
    bool is_direct() const noexcept { return is_direct_; }
    uint32_t block_size() const noexcept { return block_size_; }
    uint32_t physical_block_size() const noexcept { return physical_block_size_; }
    /// Granularity in bytes of operations other than reads and writes: a device's block, or 1 for a file.
    uint32_t unit() const noexcept { return unit_; }
    /// Required alignment of buffers in bytes.
    uint32_t memory_alignment() const noexcept { return memory_alignment_; }
    /// The current size in bytes. Throws Error when it cannot be determined.
    uint64_t size() const;
    /// Like size(), but returns UINT64_MAX when it cannot be determined.
    uint64_t end() const noexcept;
    /// Sets the size of a file; new blocks read as zeroes. Throws Error for a device.
    void set_size(uint64_t bytes);
    /// Whether blocks can be freed and read as zeroes afterwards.
    bool has_holes() const noexcept;

private:
    void lock(bool shared);
    void release() noexcept;
    void look_at_device();
    void go_direct();
    std::string why_not_direct();
    bool refuses_to_read() const;

    std::string path_;
    bool is_device_;
    int fd_;
    bool is_direct_ = false;
    uint32_t block_size_;
    uint32_t physical_block_size_ = 0;
    uint32_t memory_alignment_ = 1;
    uint32_t unit_ = 1;
};

/// A new sparse file, which is removed again unless keep() is called.
class NewFile {
public:
    /// Does nothing when `size` is 0 or `path` already exists. Throws bdevkit::Error.
    NewFile(const char* path, uint64_t size);
    ~NewFile();
    NewFile(const NewFile&) = delete;
    NewFile& operator=(const NewFile&) = delete;

    void keep() noexcept { made_.clear(); }

private:
    std::string made_;  ///< empty: nothing to remove
};
