// SPDX-License-Identifier: BSD-3-Clause
// The registers of a controller (Base Specification 2.0, 3.1; PCIe Transport Specification 1.0, 3.1.2).
#pragma once

#include <nvme/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace nvme::pcie {

/// NVMe is little-endian, as are the machines that this is written for.
class Registers {
public:
    explicit Registers(volatile std::byte* bar) noexcept : bar_(bar) {}

    uint32_t read32(uint32_t at) const noexcept { return *word(at); }
    void write32(uint32_t at, uint32_t value) const noexcept { *word(at) = value; }
    // In halves: not every bus can transfer 64 bits at once.
    uint64_t read64(uint32_t at) const noexcept { return read32(at) | uint64_t(read32(at + 4)) << 32; }
    void write64(uint32_t at, uint64_t value) const noexcept {
        write32(at, uint32_t(value));
        write32(at + 4, uint32_t(value >> 32));
    }

    uint32_t status() const noexcept { return read32(NVME_REG_CSTS); }
    /// Registers of a device that has been removed read as all ones.
    bool gone() const noexcept { return status() == UINT32_MAX; }

    // Doorbells of queue `id`; 0 is the admin queue.
    volatile uint32_t* submission_doorbell(uint32_t id) const noexcept { return doorbell(2 * id); }
    volatile uint32_t* completion_doorbell(uint32_t id) const noexcept { return doorbell(2 * id + 1); }

    /// Bytes from one doorbell to the next.
    uint32_t doorbell_stride() const noexcept { return 4u << NVME_CAP_DSTRD(read64(NVME_REG_CAP)); }

    /// How long the controller may take to become ready, or to stop.
    std::chrono::milliseconds timeout() const noexcept {
        const uint64_t halves = NVME_CAP_TO(read64(NVME_REG_CAP));
        return std::chrono::milliseconds(500) * int(halves == 0 ? 1 : halves);
    }

private:
    static constexpr uint32_t first_doorbell = 0x1000;

    volatile uint32_t* word(uint32_t at) const noexcept {
        return reinterpret_cast<volatile uint32_t*>(bar_ + at);
    }
    volatile uint32_t* doorbell(uint32_t n) const noexcept {
        return word(first_doorbell + n * doorbell_stride());
    }

    volatile std::byte* bar_;
};

}  // namespace nvme::pcie
