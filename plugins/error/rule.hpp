// SPDX-License-Identifier: BSD-3-Clause
// The rule of an error bdev: the I/O that it strikes, and the effect.
#pragma once

#include <bdevkit/bdevkit.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>

enum class Action : uint32_t { pass, fail, corrupt, hold };
enum class Outcome : uint32_t { failed, nvme, aio, miscompare, first_fused_failed, aborted, nomem };

struct ErrorOptions {
    bdevkit::BdevName base;
    Action action;
    bdevkit::List<bdevkit::IoType> io_types;
    bdevkit::Size offset;
    bdevkit::Size length;
    uint64_t every;
    uint64_t count;
    Outcome status;
    uint32_t nvme_sct;
    uint32_t nvme_sc;
    uint32_t aio_errno;
    uint32_t corrupt_xor;
};

/// A range of bytes in a bdev or in the data of an I/O.
struct ByteRange {
    uint64_t begin, end;
    bool empty() const noexcept { return begin >= end; }
};

/// The rule that the options describe. It is cheap to copy: each channel has its own.
class Rule {
public:
    Rule() = default;
    /// Throws Error for invalid options.
    explicit Rule(const ErrorOptions& given)
        : action_(given.action),
          outcome_(given.status),
          range_{given.offset, given.length == 0 ? whole.end : given.offset + given.length},
          every_(given.every),
          count_(given.count),
          nvme_sct_(given.nvme_sct),
          nvme_sc_(given.nvme_sc),
          aio_errno_(given.aio_errno),
          corrupt_xor_(std::byte(given.corrupt_xor)) {
        using bdevkit::Error, bdevkit::IoType;
        constexpr uint64_t data = bdevkit::io_types(IoType::read, IoType::write);
        constexpr uint64_t control = bdevkit::io_types(IoType::reset, IoType::abort);
        for (IoType type : given.io_types)
            types_ |= type == all_types ? ~control : bdevkit::io_types(type);
        if (types_ == 0) types_ = action_ == Action::corrupt ? data : ~control;
        if (action_ == Action::corrupt && (types_ & ~data) != 0)
            throw Error(EINVAL,
                        "only reads and writes can be corrupted: leave io_types out, or list only these");
        if (action_ == Action::hold && (types_ & control) != 0)
            throw Error(EINVAL, "reset and abort release held I/O, so they cannot be held themselves");
        if (range_.empty()) throw Error(EINVAL, "offset and length go beyond 2^64");
    }

    Action action() const noexcept { return action_; }
    uint64_t every() const noexcept { return every_; }
    uint64_t count() const noexcept { return count_; }
    std::byte corrupt_xor() const noexcept { return corrupt_xor_; }

    /// True if the I/O has the type, and touches the range.
    bool matches(bdevkit::Io io, uint32_t block_size) const noexcept {
        if (action_ == Action::pass || (types_ >> uint32_t(io.type()) & 1) == 0) return false;
        if (!has_range(io.type())) return range_.begin == whole.begin && range_.end == whole.end;
        return !of_data(io, block_size).empty();
    }

    /// The part of the I/O's data that lies in the range.
    ByteRange of_data(bdevkit::Io io, uint32_t block_size) const noexcept {
        const uint64_t start = io.offset_blocks() * block_size;
        const uint64_t begin = std::max(range_.begin, start);
        const uint64_t end = std::min(range_.end, start + io.num_blocks() * block_size);
        return begin < end ? ByteRange{begin - start, end - start} : ByteRange{0, 0};
    }

    /// Completes the I/O with the rule's status.
    void fail(bdevkit::Io io) const noexcept {
        using bdevkit::IoStatus;
        switch (outcome_) {
            case Outcome::nvme:
                return bdk_bdev_io_complete_nvme_status(io.get(), 0, nvme_sct_, nvme_sc_);
            case Outcome::aio:
                return io.complete_errno(-int(aio_errno_));
            case Outcome::miscompare:
                return io.complete(IoStatus::miscompare);
            case Outcome::first_fused_failed:
                return io.complete(IoStatus::first_fused_failed);
            case Outcome::aborted:
                return io.complete(IoStatus::aborted);
            case Outcome::nomem:
                return io.complete(IoStatus::nomem);
            default:
                return io.complete(IoStatus::failed);
        }
    }

private:
    static constexpr auto all_types = bdevkit::IoType(0);
    static constexpr ByteRange whole{0, std::numeric_limits<uint64_t>::max()};

    static bool has_range(bdevkit::IoType type) noexcept {
        using bdevkit::IoType;
        constexpr uint64_t ranged =
            bdevkit::io_types(IoType::read, IoType::write, IoType::unmap, IoType::flush, IoType::write_zeroes,
                              IoType::compare, IoType::compare_and_write, IoType::copy, IoType::zone_append);
        return (ranged & bdevkit::io_types(type)) != 0;
    }

    Action action_ = Action::pass;
    Outcome outcome_ = Outcome::failed;
    uint64_t types_ = 0;
    ByteRange range_ = whole;
    uint64_t every_ = 1;
    uint64_t count_ = 0;  ///< 0: no limit
    uint32_t nvme_sct_ = 0, nvme_sc_ = 0, aio_errno_ = 0;
    std::byte corrupt_xor_{};
};
