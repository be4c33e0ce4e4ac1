// SPDX-License-Identifier: BSD-3-Clause
#include "file.hpp"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>

namespace {

using bdevkit::Error, bdevkit::format, bdevkit::LogLevel;

[[noreturn]] void fail(const std::string& path, const char* what, const char* advice = "") {
    const int error = errno;
    throw Error(error, format("cannot %s '%s': %s%s", what, path.c_str(),
                              std::generic_category().message(error).c_str(), advice));
}

/// The process that holds the lock, from the kernel's table of locks; 0 if it is not listed or has exited.
int holder_of(const struct stat& file) {
    std::ifstream locks("/proc/locks");
    for (std::string line; std::getline(locks, line);) {
        int pid = 0;
        unsigned device_major = 0, device_minor = 0;
        unsigned long inode = 0;
        if (std::sscanf(line.c_str(), "%*d: FLOCK %*s %*s %d %x:%x:%lu", &pid, &device_major, &device_minor,
                        &inode) == 4 &&
            inode == file.st_ino && makedev(device_major, device_minor) == file.st_dev)
            return pid > 0 && (kill(pid, 0) == 0 || errno == EPERM) ? pid : 0;
    }
    return 0;
}

/// The target of a symbolic link; empty if the path is not a link.
std::string target_of_link(const std::string& path) {
    std::error_code error;
    return std::filesystem::read_symlink(path, error).string();
}

bool is_block_device(const std::string& path) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0) {
        if (errno != ENOENT) fail(path, "open");
        const std::string target = target_of_link(path);
        errno = ENOENT;
        if (!target.empty())
            fail(
                path, "open",
                format(": it is a link to '%s': fix the link, or create its target", target.c_str()).c_str());
        fail(path, "open", ": create it, or set `size` to have it created");
    }
    if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode))
        throw Error(EINVAL, format("'%s' is neither a file nor a block device", path.c_str()));
    return S_ISBLK(status.st_mode);
}

int open_file(const File::Wish& wish, bool is_device) {
    // On a device O_EXCL fails if a file system or another user holds it exclusively.
    const int flags = wish.read_only ? O_RDONLY : O_RDWR | (is_device ? O_EXCL : 0);
    const int fd = open(wish.path.c_str(), flags | O_CLOEXEC);
    if (fd >= 0) return fd;
    const bool forbidden = !wish.read_only && (errno == EACCES || errno == EPERM || errno == EROFS);
    fail(wish.path, "open",
         errno == EBUSY ? ": unmount it, and stop the processes that use it"
         : forbidden    ? ": grant write permission, or set `read_only: true`"
                        : "");
}

}  // namespace

File::File(const Wish& wish)
    : path_(wish.path),
      is_device_(is_block_device(wish.path)),
      fd_(open_file(wish, is_device_)),
      block_size_(wish.block_size) {
    try {
        lock(wish.read_only);
        if (is_device_) look_at_device();
        if (block_size_ == 0) block_size_ = 512;
        if (wish.direct) go_direct();
    } catch (...) {
        release();
        throw;
    }
}

File::~File() {
    release();
}

void File::lock(bool shared) {
    if (flock(fd_, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0) return;
    if (errno != EWOULDBLOCK)
        return bdevkit::log(LogLevel::warn, BDK_LOG_COMPONENT,
                            format("'%s' cannot be locked (%s): make sure that no other process uses it",
                                   path_.c_str(), std::generic_category().message(errno).c_str()));
    struct stat status {};
    fstat(fd_, &status);
    const int holder = holder_of(status);
    if (holder == 0)
        throw StillHeld(
            EBUSY, format("'%s' is already in use: stop its user, or give another `path`", path_.c_str()));
    throw Error(EBUSY, format("'%s' is already in use by process %d: stop it, or give another `path`",
                              path_.c_str(), holder));
}

/// io_uring releases files late, so the lock is released explicitly.
void File::release() noexcept {
    flock(fd_, LOCK_UN);
    close(fd_);
}

void File::look_at_device() {
    int logical = 0;
    unsigned physical = 0;
    if (ioctl(fd_, BLKSSZGET, &logical) != 0 || ioctl(fd_, BLKPBSZGET, &physical) != 0)
        fail(path_, "ask for the block size of");
    unit_ = uint32_t(logical);
    if (block_size_ == 0) block_size_ = unit_;
    physical_block_size_ = std::max(physical, block_size_);
}

void File::go_direct() {
    const std::string reason = why_not_direct();
    is_direct_ = reason.empty();
    if (is_direct_) return;
    memory_alignment_ = 1;
    bdevkit::log(
        LogLevel::warn, BDK_LOG_COMPONENT,
        format("'%s' is used through the page cache, not by direct I/O: %s", path_.c_str(), reason.c_str()));
}

/// Turns direct I/O on. @return "" on success, otherwise the reason
std::string File::why_not_direct() {
    uint32_t offset_alignment = 512;
    memory_alignment_ = std::min(block_size_, 4096u);
    if (is_device_) offset_alignment = unit_;
    struct statx status {};
    if (statx(fd_, "", AT_EMPTY_PATH, STATX_DIOALIGN, &status) == 0 &&
        (status.stx_mask & STATX_DIOALIGN) != 0) {
        offset_alignment = status.stx_dio_offset_align;
        memory_alignment_ = std::clamp(status.stx_dio_mem_align, 1u, 4096u);
    }
    if (offset_alignment > block_size_)
        return format("it needs blocks of %u bytes: set `block_size: %u`", offset_alignment,
                      offset_alignment);
    const char* none = "its file system does not support it: set `direct: false` to accept that";
    const int flags = fcntl(fd_, F_GETFL);
    if (offset_alignment == 0 || fcntl(fd_, F_SETFL, flags | O_DIRECT) != 0) return none;
    if (!refuses_to_read()) return "";
    fcntl(fd_, F_SETFL, flags);
    return none;
}

/// Overlay file systems accept O_DIRECT even if the file system below has no direct I/O.
bool File::refuses_to_read() const {
    const std::unique_ptr<void, decltype(&std::free)> block(
        std::aligned_alloc(4096, std::max(block_size_, 4096u)), std::free);
    return block != nullptr && pread(fd_, block.get(), block_size_, 0) < 0 && errno == EINVAL;
}

uint64_t File::size() const {
    uint64_t bytes = 0;
    struct stat status {};
    if (is_device_ ? ioctl(fd_, BLKGETSIZE64, &bytes) != 0 : fstat(fd_, &status) != 0)
        fail(path_, "ask for the size of");
    return is_device_ ? bytes : uint64_t(status.st_size);
}

uint64_t File::end() const noexcept {
    const off_t found = lseek(fd_, 0, SEEK_END);
    return found < 0 ? UINT64_MAX : uint64_t(found);
}

void File::set_size(uint64_t bytes) {
    if (is_device_) throw Error(ENOTSUP, format("'%s' is a device: leave `size` out", path_.c_str()));
    if (ftruncate(fd_, off_t(bytes)) != 0) fail(path_, "set the size of");
}

bool File::has_holes() const noexcept {
    // The kernel emulates this on devices that do not support it.
    if (is_device_) return true;
    struct stat status {};
    constexpr int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    // Tried beyond the end of the file, where no data can be lost.
    return fstat(fd_, &status) == 0 && fallocate(fd_, punch, status.st_size, block_size_) == 0;
}

NewFile::NewFile(const char* path, uint64_t size) {
    if (size == 0) return;
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST) return;
    if (fd < 0) fail(path, "create");
    made_ = path;
    const int rc = ftruncate(fd, off_t(size));
    const int error = errno;
    close(fd);
    if (rc == 0) return;
    unlink(path);
    errno = error;
    fail(path, "set the size of");
}

NewFile::~NewFile() {
    if (!made_.empty()) unlink(made_.c_str());
}
