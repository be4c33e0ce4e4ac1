// SPDX-License-Identifier: BSD-3-Clause
// A controller that the kernel keeps: /dev/nvmeX for admin commands, /dev/ngXnY for each namespace's I/O.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "../controller.hpp"
#include "../worker.hpp"

namespace nvme::kernel {

/// An open file; closed with this object.
class File {
public:
    File() = default;
    explicit File(int fd) noexcept : fd_(fd) {}
    ~File();
    File(File&& other) noexcept;
    File& operator=(File&& other) noexcept;

    int fd() const noexcept { return fd_; }

private:
    int fd_ = -1;
};

/// The files of a namespace.
struct NamespaceFiles {
    std::string path;  ///< of the character device
    File file;         ///< the character device
    File block;        ///< the block device, held exclusively so that it cannot be mounted; may be none
};

/// The kernel's driver does the work: it keeps the queues, times commands out and resets the controller. This
/// class opens its devices and passes commands on: admin commands and resets by ioctl() on the worker, which
/// may wait, I/O by the rings of RingQueue.
class DeviceController final : public Controller {
public:
    /// Opens the controller's device and every active namespace. Throws bdevkit::Error.
    /// @param path  such as /dev/nvme0
    explicit DeviceController(const char* path);

    void start(Events events) override;
    Limits limits(const Namespace& ns) const override;
    std::unique_ptr<Queue> open_queue(uint32_t nsid) override;
    /// Resets the controller for the method `reset` (`bdev` is NULL). The reset of a bdev does not: the
    /// kernel resets the controller itself when commands do not end.
    void reset(const bdk_bdev* bdev, std::function<void(int rc)> done) override;
    void admin(const Request& request, std::function<void(const AdminEnd&)> done) override;
    void shut_down(std::function<void()> done) override;
    void dump_info(bdevkit::Json json, const Namespace& ns) const override;

private:
    Status identify(uint32_t cns, uint32_t csi, uint32_t nsid, std::span<std::byte, 4096> data) const;
    void open_namespaces();
    void open_namespace(const std::string& name);

    std::string path_;
    File file_;
    std::map<uint32_t, NamespaceFiles> files_;  ///< by identifier
    Worker worker_;                             ///< for ioctl() calls, which wait; last: it uses the others
};

}  // namespace nvme::kernel
