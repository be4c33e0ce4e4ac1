// SPDX-License-Identifier: BSD-3-Clause
// Distributions of latency.
#pragma once

#include <bdevkit/bdevkit.hpp>

#include <array>
#include <cstdint>

struct DelayOptions {
    bdevkit::BdevName base;
    bdevkit::Duration avg_read, p99_read;
    bdevkit::Duration avg_write, p99_write;
    bdevkit::Duration avg_unmap, p99_unmap;
    bdevkit::Duration avg_flush, p99_flush;
    bdevkit::Duration avg_other, p99_other;
};

/// The latencies of one kind of I/O. Most I/Os take the usual latency, and one in `rare_one_of` takes the
/// rare latency. That is a little more than one in a hundred, so the rare latency is the 99th percentile. The
/// usual latency is chosen to keep the average.
class Latency {
public:
    static constexpr uint64_t rare_one_of = 64;

    Latency() = default;
    /// Throws Error when no such distribution exists. @param kind for the message
    Latency(bdevkit::Duration avg, bdevkit::Duration p99, const char* kind) {
        const uint64_t rare = p99.ns == 0 ? avg.ns : p99.ns;
        if (rare < avg.ns || rare > avg.ns * (rare_one_of / 2))
            throw bdevkit::Error(EINVAL, bdevkit::format("p99_%s must be from avg_%s to %d times that", kind,
                                                         kind, int(rare_one_of / 2)));
        if (avg.ns > longest_ns || rare > longest_ns)
            throw bdevkit::Error(EINVAL,
                                 bdevkit::format("avg_%s and p99_%s must be below an hour", kind, kind));
        usual_ = ticks((avg.ns * rare_one_of - rare) / (rare_one_of - 1));
        rare_ = ticks(rare);
    }

    bool is_none() const noexcept { return rare_ == 0; }

    /// The latency of the n-th I/O, in ticks.
    uint64_t of(uint64_t n) const noexcept { return n % rare_one_of == rare_one_of - 1 ? rare_ : usual_; }

private:
    static constexpr uint64_t longest_ns = uint64_t{3600} * 1'000'000'000;

    static uint64_t ticks(uint64_t ns) noexcept {
        return uint64_t(double(ns) * double(bdk_get_ticks_hz()) / 1e9);
    }

    uint64_t usual_ = 0, rare_ = 0;
};

/// The latencies of all kinds of I/O.
class Latencies {
public:
    enum Kind { reads, writes, unmaps, flushes, others, kinds };

    Latencies() = default;
    explicit Latencies(const DelayOptions& given)
        : latency_{Latency(given.avg_read, given.p99_read, "read"),
                   Latency(given.avg_write, given.p99_write, "write"),
                   Latency(given.avg_unmap, given.p99_unmap, "unmap"),
                   Latency(given.avg_flush, given.p99_flush, "flush"),
                   Latency(given.avg_other, given.p99_other, "other")} {}

    static Kind kind_of(bdevkit::IoType type) noexcept {
        using bdevkit::IoType;
        switch (type) {
            case IoType::read:
                return reads;
            case IoType::write:
            case IoType::zone_append:
                return writes;
            case IoType::unmap:
            case IoType::write_zeroes:
                return unmaps;
            case IoType::flush:
                return flushes;
            default:
                return others;
        }
    }

    const Latency& operator[](Kind kind) const noexcept { return latency_[kind]; }

private:
    std::array<Latency, kinds> latency_;
};
