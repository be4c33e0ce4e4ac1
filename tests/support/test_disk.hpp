// SPDX-License-Identifier: BSD-3-Clause
// A physical module whose behaviour a test decides: what it supports, when and how it completes, when it is
// resized.
#pragma once

#include <bdevkit/bdevkit.hpp>

#include <atomic>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace bdk::test {

/// A disk of the module `test_disk`. Unless on_submit says otherwise it stores data and completes at once.
class TestDisk : public bdevkit::Bdev<TestDisk> {
public:
    using Io = bdevkit::Io;
    using IoType = bdevkit::IoType;

    struct Options {
        uint64_t blocks;
        uint32_t block_size;
        uint64_t types;
    };
    static constexpr bdk_option options[] = {
        BDEVKIT_OPTION(blocks, "Blocks.").defaults_to("1024"),
        BDEVKIT_OPTION(block_size, "Bytes per block.").defaults_to("512"),
        BDEVKIT_OPTION(types, "Bits of the types; 0 for all.").defaults_to("0"),
    };

    struct Channel {
        explicit Channel(TestDisk& owner) : disk(owner) { disk.channels++; }
        ~Channel() { disk.channels--; }
        Channel(const Channel&) = delete;
        Channel& operator=(const Channel&) = delete;

        TestDisk& disk;
    };

    TestDisk(const char* name, const Options& given) : Bdev(name), types_(given.types) {
        bdev().blockcnt = given.blocks;
        bdev().blocklen = given.block_size;
        if (configure()) configure()(bdev());
        data_.resize(given.blocks * given.block_size);
        living()[this->name()] = this;
    }
    ~TestDisk() { living().erase(name()); }

    static const bdk_module* module() noexcept;

    /// [app thread] The disk of that name.
    static TestDisk& named(const std::string& name) { return *living().at(name); }
    /// Changes the struct of the disks made from now on; empty: nothing.
    static std::function<void(bdk_bdev&)>& configure() {
        static std::function<void(bdk_bdev&)> instance;
        return instance;
    }

    /// Set with no I/O in flight: is given every I/O in place of serve().
    std::function<void(Io)> on_submit;
    std::atomic<int> channels{0};

    bool io_type_supported(IoType type) const {
        return types_ == 0 || (types_ & bdevkit::io_types(type)) != 0;
    }

    void submit(Channel&, Io io) {
        {
            const std::scoped_lock lock(mutex_);
            seen_.push_back({uint32_t(io.type()), io.offset_blocks(), io.num_blocks()});
        }
        on_submit ? on_submit(io) : serve(io);
    }

    /// Reads or writes, and completes; what else comes just completes.
    void serve(Io io) {
        if (io.type() == IoType::read && !io.has_buffer()) return with_buffer<&TestDisk::serve_on>(io);
        std::byte* at = data_.data() + io.offset_blocks() * bdev().blocklen;
        if (io.type() == IoType::read || io.type() == IoType::write)
            for (const iovec& piece : io.iovs()) {
                io.type() == IoType::read ? std::memcpy(piece.iov_base, at, piece.iov_len)
                                          : std::memcpy(at, piece.iov_base, piece.iov_len);
                at += piece.iov_len;
            }
        io.complete();
    }

    void resize(uint64_t num_blocks) {
        data_.resize(num_blocks * bdev().blocklen);
        notify_resized(num_blocks);
    }

    struct Seen {
        uint32_t type;
        uint64_t offset_blocks, num_blocks;
        bool operator==(const Seen&) const = default;
    };
    /// The requests that have reached the disk so far.
    std::vector<Seen> seen() const {
        const std::scoped_lock lock(mutex_);
        return seen_;
    }
    const std::vector<std::byte>& data() const { return data_; }

private:
    void serve_on(Channel&, Io io) { serve(io); }

    static std::map<std::string, TestDisk*>& living() {
        static std::map<std::string, TestDisk*> instance;
        return instance;
    }

    uint64_t types_;
    std::vector<std::byte> data_;
    mutable std::mutex mutex_;
    std::vector<Seen> seen_;
};

inline constinit const bdk_module test_disk_module = bdevkit::make_module<TestDisk>({.name = "test_disk"});
inline const bdk_module* TestDisk::module() noexcept {
    return &test_disk_module;
}

}  // namespace bdk::test
