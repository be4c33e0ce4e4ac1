// SPDX-License-Identifier: BSD-3-Clause
#include "waiting_bdevs.hpp"

#include <bdevkit/bdev.h>
#include <bdevkit/examine.h>
#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "bdev/lifecycle/examine.hpp"
#include "bdev/model/bdev_list.hpp"
#include "bdev_qos.hpp"

#define BDK_LOG_COMPONENT "host"
#include <bdevkit/log.h>

namespace bdevkit::host {

namespace {

/// The first base of the bdev that does not exist; nullptr when all exist.
const BaseRef* missing_base(const BdevSpec& bdev) {
    const auto missing = std::find_if(bdev.bases.begin(), bdev.bases.end(), [](const BaseRef& base) {
        return bdk_bdev_get_by_name(base.bdev.c_str()) == nullptr;
    });
    return missing == bdev.bases.end() ? nullptr : &*missing;
}

/// The first base of the bdev that is being examined, or nullptr.
const bdk::Bdev* examined_base(const BdevSpec& bdev) {
    for (const BaseRef& base : bdev.bases) {
        const bdk_bdev* found = bdk_bdev_get_by_name(base.bdev.c_str());
        if (found != nullptr && bdk::is_being_examined(bdk::Bdev::of(found))) return bdk::Bdev::of(found);
    }
    return nullptr;
}

}  // namespace

/// The host takes part in examination as a module without bdevs.
const bdk_module WaitingBdevs::as_module = {.size = sizeof(bdk_module),
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

void WaitingBdevs::create(std::span<const BdevSpec> bdevs, bdk::Done done) {
    to_create_ = bdevs;
    all_created_ = std::move(done);
    create_next();
}

void WaitingBdevs::create_next() {
    while (!creates_one_of_them_ && all_created_) {
        if (to_create_.empty() || failure_.bdev != nullptr) return bdk::finish(all_created_, failure_.rc);
        const BdevSpec& bdev = to_create_.front();
        to_create_ = to_create_.subspan(1);
        if (has_to_wait(bdev)) continue;
        creates_one_of_them_ = true;
        start_to_create(bdev, [this] {
            creates_one_of_them_ = false;
            create_next();
        });
    }
}

bool WaitingBdevs::has_to_wait(const BdevSpec& bdev) {
    if (const BaseRef* base = missing_base(bdev); base != nullptr) {
        waiting_.emplace(base->bdev, &bdev);
        return true;
    }
    const bdk::Bdev* base = examined_base(bdev);
    if (base == nullptr) return false;
    creating_++;
    bdk::when_examined(base, [&bdev](bool) {
        if (current == nullptr) return;
        current->creating_--;
        if (!current->has_to_wait(bdev)) current->start_to_create(bdev, nullptr);
        current->look_whether_settled();
    });
    return true;
}

void WaitingBdevs::start_to_create(const BdevSpec& bdev, const std::function<void()>& then) {
    creating_++;
    auto done = [&bdev, then](int rc) {
        if (current == nullptr) return;
        current->created(bdev, rc);
        if (then) then();
    };
    auto with_qos = [&bdev, done](int rc) { rc != 0 ? done(rc) : apply_qos(bdev, done); };
    bdk::module_create_bdev(bdev.module->module, bdev.name, bdev.options.data(), with_qos);
}

void WaitingBdevs::created(const BdevSpec& bdev, int rc) {
    creating_--;
    if (rc != 0) {
        BDK_ERRLOG("bdev '%s' could not be created: %s", bdev.name.c_str(),
                   std::generic_category().message(-rc).c_str());
        if (failure_.bdev == nullptr) failure_ = {&bdev, rc};
    }
    look_whether_settled();
}

void WaitingBdevs::create_on(bdk_bdev* base) {
    for (const std::string& name : bdk::names_of(bdk::Bdev::of(base))) {
        // Each creation may add further bdevs and so change the list.
        for (auto next = waiting_.find(name); next != waiting_.end(); next = waiting_.find(name)) {
            const BdevSpec& bdev = *next->second;
            waiting_.erase(next);
            if (!has_to_wait(bdev)) start_to_create(bdev, nullptr);
        }
    }
    look_whether_settled();
}

void WaitingBdevs::examine_config(const bdk_module*, bdk_examine* examine, bdk_bdev* bdev) {
    if (current != nullptr) current->create_on(bdev);
    bdk_examine_done(examine, 0);
}

void WaitingBdevs::settle(std::vector<std::string> needed, bdk::Done done) {
    needed_ = std::move(needed);
    settled_ = std::move(done);
    look_whether_settled();
}

bool WaitingBdevs::is_complete() const {
    return waiting_.empty() && std::all_of(needed_.begin(), needed_.end(), [](const std::string& name) {
               return bdk_bdev_get_by_name(name.c_str()) != nullptr;
           });
}

void WaitingBdevs::look_whether_settled() {
    if (!settled_ || watches_examination_) return;
    if (failure_.bdev != nullptr) return bdk::finish(settled_, failure_.rc);
    if (creating_ != 0) return;
    if (is_complete() || !bdk::is_any_examined()) return bdk::finish(settled_, 0);
    watches_examination_ = true;
    bdk::when_one_examined([] {
        if (current == nullptr) return;
        current->watches_examination_ = false;
        current->look_whether_settled();
    });
}

WaitingBdevs::Failure WaitingBdevs::failure() const {
    Failure result;
    bdk::call_on_app_thread([&] { result = failure_; });
    return result;
}

std::vector<std::string> WaitingBdevs::describe() const {
    std::vector<std::string> result;
    bdk::call_on_app_thread([&] {
        for (const auto& [base, bdev] : waiting_)
            result.push_back(fmt::format("bdev '{}' waits for its base '{}'", bdev->name, base));
        if (result.empty()) return;
        if (!bdk::has_reading_modules()) {
            result.emplace_back(
                "no module of this stack examines bdevs: name one that does, such as "
                "`plugins: { examine: [gpt] }`");
        } else if (const auto names = bdk::withheld_bdevs(); !names.empty()) {
            result.push_back(
                fmt::format("not examined, because clients may have written to them: '{}'; to examine one "
                            "anyway, name it in `host: {{ examine: [ NAME ] }}`",
                            fmt::join(names, "', '")));
        }
    });
    return result;
}

}  // namespace bdevkit::host
