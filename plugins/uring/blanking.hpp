// SPDX-License-Identifier: BSD-3-Clause
// How a range of a file or device is emptied: which operation of the kernel does it, and on which part.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

/// What is wanted of a range.
enum class Blank : uint8_t {
    give_back,      ///< its space is not needed; what it reads as does not matter
    zero,           ///< it reads as zeroes, and its space may be given back
    zero_and_keep,  ///< it reads as zeroes, and its space stays
};

/// Operations of the kernel.
enum class Way : uint8_t { none, discard, punch, zero, punch_then_allocate, allocate, write };

/// The operations that one file takes, best first. Which of them there are depends on the file system, the
/// device and the kernel, and shows when one is refused: the next one is tried then.
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
    /// [any thread] The next best. Way::none: there is no other.
    Way after(Way way, Blank wish) const noexcept {
        do
            way = next(way, wish);
        while (way != Way::none && is_refused(way));
        return way;
    }
    /// [any thread] The file never takes it: there is no need to try it again.
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

/// In bytes.
struct ByteRange {
    uint64_t begin, end;
};

/// The part of the range that consists of whole units; it may be empty, with an end before its begin.
inline ByteRange whole_units(ByteRange range, uint64_t unit) noexcept {
    return {(range.begin + unit - 1) / unit * unit, range.end / unit * unit};
}

/// What one operation does.
struct BlankStep {
    Way way;
    uint64_t length;  ///< bytes, from the begin of what is left
};

/// The next step on `left`, which is not empty. All ways but `write` take whole units; what is none of those
/// at either end is written. A write takes `longest_write` bytes at most, a multiple of the unit.
inline BlankStep next_blank_step(ByteRange left, Way way, uint64_t unit, uint64_t longest_write) noexcept {
    const ByteRange whole = whole_units(left, unit);
    if (way == Way::write || whole.begin >= whole.end)
        return {Way::write, std::min(left.end - left.begin, longest_write)};
    if (left.begin < whole.begin) return {Way::write, whole.begin - left.begin};
    return {way, whole.end - left.begin};
}
