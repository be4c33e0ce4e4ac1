// SPDX-License-Identifier: BSD-3-Clause
#include "waiting_bdevs.hpp"

#include <bdevkit/bdev.h>
#include <bdevkit/examine.h>
#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "bdev_qos.hpp"

#define BDK_LOG_COMPONENT "host"
#include <bdevkit/log.h>

namespace bdevkit::host {

namespace {

/// The first base of the bdev that is not there; nullptr when all are.
const BaseRef* missing_base(const BdevSpec& bdev) {
    const auto missing = std::find_if(bdev.bases.begin(), bdev.bases.end(), [](const BaseRef& base) {
        return bdk_bdev_get_by_name(base.bdev.c_str()) == nullptr;
    });
    return missing == bdev.bases.end() ? nullptr : &*missing;
}

void create_now(const BdevSpec& bdev, bdk::Done done) {
    auto created = [&bdev, done = std::move(done)](int rc) {
        if (rc != 0) return done(rc);
        apply_qos(bdev, done);
    };
    bdk::module_create_bdev(bdev.module->module, bdev.name, bdev.options.data(), std::move(created));
}

}  // namespace

/// The host takes part in examination as a module without bdevs.
const bdk_module WaitingBdevs::as_module = {.abi_major = BDK_ABI_MAJOR,
                                            .abi_minor = BDK_ABI_MINOR,
                                            .size = sizeof(bdk_module),
                                            .name = "host",
                                            .version = BDEVKIT_VERSION,
                                            .description = "Creates the bdevs that wait for a base",
                                            .examine_config = examine_config};

WaitingBdevs* WaitingBdevs::current = nullptr;

WaitingBdevs::WaitingBdevs() {
    bdk::call_on_app_thread([this] { current = this; });
    bdk::await_on_app_thread([](bdk::Done done) { bdk::module_add(&as_module, std::move(done)); });
}

WaitingBdevs::~WaitingBdevs() {
    bdk::await_on_app_thread([](bdk::Done done) { bdk::module_remove(&as_module, std::move(done)); });
    bdk::call_on_app_thread([] { current = nullptr; });
}

void WaitingBdevs::create(const BdevSpec& bdev, bdk::Done done) {
    if (missing_base(bdev) == nullptr) {
        create_now(bdev, std::move(done));
    } else {
        waiting_.push_back(&bdev);
        done(0);
    }
}

std::vector<std::string> WaitingBdevs::describe() const {
    std::vector<std::string> result;
    bdk::call_on_app_thread([&] {
        for (const BdevSpec* bdev : waiting_) {
            const BaseRef* base = missing_base(*bdev);
            if (base == nullptr) continue;
            result.push_back(fmt::format("bdev '{}' waits for its base '{}'", bdev->name, base->bdev));
        }
    });
    return result;
}

void WaitingBdevs::examine_config(bdk_bdev*) {
    if (current != nullptr) current->create_ready();
    bdk_bdev_module_examine_done(&as_module);
}

void WaitingBdevs::create_ready() {
    // Each creation may examine in turn and change the list, so the search starts again after one.
    while (true) {
        const auto ready = std::find_if(waiting_.begin(), waiting_.end(),
                                        [](const BdevSpec* bdev) { return missing_base(*bdev) == nullptr; });
        if (ready == waiting_.end()) return;
        const BdevSpec* bdev = *ready;
        waiting_.erase(ready);
        create_now(*bdev, [bdev](int rc) {
            if (rc == 0) return;
            BDK_ERRLOG("bdev '%s' could not be created when its base appeared: %s", bdev->name.c_str(),
                       std::generic_category().message(-rc).c_str());
        });
    }
}

}  // namespace bdevkit::host
