// SPDX-License-Identifier: BSD-3-Clause
// A PCI function that is bound to vfio-pci, and memory that it can access (linux/vfio.h).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bar_guard.hpp"

namespace nvme::pcie {

/// A file descriptor; closed with this object.
class VfioFile {
public:
    VfioFile() = default;
    explicit VfioFile(int fd) noexcept : fd_(fd) {}
    ~VfioFile() { reset(); }
    VfioFile(VfioFile&& other) noexcept;
    VfioFile& operator=(VfioFile&& other) noexcept;
    void reset() noexcept;
    int get() const noexcept { return fd_; }

private:
    int fd_ = -1;
};

/// The address space of a device (IOVA). Each address is handed out once.
class VfioContainer {
public:
    /// Throws bdevkit::Error.
    VfioContainer();

    int fd() const noexcept { return file_.get(); }
    uint64_t next_iova(size_t size) noexcept { return next_iova_.fetch_add(size); }

private:
    VfioFile file_;
    // The first 4 GiB contain the addresses of interrupts.
    std::atomic<uint64_t> next_iova_{uint64_t{1} << 32};
};

/// Memory that the device can access while this object lives. It begins as zeroes.
class DmaMemory {
public:
    /// [any thread] Throws bdevkit::Error. @param size  bytes, a multiple of 4096
    DmaMemory(std::shared_ptr<VfioContainer> container, size_t size);
    ~DmaMemory();
    DmaMemory(const DmaMemory&) = delete;
    DmaMemory& operator=(const DmaMemory&) = delete;

    std::byte* data() const noexcept { return data_; }
    uint64_t iova() const noexcept { return iova_; }

private:
    std::shared_ptr<VfioContainer> container_;
    std::byte* data_ = nullptr;
    size_t size_;
    uint64_t iova_ = 0;
};

/// The function itself. It is open until close().
class VfioDevice {
public:
    /// Opens the function, maps its first BAR and enables it to access memory. Throws bdevkit::Error, with
    /// advice.
    /// @param address  such as 0000:00:04.0
    explicit VfioDevice(const std::string& address);
    ~VfioDevice() { close(); }
    VfioDevice(const VfioDevice&) = delete;
    VfioDevice& operator=(const VfioDevice&) = delete;

    const std::string& address() const noexcept { return address_; }
    /// NULL after close().
    const std::shared_ptr<VfioContainer>& container() const noexcept { return container_; }
    /// The registers; NULL after close().
    volatile std::byte* bar() const noexcept { return bar_; }
    size_t bar_size() const noexcept { return bar_size_; }
    /// A descriptor that becomes readable when the kernel wants the device back.
    int request_event() const noexcept { return request_event_.get(); }

    /// Enables MSI-X vectors, from 1 on: at most `wanted`, fewer when device or kernel have fewer. A line in
    /// the log tells when there are none. To be called once.
    void enable_interrupts(uint32_t wanted);
    /// A descriptor that becomes readable when the device raises the vector; -1 for a vector that is not
    /// enabled.
    int interrupt_event(uint32_t vector) const noexcept {
        return vector == 0 || vector > interrupt_events_.size() ? -1 : interrupt_events_[vector - 1].get();
    }
    uint32_t interrupts() const noexcept { return uint32_t(interrupt_events_.size()); }

    /// Gives the device back. Its registers must not be accessed afterwards.
    void close() noexcept;

private:
    void open_group(const std::string& group);
    void map_bar();
    void enable_bus_mastering();
    void watch_requests();
    int set_irq_events(uint32_t index, std::span<const int32_t> events);

    std::string address_;
    std::shared_ptr<VfioContainer> container_;
    VfioFile group_, device_, request_event_;
    std::vector<VfioFile> interrupt_events_;
    volatile std::byte* bar_ = nullptr;
    size_t bar_size_ = 0;
    std::optional<BarGuard> guard_;
};

}  // namespace nvme::pcie
