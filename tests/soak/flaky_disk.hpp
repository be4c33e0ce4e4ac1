// SPDX-License-Identifier: BSD-3-Clause
// A module of the test program whose disks behave like faulty hardware: they complete late and out of order,
// fail, and run out of memory.
#pragma once

#include <bdevkit/bdevkit.hpp>

#include <chrono>
#include <vector>

#include "soak/soak_random.hpp"

namespace bdk::test {

/// A disk without data. Its reads leave the buffers as they are.
class FlakyDisk : public bdevkit::Bdev<FlakyDisk> {
public:
    using Io = bdevkit::Io;
    using IoType = bdevkit::IoType;

    struct Options {
        uint64_t blocks;
        uint32_t seed;
        uint32_t max_rw_size;
        uint32_t required_alignment;
    };
    static constexpr bdk_option options[] = {
        BDEVKIT_OPTION(blocks, "Blocks of 512 bytes.").defaults_to("2048"),
        BDEVKIT_OPTION(seed, "Of what goes wrong.").defaults_to("1"),
        BDEVKIT_OPTION(max_rw_size, "Blocks; 0 for no limit.").defaults_to("0"),
        BDEVKIT_OPTION(required_alignment, "Exponent of 2.").defaults_to("0"),
    };
    static constexpr uint64_t io_types = bdevkit::io_types(IoType::read, IoType::write, IoType::flush,
                                                           IoType::unmap, IoType::reset, IoType::abort);

    class Channel {
    public:
        explicit Channel(FlakyDisk& disk);
        void take(Io io);
        void have_buffer(Io io) { later_.push_back(io); }
        void abort_all();

    private:
        bool complete_some();
        bool abort(const bdk_bdev_io* target);

        SoakRandom random_;
        std::vector<Io> later_;
        bdevkit::Poller poller_;
    };

    FlakyDisk(const char* name, const Options& given);

    static const bdk_module* module() noexcept;

    void submit(Channel& ch, Io io);

private:
    void have_buffer(Channel& ch, Io io) { ch.have_buffer(io); }

    uint64_t seed_;
};

extern const bdk_module flaky_disk_module;

}  // namespace bdk::test
