// SPDX-License-Identifier: BSD-3-Clause
// One bdev that clients can reach.
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

/// Holds the desc. Lives on the thread that opened it; the marked functions may be called elsewhere until
/// close().
class Export {
public:
    /// [bdk thread] @param removed  runs on this thread when the bdev is going: close() is due soon
    static tl::expected<std::unique_ptr<Export>, std::string> open(const NbdExport& config,
                                                                   std::function<void()> removed);
    ~Export() { close(); }
    Export(const Export&) = delete;
    Export& operator=(const Export&) = delete;

    /// [desc's thread] No connection may use the export any more. A second call does nothing.
    void close();

    /// [bdk thread] What clients are told now.
    ExportInfo info() const;
    /// [bdk thread] Whether block status may say more than "all is allocated".
    bool tells_holes() const;

    /// [bdk thread] What requests run against, with a channel of the calling thread, to be put by the caller.
    /// The channel is NULL when there is none to be had.
    Target target();

    const std::string& name() const noexcept { return config_.name; }

private:
    Export(NbdExport config, std::function<void()> removed)
        : config_(std::move(config)), removed_(std::move(removed)) {}
    static void on_event(uint32_t type, bdk_bdev* bdev, void* ctx);
    uint16_t flags() const;

    NbdExport config_;
    std::function<void()> removed_;
    bdk_bdev_desc* desc_ = nullptr;
    bdk_bdev* bdev_ = nullptr;
};

}  // namespace bdevkit::host::nbd
