// SPDX-License-Identifier: BSD-3-Clause
// A virtual module for tests that makes the core work: it declares limits, hides I/O types, holds I/Os for a
// while, answers NOMEM - and complains of every I/O that is not as it has declared.
#pragma once

#include <bdevkit/bdevkit.hpp>

#include <deque>
#include <string>

#include "model/random.hpp"

namespace bdk::test {

class Limiter : public bdevkit::VirtualBdev<Limiter> {
public:
    using Io = bdevkit::Io;
    using IoType = bdevkit::IoType;
    using IoStatus = bdevkit::IoStatus;
    using Base = bdevkit::VirtualBdev<Limiter>;

    struct Options {
        bdevkit::BdevName base;
        uint32_t max_rw_size, max_segment_size, max_num_segments, optimal_io_boundary;
        uint32_t required_alignment, max_unmap, max_write_zeroes, max_copy, write_unit;
        uint64_t hidden_types;
        bool without_fua;
        uint32_t hold_percent, nomem_percent;
        uint64_t shift, seed;
    };
    static constexpr bdk_option options[] = {
        BDEVKIT_OPTION(base, "The base.").required(),
        BDEVKIT_OPTION(max_rw_size, "Blocks.").defaults_to("0"),
        BDEVKIT_OPTION(max_segment_size, "Bytes.").defaults_to("0"),
        BDEVKIT_OPTION(max_num_segments, "Segments.").defaults_to("0"),
        BDEVKIT_OPTION(optimal_io_boundary, "Blocks.").defaults_to("0"),
        BDEVKIT_OPTION(required_alignment, "Exponent of 2.").defaults_to("0"),
        BDEVKIT_OPTION(max_unmap, "Blocks.").defaults_to("0"),
        BDEVKIT_OPTION(max_write_zeroes, "Blocks.").defaults_to("0"),
        BDEVKIT_OPTION(max_copy, "Blocks.").defaults_to("0"),
        BDEVKIT_OPTION(write_unit, "Blocks; writes are split into them.").defaults_to("0"),
        BDEVKIT_OPTION(hidden_types, "Bits of the types that it does not take.").defaults_to("0"),
        BDEVKIT_OPTION(without_fua, "Has a write cache that only a flush empties.").defaults_to("false"),
        BDEVKIT_OPTION(hold_percent, "I/Os that wait a while.").defaults_to("0"),
        BDEVKIT_OPTION(nomem_percent, "I/Os that are answered with NOMEM.").defaults_to("0"),
        BDEVKIT_OPTION(shift, "Blocks at the head of the base that it leaves out.").defaults_to("0"),
        BDEVKIT_OPTION(seed, "Of what it chooses.").defaults_to("0"),
    };

    struct Channel : Base::Channel {
        explicit Channel(Limiter& owner);
        Channel(const Channel&) = delete;
        Channel& operator=(const Channel&) = delete;
        /// Lets some of the waiting I/Os continue, in any order.
        bool poll();
        void abort_held();

        uint64_t shift;
        Random random;
        std::deque<Io> held;
        bdevkit::Poller poller;
    };

    Limiter(const char* name, const Options& given);
    static const bdk_module* module() noexcept;

    bool io_type_supported(IoType type) const;
    void submit(Channel& ch, Io io);

    /// [any thread] The first I/O since the process began that was not as declared; "" for none.
    static std::string complaint();

private:
    static void pass_on(Channel& ch, Io io);
    void check(Io io) const;
    void check_data(Io io) const;
    void check_segments(const iovec* iovs, int32_t count) const;
    void abort(Channel& ch, Io io);
    void reset(Channel& ch, Io io);

    uint64_t hidden_types_, shift_, seed_;
    uint32_t hold_percent_, nomem_percent_;
};

extern const bdk_module limiter_module;

}  // namespace bdk::test
