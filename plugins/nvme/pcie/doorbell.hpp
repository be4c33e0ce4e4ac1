// SPDX-License-Identifier: BSD-3-Clause
// Doorbells, as registers and in memory (Base Specification 2.0, 5.8 and B.5).
#pragma once

#include <cstdint>

namespace nvme::pcie {

/// A register of the controller that is written when a queue has new entries. With a shadow, the value is
/// written to memory instead, and the register only when the controller has asked for that.
class Doorbell {
public:
    /// Words in memory of the device: the value, and the value after which the controller wants the register
    /// to be written.
    struct Shadow {
        uint32_t* value = nullptr;
        uint32_t* event = nullptr;
    };

    explicit Doorbell(volatile uint32_t* device) noexcept : register_(device) {}

    /// The queue is empty and begins at entry 0. @param shadow  none: the register is written each time
    void restart(const Shadow& shadow) noexcept {
        shadow_ = shadow;
        if (shadow_.value == nullptr) return;
        __atomic_store_n(shadow_.value, 0, __ATOMIC_RELAXED);
        __atomic_store_n(shadow_.event, 0, __ATOMIC_RELAXED);
    }

    /// The device sees entries that were written before the call. @param from  `to` of the last call
    void ring(uint32_t from, uint32_t to) noexcept {
        if (shadow_.value == nullptr || tell_in_memory(from, to))
            __atomic_store_n(register_, to, __ATOMIC_RELEASE);
    }

private:
    /// The controller writes the event, then reads the value. The host writes the value, then reads the
    /// event. As neither side reorders the two, at least one of them sees the news of the other.
    /// @return whether the register has to be written as well
    bool tell_in_memory(uint32_t from, uint32_t to) noexcept {
        __atomic_store_n(shadow_.value, to, __ATOMIC_SEQ_CST);
        const uint32_t event = __atomic_load_n(shadow_.event, __ATOMIC_SEQ_CST);
        return uint16_t(to - event - 1) < uint16_t(to - from);
    }

    volatile uint32_t* register_;
    Shadow shadow_;
};

}  // namespace nvme::pcie
