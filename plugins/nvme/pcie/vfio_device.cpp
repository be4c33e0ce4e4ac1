// SPDX-License-Identifier: BSD-3-Clause
#include "vfio_device.hpp"

#include <bdevkit/error.hpp>
#include <bdevkit/log.hpp>

#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <new>
#include <system_error>
#include <utility>

namespace nvme::pcie {

namespace {

using bdevkit::Error, bdevkit::format;

std::string text_of(int error) {
    return std::generic_category().message(error);
}

/// The last component of the path that a link in the device's sysfs folder points to; empty when there is no
/// link.
std::string link_of(const std::string& address, const char* name) {
    std::error_code error;
    const auto target = std::filesystem::read_symlink("/sys/bus/pci/devices/" + address + "/" + name, error);
    return error ? std::string() : target.filename().string();
}

/// The IOMMU group of the device. Throws bdevkit::Error unless the device is bound to vfio-pci.
std::string group_of(const std::string& address) {
    const char* name = address.c_str();
    if (!std::filesystem::exists("/sys/bus/pci/devices/" + address))
        throw Error(ENODEV, format("no such PCI device: '%s'; lspci -D lists them", name));
    const std::string driver = link_of(address, "driver");
    if (driver != "vfio-pci")
        throw Error(EBUSY,
                    format("'%s' is bound to %s, not to vfio-pci: bind it with\n"
                           "  echo vfio-pci > /sys/bus/pci/devices/%s/driver_override\n"
                           "  echo %s > /sys/bus/pci/devices/%s/driver/unbind\n"
                           "  echo %s > /sys/bus/pci/drivers_probe",
                           name, driver.empty() ? "no driver" : driver.c_str(), name, name, name, name));
    std::string group = link_of(address, "iommu_group");
    if (group.empty())
        throw Error(ENODEV, format("'%s' has no IOMMU: enable it in the firmware and with intel_iommu=on or "
                                   "amd_iommu=on on the kernel's command line",
                                   name));
    return group;
}

}  // namespace

VfioFile::VfioFile(VfioFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

VfioFile& VfioFile::operator=(VfioFile&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
}

void VfioFile::reset() noexcept {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

VfioContainer::VfioContainer() : file_(open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC)) {
    if (fd() < 0)
        throw Error(errno,
                    format("/dev/vfio/vfio: %s: load the kernel module vfio-pci", text_of(errno).c_str()));
    if (ioctl(fd(), VFIO_GET_API_VERSION) != VFIO_API_VERSION ||
        ioctl(fd(), VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) != 1)
        throw Error(ENOTSUP, "VFIO has no IOMMU of type 1: load the kernel module vfio_iommu_type1");
}

DmaMemory::DmaMemory(std::shared_ptr<VfioContainer> container, size_t size)
    : container_(std::move(container)), size_(size) {
    void* mapped = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) throw Error(ENOMEM, format("cannot allocate %zu bytes of memory", size));
    data_ = static_cast<std::byte*>(mapped);
    madvise(mapped, size, MADV_DONTFORK);  // after a fork, a write would move the page away from the device
    iova_ = container_->next_iova(size);
    vfio_iommu_type1_dma_map map{};
    map.argsz = sizeof(map);
    map.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
    map.vaddr = reinterpret_cast<uint64_t>(mapped);
    map.iova = iova_;
    map.size = size;
    if (ioctl(container_->fd(), VFIO_IOMMU_MAP_DMA, &map) == 0) return;
    const int error = errno;
    munmap(mapped, size);
    throw Error(error, format("cannot map %zu bytes for the device: %s%s", size, text_of(error).c_str(),
                              error == ENOMEM ? ": raise the limit of locked memory (ulimit -l)" : ""));
}

DmaMemory::~DmaMemory() {
    vfio_iommu_type1_dma_unmap unmap{};
    unmap.argsz = sizeof(unmap);
    unmap.iova = iova_;
    unmap.size = size_;
    ioctl(container_->fd(), VFIO_IOMMU_UNMAP_DMA, &unmap);  // fails harmlessly when the device is closed
    munmap(data_, size_);
}

VfioDevice::VfioDevice(const std::string& address) : address_(address) {
    const std::string group = group_of(address);
    container_ = std::make_shared<VfioContainer>();
    try {
        open_group(group);
        map_bar();
        enable_bus_mastering();
        watch_requests();
    } catch (...) {
        close();
        throw;
    }
}

void VfioDevice::open_group(const std::string& group) {
    const std::string path = "/dev/vfio/" + group;
    group_ = VfioFile(open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (group_.get() < 0)
        throw Error(
            errno, format("cannot open '%s' (%s): %s%s", path.c_str(), address_.c_str(),
                          text_of(errno).c_str(), errno == EBUSY ? ": another process uses the device" : ""));
    vfio_group_status status{};
    status.argsz = sizeof(status);
    if (ioctl(group_.get(), VFIO_GROUP_GET_STATUS, &status) != 0 ||
        (status.flags & VFIO_GROUP_FLAGS_VIABLE) == 0)
        throw Error(
            EBUSY,
            format("'%s': other devices of its IOMMU group %s are in use: bind all of them to vfio-pci",
                   address_.c_str(), group.c_str()));
    const int container = container_->fd();
    if (ioctl(group_.get(), VFIO_GROUP_SET_CONTAINER, &container) != 0 ||
        ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) != 0)
        throw Error(errno,
                    format("'%s': cannot use its IOMMU: %s", address_.c_str(), text_of(errno).c_str()));
    device_ = VfioFile(ioctl(group_.get(), VFIO_GROUP_GET_DEVICE_FD, address_.c_str()));
    if (device_.get() < 0)
        throw Error(errno, format("cannot open '%s': %s", address_.c_str(), text_of(errno).c_str()));
}

void VfioDevice::map_bar() {
    vfio_region_info region{};
    region.argsz = sizeof(region);
    region.index = VFIO_PCI_BAR0_REGION_INDEX;
    if (ioctl(device_.get(), VFIO_DEVICE_GET_REGION_INFO, &region) != 0 || region.size < 8192 ||
        (region.flags & VFIO_REGION_INFO_FLAG_MMAP) == 0)
        throw Error(ENODEV,
                    format("'%s' has no registers to map: it is no NVMe controller", address_.c_str()));
    void* mapped =
        mmap(nullptr, region.size, PROT_READ | PROT_WRITE, MAP_SHARED, device_.get(), off_t(region.offset));
    if (mapped == MAP_FAILED)
        throw Error(errno, format("'%s': its registers cannot be mapped: %s", address_.c_str(),
                                  text_of(errno).c_str()));
    bar_ = static_cast<volatile std::byte*>(mapped);
    bar_size_ = region.size;
    guard_.emplace(mapped, bar_size_);
}

void VfioDevice::enable_bus_mastering() {
    vfio_region_info region{};
    region.argsz = sizeof(region);
    region.index = VFIO_PCI_CONFIG_REGION_INDEX;
    uint16_t command = 0;
    bool done = ioctl(device_.get(), VFIO_DEVICE_GET_REGION_INFO, &region) == 0;
    const auto at = off_t(region.offset + PCI_COMMAND);
    done = done && pread(device_.get(), &command, sizeof(command), at) == sizeof(command);
    command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
    done = done && pwrite(device_.get(), &command, sizeof(command), at) == sizeof(command);
    if (!done) throw Error(EIO, format("'%s': cannot write its configuration space", address_.c_str()));
}

/// @return 0, or how many interrupts the kernel can give when they are too few, or a negative errno
int VfioDevice::set_irq_events(uint32_t index, std::span<const int32_t> events) {
    // A vector of words has the alignment of the struct.
    std::vector<uint32_t> words((sizeof(vfio_irq_set) + events.size_bytes()) / sizeof(uint32_t));
    auto* request = new (words.data()) vfio_irq_set{};
    request->argsz = uint32_t(words.size() * sizeof(uint32_t));
    request->flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
    request->index = index;
    request->count = uint32_t(events.size());
    std::memcpy(request->data, events.data(), events.size_bytes());
    const int rc = ioctl(device_.get(), VFIO_DEVICE_SET_IRQS, request);
    return rc < 0 ? -errno : rc;
}

void VfioDevice::watch_requests() {
    request_event_ = VfioFile(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    const int32_t event = request_event_.get();
    if (set_irq_events(VFIO_PCI_REQ_IRQ_INDEX, {&event, 1}) != 0)
        bdevkit::log(bdevkit::LogLevel::warn, BDK_LOG_COMPONENT,
                     format("'%s': the kernel cannot tell when it wants the device back", address_.c_str()));
}

void VfioDevice::enable_interrupts(uint32_t wanted) {
    vfio_irq_info info{};
    info.argsz = sizeof(info);
    info.index = VFIO_PCI_MSIX_IRQ_INDEX;
    const bool has_some = ioctl(device_.get(), VFIO_DEVICE_GET_IRQ_INFO, &info) == 0 && info.count > 1;
    std::vector<VfioFile> files;
    std::vector<int32_t> events{-1};  // vector 0 is that of the admin queue, which is polled
    for (uint32_t i = 1; has_some && i <= std::min(wanted, info.count - 1); i++) {
        files.emplace_back(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        events.push_back(files.back().get());
    }
    int rc = has_some ? set_irq_events(VFIO_PCI_MSIX_IRQ_INDEX, events) : -ENOTSUP;
    if (rc > 1) {
        events.resize(size_t(rc));
        files.resize(size_t(rc) - 1);
        rc = set_irq_events(VFIO_PCI_MSIX_IRQ_INDEX, events);
    }
    if (rc == 0)
        interrupt_events_ = std::move(files);
    else
        bdevkit::log(bdevkit::LogLevel::warn, BDK_LOG_COMPONENT,
                     format("'%s' has no MSI-X interrupts: its queues are polled", address_.c_str()));
}

void VfioDevice::close() noexcept {
    if (bar_ != nullptr) {
        guard_.reset();
        munmap(const_cast<std::byte*>(std::exchange(bar_, nullptr)), bar_size_);
    }
    device_.reset();
    group_.reset();
    container_.reset();
}

}  // namespace nvme::pcie
