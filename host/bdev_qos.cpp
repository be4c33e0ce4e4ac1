// SPDX-License-Identifier: BSD-3-Clause
#include "bdev_qos.hpp"

#include <bdevkit/desc.h>

#include <memory>

#define BDK_LOG_COMPONENT "host"
#include <bdevkit/log.h>

namespace bdevkit::host {

namespace {

/// Limits that are being set, through a desc of the bdev.
struct Setting {
    bdk_bdev_desc* desc = nullptr;
    bdk::Done done;
};

void set(int rc, void* ctx) {
    const std::unique_ptr<Setting> setting(static_cast<Setting*>(ctx));
    bdk_bdev_close(setting->desc);
    setting->done(rc);
}

}  // namespace

void apply_qos(const BdevSpec& bdev, bdk::Done done) {
    if (!bdev.qos) return done(0);
    auto setting = std::make_unique<Setting>();
    // The desc is closed soon, with or without a removal.
    const auto ignore_event = [](uint32_t, bdk_bdev*, void*) {};
    const int rc = bdk_bdev_open(bdev.name.c_str(), 0, ignore_event, nullptr, &setting->desc);
    if (rc != 0) {
        BDK_ERRLOG("cannot set the limits of bdev '%s': its module has not created a bdev of that name",
                   bdev.name.c_str());
        return done(rc);
    }
    setting->done = std::move(done);
    bdk_bdev* opened = bdk_bdev_desc_get_bdev(setting->desc);
    bdk_bdev_set_qos_rate_limits(opened, &*bdev.qos, set, setting.release());
}

}  // namespace bdevkit::host
