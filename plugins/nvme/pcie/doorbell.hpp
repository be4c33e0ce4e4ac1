// SPDX-License-Identifier: BSD-3-Clause
// A doorbell: a register of the controller's and, where the controller wants that, a place in memory that
// stands in for it most of the time (Base Specification 2.0, 5.8 and B.5).
#pragma once

#include <cstdint>

namespace nvme::pcie {

class Doorbell {
public:
    /// Words that the controller reaches: the value, and the one after which it wants to be told by the
    /// register.
    struct Shadow {
        uint32_t* value = nullptr;
        uint32_t* event = nullptr;
    };

    explicit Doorbell(volatile uint32_t* device) noexcept : register_(device) {}

    /// The queue is empty, at place 0. @param shadow  none: the register is written each time
    void restart(const Shadow& shadow) noexcept {
        shadow_ = shadow;
        if (shadow_.value == nullptr) return;
        __atomic_store_n(shadow_.value, 0, __ATOMIC_RELAXED);
        __atomic_store_n(shadow_.event, 0, __ATOMIC_RELAXED);
    }

    /// What was written to the queue before is seen first. @param from  what was told the last time
    void ring(uint32_t from, uint32_t to) noexcept {
        if (shadow_.value == nullptr || tell_in_memory(from, to))
            __atomic_store_n(register_, to, __ATOMIC_RELEASE);
    }

private:
    /// The controller writes the event, then looks at the value again; here it is the other way round, and
    /// neither may be reordered: one of the two sees the other.
    /// @return whether the register has to be written too
    bool tell_in_memory(uint32_t from, uint32_t to) noexcept {
        __atomic_store_n(shadow_.value, to, __ATOMIC_SEQ_CST);
        const uint32_t event = __atomic_load_n(shadow_.event, __ATOMIC_SEQ_CST);
        return uint16_t(to - event - 1) < uint16_t(to - from);
    }

    volatile uint32_t* register_;
    Shadow shadow_;
};

}  // namespace nvme::pcie
