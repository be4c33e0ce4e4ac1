// SPDX-License-Identifier: BSD-3-Clause
// A controller that the kernel keeps: /dev/nvmeX for admin commands, /dev/ngXnY for each namespace's I/O.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "identify.hpp"

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
    NvmeNamespace info;
    std::string path;  ///< of the character device
    NvmeFile file;     ///< it
    NvmeFile block;    ///< the block device, which nobody else mounts or claims meanwhile; may be none
    uint64_t max_transfer = 0;  ///< bytes
};

class KernelController {
public:
    /// [app thread] Opens the controller's device and every active namespace. Throws bdevkit::Error.
    /// @param path  such as /dev/nvme0
    explicit KernelController(const char* path);

    const NvmeController& info() const noexcept { return info_; }
    const std::string& path() const noexcept { return path_; }
    int fd() const noexcept { return file_.fd(); }
    /// Those that there were at the start. The bdevs take their files out.
    std::vector<KernelNamespace>& namespaces() noexcept { return namespaces_; }

private:
    void identify(uint32_t cns, uint32_t nsid, void* data) const;
    void open_namespaces();
    void open_namespace(const std::string& name);

    std::string path_;
    NvmeFile file_;
    NvmeController info_;
    std::vector<KernelNamespace> namespaces_;
};
