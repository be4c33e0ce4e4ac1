// SPDX-License-Identifier: BSD-3-Clause
// Decides how a range of a file or device is zeroed or freed: which kernel operation to use for which part.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

/// The desired effect on a range.
enum class Blank : uint8_t {
    give_back,      ///< its space may be freed; its content afterwards does not matter
    zero,           ///< it reads as zeroes, and its space may be freed
    zero_and_keep,  ///< it reads as zeroes, and its space stays allocated
};

/// Operations of the kernel.
enum class Way : uint8_t { none, discard, punch, zero, punch_then_allocate, allocate, write };

/// The operations for one file, best first. Which of them work depends on the file system, the device and the
/// kernel, and is known only when the kernel refuses one. Then the next one is tried.
class Ways {
public:
    explicit Ways(bool is_device) noexcept : is_device_(is_device) {}

    /// [any thread]
    Way first(Blank wish) const noexcept {
        const Way best = wish == Blank::zero_and_keep             ? Way::zero
                         : wish == Blank::give_back && is_device_ ? Way::discard
                                                                  : Way::punch;
        return is_refused(best) ? after(best, wish) : best;
    }
    /// [any thread] The next best operation. Way::none if there is none.
    Way after(Way way, Blank wish) const noexcept {
        do
            way = next(way, wish);
        while (way != Way::none && is_refused(way));
        return way;
    }
    /// [any thread] Marks an operation that the file does not support, so that it is not tried again.
    void refuse(Way way) noexcept {
        refused_.fetch_or(bit(way == Way::allocate ? Way::punch_then_allocate : way),
                          std::memory_order_relaxed);
    }

private:
    static constexpr uint32_t bit(Way way) noexcept { return 1u << uint32_t(way); }
    bool is_refused(Way way) const noexcept {
        return (refused_.load(std::memory_order_relaxed) & bit(way)) != 0;
    }

    static Way next(Way way, Blank wish) noexcept {
        switch (way) {
            case Way::discard:
                return Way::punch;
            case Way::punch:
                return Way::zero;
            case Way::zero:
                return wish == Blank::give_back ? Way::none
                       : wish == Blank::zero    ? Way::write
                                                : Way::punch_then_allocate;
            case Way::punch_then_allocate:
            case Way::allocate:
                return Way::write;
            default:
                return Way::none;
        }
    }

    const bool is_device_;
    std::atomic<uint32_t> refused_{0};
};

/// A range in bytes.
struct ByteRange {
    uint64_t begin, end;
};

/// The part of the range that consists of whole units; it may be empty, with its end before its begin.
inline ByteRange whole_units(ByteRange range, uint64_t unit) noexcept {
    return {(range.begin + unit - 1) / unit * unit, range.end / unit * unit};
}

/// One operation.
struct BlankStep {
    Way way;
    uint64_t length;  ///< bytes, from the beginning of the remaining range
};

/// The next step on the non-empty range `left`. All ways except `write` work on whole units; partial units at
/// either end are written. A write has at most `longest_write` bytes, a multiple of the unit.
inline BlankStep next_blank_step(ByteRange left, Way way, uint64_t unit, uint64_t longest_write) noexcept {
    const ByteRange whole = whole_units(left, unit);
    if (way == Way::write || whole.begin >= whole.end)
        return {Way::write, std::min(left.end - left.begin, longest_write)};
    if (left.begin < whole.begin) return {Way::write, whole.begin - left.begin};
    return {way, whole.end - left.begin};
}
