// SPDX-License-Identifier: BSD-3-Clause
// Chooses the offset of the next I/O.
#pragma once

#include <cstdint>
#include <optional>

namespace bdevkit::host {

__extension__ typedef unsigned __int128 Wide;

/// xorshift64*: takes a few instructions and is good enough to choose offsets.
class PerfRandom {
public:
    explicit PerfRandom(uint64_t seed) noexcept : state_(seed * 0x9e3779b97f4a7c15ull | 1) {}

    uint64_t next() noexcept {
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return state_ * 0x2545f4914f6cdd1dull;
    }

    /// A number below `end`.
    uint64_t below(uint64_t end) noexcept {
        return static_cast<uint64_t>((static_cast<Wide>(next()) * end) >> 64);
    }

    /// A number from 0 to 1, excluding 1.
    double unit() noexcept { return static_cast<double>(next() >> 11) * 0x1p-53; }

private:
    uint64_t state_;
};

/// Ranks from 1 to n, rank k with a probability proportional to k^-theta, without a table:
/// rejection-inversion sampling (W. Hoermann, G. Derflinger, 1996).
class Zipf {
public:
    Zipf(uint64_t n, double theta) noexcept;
    uint64_t operator()(PerfRandom& random) const noexcept;

private:
    double integral(double x) const noexcept;
    double inverse_integral(double x) const noexcept;
    double density(double x) const noexcept;

    uint64_t n_;
    double theta_;
    double at_first_, at_last_, shortcut_;
};

/// Chooses one of `slots` equal pieces of the range, in order or at random.
class PerfOffsets {
public:
    /// @param first the start of a sequence
    PerfOffsets(uint64_t slots, bool random, std::optional<double> theta, uint64_t seed,
                uint64_t first) noexcept
        : random_(seed), slots_(slots), in_order_(!random), next_(first) {
        if (theta) zipf_.emplace(slots, *theta);
    }

    uint64_t next() noexcept {
        if (in_order_) {
            const uint64_t slot = next_;
            next_ = next_ + 1 == slots_ ? 0 : next_ + 1;
            return slot;
        }
        return zipf_ ? next_hot() : random_.below(slots_);
    }

    PerfRandom& random() noexcept { return random_; }

private:
    /// Scatters hot places, as on a real disk.
    uint64_t next_hot() noexcept;

    PerfRandom random_;
    uint64_t slots_;
    bool in_order_;
    uint64_t next_;
    std::optional<Zipf> zipf_;
};

}  // namespace bdevkit::host
