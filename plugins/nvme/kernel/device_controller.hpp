// SPDX-License-Identifier: BSD-3-Clause
// A controller that the kernel keeps: /dev/nvmeX for admin commands, /dev/ngXnY for each namespace's I/O.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "../controller.hpp"
#include "../worker.hpp"

namespace nvme::kernel {

/// An open file.
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

/// A namespace's files.
struct NamespaceFiles {
    std::string path;  ///< of the character device
    File file;         ///< it
    File block;        ///< the block device, which nobody else mounts or claims meanwhile; may be none
};

class DeviceController final : public Controller {
public:
    /// Opens the controller's device and every active namespace. Throws bdevkit::Error.
    /// @param path  such as /dev/nvme0
    explicit DeviceController(const char* path);

    void start(Events events) override;
    Limits limits(const Namespace& ns) const override;
    std::unique_ptr<Queue> open_queue(uint32_t nsid) override;
    /// The kernel's driver resets the controller itself when commands do not end: no bdev's reset does it.
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
    Worker worker_;                             ///< for what waits; last: it uses the others
};

}  // namespace nvme::kernel
