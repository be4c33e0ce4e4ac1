// SPDX-License-Identifier: BSD-3-Clause
// One bdev that is exported to clients.
#pragma once

#include <bdevkit/desc.h>

#include <functional>
#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "frontends/nbd/nbd_config.hpp"
#include "frontends/nbd/nbd_negotiation.hpp"
#include "frontends/nbd/nbd_request.hpp"

namespace bdevkit::host::nbd {

/// Owns the desc. Belongs to the thread that opened it; the functions marked [bdk thread] may be called on
/// other threads until close().
class Export {
public:
    /// [bdk thread] @param removed runs on this thread when the bdev is being removed; then call close() soon
    static tl::expected<std::unique_ptr<Export>, std::string> open(const ExportSpec& config,
                                                                   std::function<void()> removed);
    ~Export() { close(); }
    Export(const Export&) = delete;
    Export& operator=(const Export&) = delete;

    /// [desc's thread] Call it when no connection uses the export. A second call does nothing.
    void close();

    /// [bdk thread] The information for clients at this moment.
    ExportInfo info() const;
    /// [bdk thread] Whether block status can report anything but "everything is allocated".
    bool tells_holes() const;

    /// [bdk thread] The target of requests, with a channel of the calling thread that the caller has to put.
    /// The channel is NULL when none can be created.
    Target target();

    const std::string& name() const noexcept { return config_.name; }

private:
    Export(ExportSpec config, std::function<void()> removed)
        : config_(std::move(config)), removed_(std::move(removed)) {}
    static void on_event(uint32_t type, bdk_bdev* bdev, void* ctx);
    uint16_t flags() const;

    ExportSpec config_;
    std::function<void()> removed_;
    bdk_bdev_desc* desc_ = nullptr;
    bdk_bdev* bdev_ = nullptr;
};

}  // namespace bdevkit::host::nbd
