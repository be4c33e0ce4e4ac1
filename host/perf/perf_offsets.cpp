// SPDX-License-Identifier: BSD-3-Clause
#include "perf/perf_offsets.hpp"

#include <algorithm>
#include <cmath>

namespace bdevkit::host {

Zipf::Zipf(uint64_t n, double theta) noexcept
    : n_(n),
      theta_(theta),
      at_first_(integral(1.5) - 1),
      at_last_(integral(static_cast<double>(n) + 0.5)),
      shortcut_(2 - inverse_integral(integral(2.5) - density(2))) {}

uint64_t PerfOffsets::next_hot() noexcept {
    const uint64_t rank = (*zipf_)(random_);
    return static_cast<uint64_t>(static_cast<Wide>(rank) * 0x9e3779b97f4a7c15ull % slots_);
}

uint64_t Zipf::operator()(PerfRandom& random) const noexcept {
    for (;;) {
        const double u = at_last_ + random.unit() * (at_first_ - at_last_);
        const double x = inverse_integral(u);
        const double k = std::clamp(std::floor(x + 0.5), 1.0, static_cast<double>(n_));
        if (k - x <= shortcut_ || u >= integral(k + 0.5) - density(k)) return static_cast<uint64_t>(k);
    }
}

// The density k^-theta and its integral, (x^(1-theta) - 1) / (1-theta), which is log x at theta 1.
double Zipf::density(double x) const noexcept {
    return std::exp(-theta_ * std::log(x));
}

double Zipf::integral(double x) const noexcept {
    const double log_x = std::log(x);
    const double t = (1 - theta_) * log_x;
    return std::abs(t) < 1e-8 ? log_x : std::expm1(t) / t * log_x;
}

double Zipf::inverse_integral(double x) const noexcept {
    const double t = std::max(x * (1 - theta_), -1.0);
    return std::abs(t) < 1e-8 ? std::exp(x) : std::exp(std::log1p(t) / t * x);
}

}  // namespace bdevkit::host
