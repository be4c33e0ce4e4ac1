// SPDX-License-Identifier: BSD-3-Clause
#include "trace_file.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <bdevkit/error.hpp>

#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

namespace {

using bdevkit::Error, bdevkit::format;

[[noreturn]] void fail(int fd, const char* what, const char* path) {
    const int error = errno;
    if (fd >= 0) close(fd);
    throw Error(error,
                format("cannot %s '%s': %s", what, path, std::generic_category().message(error).c_str()));
}

/// Opens, locks and truncates the file. The lock ends with the descriptor. A file system without locks goes
/// without.
int open_trace(const char* path) {
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0644);
    if (fd < 0) fail(fd, "open", path);
    struct stat status {};
    char magic[sizeof(bdk_trace_header::magic)] = {};
    const bool is_trace = pread(fd, magic, sizeof(magic), 0) == sizeof(magic) &&
                          std::memcmp(magic, BDK_TRACE_MAGIC, sizeof(magic)) == 0;
    if (fstat(fd, &status) != 0) fail(fd, "look at", path);
    if (!S_ISREG(status.st_mode) || (status.st_size != 0 && !is_trace)) {
        close(fd);
        throw Error(
            EEXIST,
            format("'%s' already exists and is not a trace: remove it, or give another `path`", path));
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        close(fd);
        throw Error(EBUSY, format("'%s' is already in use by another trace: give another `path`", path));
    }
    if (ftruncate(fd, 0) != 0) fail(fd, "empty", path);
    return fd;
}

}  // namespace

TraceFile::TraceFile(const char* path, const bdk_trace_header& header) : path_(path), fd_(open_trace(path)) {
    write(&header, sizeof(header));
    if (failed_) fail(fd_, "write to", path);
    empty_.reserve(max_chunks);  // so that take() and put() need no memory
    full_.reserve(max_chunks);
    writer_ = std::thread([this] { run(); });
}

TraceFile::~TraceFile() {
    {
        const std::scoped_lock lock(mutex_);
        ending_ = true;
    }
    changed_.notify_one();
    writer_.join();
    close(fd_);
}

std::unique_ptr<Chunk> TraceFile::take() noexcept {
    const std::scoped_lock lock(mutex_);
    if (!empty_.empty()) {
        std::unique_ptr<Chunk> chunk = std::move(empty_.back());
        empty_.pop_back();
        chunk->count = 0;
        return chunk;
    }
    if (chunks_ == max_chunks) return nullptr;
    try {
        auto chunk = std::make_unique_for_overwrite<Chunk>();
        chunks_++;
        return chunk;
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

void TraceFile::put(std::unique_ptr<Chunk> chunk) noexcept {
    {
        const std::scoped_lock lock(mutex_);
        full_.push_back(std::move(chunk));
    }
    changed_.notify_one();
}

void TraceFile::put_last(const bdk_trace_record& record) noexcept {
    const std::scoped_lock lock(mutex_);
    try {
        last_.push_back(record);
    } catch (const std::bad_alloc&) {
        BDK_ERRLOG("the trace '%s' does not say what it lost at its end: out of memory", path_.c_str());
    }
}

void TraceFile::run() noexcept {
    // A thread started by a reactor would inherit its core.
    cpu_set_t anywhere;
    std::memset(&anywhere, 0xff, sizeof(anywhere));
    sched_setaffinity(0, sizeof(anywhere), &anywhere);
    write_chunks();
    write(last_.data(), last_.size() * sizeof(bdk_trace_record));
}

/// Returns when the trace ends.
void TraceFile::write_chunks() noexcept {
    std::vector<std::unique_ptr<Chunk>> batch;
    batch.reserve(max_chunks);
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [this] { return ending_ || !full_.empty(); });
        if (full_.empty()) return;
        std::swap(batch, full_);
        lock.unlock();
        for (const auto& chunk : batch)
            write(chunk->records.data(), chunk->count * sizeof(bdk_trace_record));
        lock.lock();
        for (auto& chunk : batch)
            empty_.push_back(std::move(chunk));
        batch.clear();
    }
}

void TraceFile::write(const void* data, size_t length) noexcept {
    const auto* at = static_cast<const std::byte*>(data);
    while (length != 0 && !failed_) {
        const ssize_t written = ::write(fd_, at, length);
        if (written < 0 && errno == EINTR) continue;
        failed_ = written <= 0;
        if (failed_) {
            BDK_ERRLOG("the trace '%s' ends here: %s", path_.c_str(), std::strerror(errno));
            return;
        }
        at += written;
        length -= size_t(written);
    }
}
