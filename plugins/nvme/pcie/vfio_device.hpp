// SPDX-License-Identifier: BSD-3-Clause
// A PCI function that vfio-pci keeps for user space, and memory that it reaches (linux/vfio.h).
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

/// A file descriptor.
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

/// The addresses of a device's (IOVA), handed out once each.
class VfioContainer {
public:
    /// Throws bdevkit::Error.
    VfioContainer();

    int fd() const noexcept { return file_.get(); }
    uint64_t next_iova(size_t size) noexcept { return next_iova_.fetch_add(size); }

private:
    VfioFile file_;
    // Above the first 4 GiB, where the addresses of interrupts lie.
    std::atomic<uint64_t> next_iova_{uint64_t{1} << 32};
};

/// Memory of zeroes that the device reaches as long as this lives.
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

/// The function itself, open until close().
class VfioDevice {
public:
    /// Opens it, maps its first BAR and lets it reach memory. Throws bdevkit::Error, with what to do.
    /// @param address  such as 0000:00:04.0
    explicit VfioDevice(const std::string& address);
    ~VfioDevice() { close(); }
    VfioDevice(const VfioDevice&) = delete;
    VfioDevice& operator=(const VfioDevice&) = delete;

    const std::string& address() const noexcept { return address_; }
    /// None after close().
    const std::shared_ptr<VfioContainer>& container() const noexcept { return container_; }
    /// The registers; gone after close().
    volatile std::byte* bar() const noexcept { return bar_; }
    size_t bar_size() const noexcept { return bar_size_; }
    /// Becomes readable when the kernel wants the device back.
    int request_event() const noexcept { return request_event_.get(); }

    /// Has MSI-X vectors 1 and so on, at most `wanted`, as descriptors: as many as device and kernel have.
    /// Once. With none, a line in the log says so.
    void enable_interrupts(uint32_t wanted);
    /// Becomes readable when the device has raised the vector; -1 for one that it has not.
    int interrupt_event(uint32_t vector) const noexcept {
        return vector == 0 || vector > interrupt_events_.size() ? -1 : interrupt_events_[vector - 1].get();
    }
    uint32_t interrupts() const noexcept { return uint32_t(interrupt_events_.size()); }

    /// Leaves the device to others. Nobody may touch its registers any more.
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
