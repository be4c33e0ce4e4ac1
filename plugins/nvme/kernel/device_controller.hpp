// SPDX-License-Identifier: BSD-3-Clause
// A controller that the kernel keeps: /dev/nvmeX for admin commands, /dev/ngXnY for each namespace's I/O.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "../controller.hpp"
#include "../worker.hpp"

/// An open file.
class NvmeFile {
public:
    NvmeFile() = default;
    explicit NvmeFile(int fd) noexcept : fd_(fd) {}
    ~NvmeFile();
    NvmeFile(NvmeFile&& other) noexcept;
    NvmeFile& operator=(NvmeFile&& other) noexcept;

    int fd() const noexcept { return fd_; }

private:
    int fd_ = -1;
};

/// A namespace's files.
struct KernelNamespace {
    std::string path;  ///< of the character device
    NvmeFile file;     ///< it
    NvmeFile block;    ///< the block device, which nobody else mounts or claims meanwhile; may be none
};

class KernelController final : public NvmeController {
public:
    /// Opens the controller's device and every active namespace. Throws bdevkit::Error.
    /// @param path  such as /dev/nvme0
    explicit KernelController(const char* path);

    void start(NvmeEvents events) override;
    NvmeLimits limits(const NvmeNamespace& ns) const override;
    std::unique_ptr<NvmeQueue> open_queue(uint32_t nsid) override;
    /// The kernel's driver resets the controller itself when commands do not end: no bdev's reset does it.
    void reset(const bdk_bdev* bdev, std::function<void(int rc)> done) override;
    void admin(const NvmeRequest& request, std::function<void(const NvmeEnd&)> done) override;
    void shut_down(std::function<void()> done) override;
    void dump_info(bdevkit::Json json, const NvmeNamespace& ns) const override;

private:
    NvmeStatus identify(uint32_t cns, uint32_t csi, uint32_t nsid, std::span<std::byte, 4096> data) const;
    void open_namespaces();
    void open_namespace(const std::string& name);

    std::string path_;
    NvmeFile file_;
    std::map<uint32_t, KernelNamespace> files_;  ///< by identifier
    NvmeWorker worker_;                          ///< for what waits; last: it uses the others
};
