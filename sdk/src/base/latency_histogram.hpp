// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

namespace bdk {

/// Counts values, usually latencies in ticks, in log-linear buckets: 64 of equal width between each power of
/// two and the next. So a percentile is off by less than 1% in any range, values below 128 are exact, and
/// adding a value costs a bit scan and two cache lines. It takes 30 KiB. It is not thread-safe: each thread
/// has its own, and they are merged.
class LatencyHistogram {
public:
    void add(uint64_t value) noexcept {
        buckets_[index_of(value)]++;
        count_++;
        sum_ += value;
        min_ = std::min(min_, value);
        max_ = std::max(max_, value);
    }

    void merge(const LatencyHistogram& other) noexcept {
        for (uint32_t i = 0; i < buckets_.size(); i++)
            buckets_[i] += other.buckets_[i];
        count_ += other.count_;
        sum_ += other.sum_;
        min_ = std::min(min_, other.min_);
        max_ = std::max(max_, other.max_);
    }

    uint64_t count() const noexcept { return count_; }
    uint64_t min() const noexcept { return count_ == 0 ? 0 : min_; }
    uint64_t max() const noexcept { return max_; }
    double mean() const noexcept {
        return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_);
    }

    /// The value that `percent` (0 to 100) of the values do not exceed. 0 if there are no values.
    uint64_t percentile(double percent) const noexcept {
        double share = std::clamp(percent, 0.0, 100.0) / 100.0;
        auto wanted = static_cast<uint64_t>(std::ceil(share * static_cast<double>(count_)));
        uint64_t seen = 0;
        for (uint32_t i = 0; i < buckets_.size(); i++) {
            seen += buckets_[i];
            if (seen >= std::max<uint64_t>(wanted, 1))
                return std::clamp(first_of(i) + (width_of(i) - 1) / 2, min(), max());
        }
        return max();
    }

    /// Calls fn(first, last, count) for each bucket that is not empty, from the lowest.
    template <typename Fn>
    void for_each_bucket(Fn&& fn) const {
        for (uint32_t i = 0; i < buckets_.size(); i++)
            if (buckets_[i] != 0) fn(first_of(i), first_of(i) + (width_of(i) - 1), buckets_[i]);
    }

private:
    static constexpr uint32_t sub_bits = 6;
    static constexpr uint32_t subs = 1u << sub_bits;
    static constexpr uint32_t num_buckets = (64 - sub_bits + 1) * subs;

    static uint32_t index_of(uint64_t value) noexcept {
        // Values below `subs` stand in the first row as they are; each later row halves the resolution.
        auto row = static_cast<uint32_t>(std::bit_width(value | subs)) - 1 - sub_bits;
        return row * subs + static_cast<uint32_t>(value >> row);
    }
    static uint32_t row_of(uint32_t index) noexcept { return index < subs ? 0 : index / subs - 1; }
    static uint64_t first_of(uint32_t index) noexcept {
        uint32_t row = row_of(index);
        return static_cast<uint64_t>(index - row * subs) << row;
    }
    static uint64_t width_of(uint32_t index) noexcept { return uint64_t{1} << row_of(index); }

    std::array<uint64_t, num_buckets> buckets_{};
    uint64_t count_ = 0;
    uint64_t sum_ = 0;
    uint64_t min_ = UINT64_MAX;
    uint64_t max_ = 0;
};

}  // namespace bdk
