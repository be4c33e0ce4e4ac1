// SPDX-License-Identifier: BSD-3-Clause
// The file or kernel block device under a bdev.
#pragma once

#include <bdevkit/error.hpp>

#include <cstdint>
#include <string>

/// The lock is held by a process that is gone: until the last of its I/O has ended.
class StillHeld : public bdevkit::Error {
    using Error::Error;
};

/// Open, locked against others, and known: what it is and what direct I/O asks for.
class File {
public:
    struct Wish {
        std::string path;
        uint32_t block_size = 0;  ///< 0: the device's own, 512 for a file
        bool read_only = false;
        bool direct = true;  ///< else, or where it cannot be, through the page cache; the log says so
    };

    /// Throws bdevkit::Error, with what to do, when it cannot be had; StillHeld, when it may soon be.
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
    /// Bytes that operations other than reads and writes have to be multiples of: a device's block, 1 of a
    /// file.
    uint32_t unit() const noexcept { return unit_; }
    /// Bytes to which buffers have to be aligned.
    uint32_t memory_alignment() const noexcept { return memory_alignment_; }
    /// Bytes now. Throws Error when it cannot be asked.
    uint64_t size() const;
    /// As size(); UINT64_MAX when it cannot be asked.
    uint64_t end() const noexcept;
    /// Makes a file that long; new blocks read as zeroes. Throws Error for a device.
    void set_size(uint64_t bytes);
    /// Whether blocks can be given back, and read as zeroes then.
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

/// A file that was not there: made sparse, and removed again unless it is kept.
class NewFile {
public:
    /// Does nothing when `size` is 0 or there is something at `path`. Throws bdevkit::Error.
    NewFile(const char* path, uint64_t size);
    ~NewFile();
    NewFile(const NewFile&) = delete;
    NewFile& operator=(const NewFile&) = delete;

    void keep() noexcept { made_.clear(); }

private:
    std::string made_;  ///< empty: nothing to remove
};
