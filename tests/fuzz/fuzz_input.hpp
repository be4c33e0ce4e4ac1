// SPDX-License-Identifier: BSD-3-Clause
// The fuzzer's input, and the reaction of a target when a property does not hold.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>

namespace bdk::fuzz {

using Bytes = std::span<const std::byte>;

/// Takes values off the front of an input. Behind its end there are zeroes.
class FuzzInput {
public:
    FuzzInput(const uint8_t* data, size_t size) : rest_(reinterpret_cast<const std::byte*>(data), size) {}

    template <class T>
    requires std::is_trivially_copyable_v<T> T take() {
        T value{};
        const Bytes bytes = take_bytes(sizeof(T));
        if (!bytes.empty()) std::memcpy(&value, bytes.data(), bytes.size());
        return value;
    }

    /// @return so many bytes, or as many as are left
    Bytes take_bytes(size_t most) {
        const Bytes bytes = rest_.first(std::min(most, rest_.size()));
        rest_ = rest_.subspan(bytes.size());
        return bytes;
    }
    std::string take_text(size_t most) {
        const Bytes bytes = take_bytes(most);
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }
    Bytes take_rest() { return take_bytes(rest_.size()); }

    bool empty() const { return rest_.empty(); }

private:
    Bytes rest_;
};

/// Ends the process, so that the fuzzer keeps the input, when a property does not hold.
inline void must_hold(bool condition, const char* property) {
    if (condition) return;
    std::fprintf(stderr, "this does not hold: %s\n", property);
    std::abort();
}

}  // namespace bdk::fuzz
