// SPDX-License-Identifier: BSD-3-Clause
// Chance that can be repeated, and how long a soak lasts.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <random>

namespace bdk::test {

/// A source of chance, of one thread.
class SoakRandom {
public:
    explicit SoakRandom(uint64_t seed) : engine_(seed) {}

    uint64_t below(uint64_t bound) { return engine_() % bound; }
    /// True once in `n` times.
    bool one_in(uint64_t n) { return below(n) == 0; }
    template <class T>
    T one_of(std::initializer_list<T> choices) {
        return choices.begin()[below(choices.size())];
    }

private:
    std::mt19937_64 engine_;
};

/// The number in the environment variable `name`, or `otherwise`.
inline uint64_t soak_setting(const char* name, uint64_t otherwise) {
    const char* given = std::getenv(name);
    return given == nullptr ? otherwise : std::strtoull(given, nullptr, 0);
}

/// Sanitizers make everything slow: a part of `otherwise` there.
inline uint64_t soak_rounds(uint64_t otherwise) {
#if defined(__SANITIZE_THREAD__)
    otherwise /= 10;
#elif defined(__SANITIZE_ADDRESS__)
    otherwise /= 4;
#endif
    return soak_setting("BDEVKIT_SOAK_ROUNDS", otherwise);
}

inline uint64_t soak_seed() {
    return soak_setting("BDEVKIT_SOAK_SEED", std::random_device()());
}

}  // namespace bdk::test
