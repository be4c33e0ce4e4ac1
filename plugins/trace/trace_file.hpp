// SPDX-License-Identifier: BSD-3-Clause
// The file of a trace, written by a separate thread.
#pragma once

#include <bdevkit/trace.h>

#include <array>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

/// Records that are written together.
struct Chunk {
    size_t count = 0;
    std::array<bdk_trace_record, 2048> records;
};

/// Accepts full chunks and provides empty ones. Neither operation waits for the file.
class TraceFile {
public:
    /// Creates the file or replaces an existing trace. Throws bdevkit::Error if the file is anything else.
    TraceFile(const char* path, const bdk_trace_header& header);
    /// Returns when the last chunk is in the file, after some milliseconds at most.
    ~TraceFile();
    TraceFile(const TraceFile&) = delete;
    TraceFile& operator=(const TraceFile&) = delete;

    /// [any thread] An empty chunk; NULL when all chunks wait to be written.
    std::unique_ptr<Chunk> take() noexcept;
    /// [any thread]
    void put(std::unique_ptr<Chunk> chunk) noexcept;
    /// [any thread] A record that needs no chunk: it is written after all chunks.
    void put_last(const bdk_trace_record& record) noexcept;

    const std::string& path() const noexcept { return path_; }

private:
    static constexpr size_t max_chunks = 64;  ///< 4 MiB

    void run() noexcept;
    void write_chunks() noexcept;
    void write(const void* data, size_t length) noexcept;

    std::string path_;
    int fd_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::unique_ptr<Chunk>> empty_, full_;
    std::vector<bdk_trace_record> last_;
    size_t chunks_ = 0;
    bool ending_ = false;
    bool failed_ = false;  ///< the writer's
    std::thread writer_;
};
