// SPDX-License-Identifier: BSD-3-Clause
#include "changes.hpp"

#include <bdevkit/bdev.h>
#include <bdevkit/bdev_module.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "bdev/lifecycle/examine.hpp"
#include "bdev_qos.hpp"
#include "loader/plugin_modules.hpp"
#include "module/module_registry.hpp"
#include "stack/sections.hpp"
#include "stack/yaml.hpp"

namespace bdevkit::host {

namespace {

std::vector<BdevSpec> read_bdevs(const std::string& yaml, const std::filesystem::path& folder,
                                 const ModuleSource& modules, Problems& problems) {
    try {
        const ConfigNodePtr root = parse_yaml(yaml, problems);
        if (root == nullptr) return {};
        std::vector<BdevSpec> bdevs = read_bdevs_section(*root, folder, modules, problems);
        check_bdevs(bdevs, true, problems);  // the host may have other bdevs
        return bdevs;
    } catch (const TooManyProblems&) {
        return {};
    }
}

/// The old options, replaced by those in `given`.
std::vector<Member> merge(std::vector<Member> members, const std::vector<Member>& given) {
    for (const Member& member : given) {
        const auto old = std::find_if(members.begin(), members.end(),
                                      [&](const Member& each) { return each.key == member.key; });
        if (old == members.end()) {
            members.push_back(member);
        } else {
            *old = member;
        }
    }
    return members;
}

/// A module that examines a base may have it open or claim it.
void wait_for_examination_of(const BdevSpec& spec) {
    for (const BaseRef& base : spec.bases) {
        bdk::await_on_app_thread([&](const bdk::Done& done) {
            const bdk_bdev* bdev = bdk_bdev_get_by_name(base.bdev.c_str());
            if (bdev == nullptr) return done(0);
            bdk::when_examined(bdk::Bdev::of(bdev), [done](bool) { done(0); });
        });
    }
}

std::string what_is(const BdevSpec& spec) {
    return fmt::format("bdev '{}' of module '{}'", spec.name, spec.module->name);
}

std::string create_fails(const BdevSpec& spec) {
    return what_is(spec) + " could not be created";
}

}  // namespace

Changes::Changes(const Stack& stack, PluginLoader& loader) : stack_(stack), loader_(loader) {}

Changed<std::vector<std::string>> Changes::create(const std::string& yaml,
                                                  const std::filesystem::path& folder) {
    Problems problems;
    std::vector<BdevSpec> bdevs = read_bdevs(yaml, folder, PluginModules(loader_), problems);
    if (!problems.empty()) return refuse(problems);
    std::vector<std::string> names;
    for (BdevSpec& bdev : bdevs) {
        names.push_back(bdev.name);
        const BdevLocks::Held held = locks_.hold(bdev.name);
        if (!held) return refuse(-ESHUTDOWN, create_fails(bdev));
        if (auto created = create_one(bdev); !created) return tl::unexpected(created.error());
        keep(std::move(bdev));
    }
    return names;
}

std::shared_ptr<const BdevSpec> Changes::find_spec(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    if (const auto found = changed_.find(name); found != changed_.end()) return found->second;
    const BdevSpec* given = stack_.find(name);
    return given == nullptr ? nullptr : std::shared_ptr<const BdevSpec>(given, [](const BdevSpec*) {});
}

void Changes::keep(BdevSpec spec) {
    const std::lock_guard lock(mutex_);
    const std::string name = spec.name;
    changed_.insert_or_assign(name, std::make_shared<const BdevSpec>(std::move(spec)));
}

void Changes::forget(const std::string& name) {
    const std::lock_guard lock(mutex_);
    changed_.erase(name);
}

Changed<void> Changes::create_one(BdevSpec& spec) {
    if (const auto loaded = loader_.load(spec.module->name); !loaded)
        return tl::unexpected(ChangeError{EIO, loaded.error()});
    std::string missing;
    bdk::call_on_app_thread([&] {
        for (const BaseRef& base : spec.bases) {
            if (missing.empty() && bdk_bdev_get_by_name(base.bdev.c_str()) == nullptr) missing = base.bdev;
        }
    });
    if (!missing.empty())
        return tl::unexpected(ChangeError{ENODEV, fmt::format("{}: no bdev '{}'", what_is(spec), missing)});
    wait_for_examination_of(spec);
    const int rc = bdk::await_on_app_thread([&](bdk::Done done) {
        auto created = [&spec, done = std::move(done)](int result) {
            if (result != 0) return done(result);
            apply_qos(spec, done);
        };
        bdk::module_create_bdev(spec.module->module, spec.name, spec.options.data(), std::move(created));
    });
    if (rc != 0) return refuse(rc, create_fails(spec));
    return {};
}

Changed<void> Changes::remove(const std::string& name) {
    const std::string fails = fmt::format("bdev '{}' could not be removed", name);
    const BdevLocks::Held held = locks_.hold(name);
    if (!held) return refuse(-ESHUTDOWN, fails);
    const int rc =
        bdk::await_on_app_thread([&](bdk::Done done) { bdk::module_remove_bdev(name, std::move(done)); });
    if (rc != 0) return refuse(rc, fails);
    forget(name);
    return {};
}

Changed<void> Changes::reconfigure(const std::string& name, const std::string& yaml,
                                   const std::filesystem::path& folder) {
    const std::string fails = fmt::format("bdev '{}' could not be reconfigured", name);
    const BdevLocks::Held held = locks_.hold(name);
    if (!held) return refuse(-ESHUTDOWN, fails);
    const std::shared_ptr<const BdevSpec> spec = find_spec(name);
    if (spec == nullptr) return refuse(ENODEV, fmt::format("bdev '{}' was not made from options", name));
    Problems problems;
    const ConfigNodePtr given = parse_yaml(yaml, problems);
    if (given == nullptr || !problems.empty()) return refuse(problems);
    std::vector<Member> members = merge(spec->members, given->members);
    const OptionReader reader(option_table_of(*spec->module), folder,
                              fmt::format("module '{}'", spec->module->name));
    OptionStruct options = reader.read(members, {}, {}, problems);
    if (!problems.empty()) return refuse(problems);
    const int rc = bdk::await_on_app_thread(
        [&](bdk::Done done) { bdk::module_reconfigure_bdev(name, options.data(), std::move(done)); });
    if (rc != 0) return refuse(rc, fails);
    BdevSpec changed{
        .name = name, .module = spec->module, .options = std::move(options), .bases = spec->bases};
    changed.members = std::move(members);
    keep(std::move(changed));
    return {};
}

Changed<MethodCall> Changes::start_call(const std::string& module, const std::string& method,
                                        const std::string& yaml, const std::filesystem::path& folder) {
    return MethodCall::start(loader_, module, method, yaml, folder);
}

Changed<void> Changes::examine(const std::string& name) {
    const int rc =
        bdk::await_on_app_thread([&](bdk::Done done) { bdk::examine_by_hand(name, std::move(done)); });
    const std::string what = fmt::format("bdev '{}' was not examined", name);
    if (rc == -ENOENT)
        return tl::unexpected(ChangeError{
            ENOENT, what + ": no module of this stack examines bdevs; name one that does, such as "
                           "`plugins: { examine: [gpt] }`"});
    if (rc == -EPERM)
        return tl::unexpected(
            ChangeError{EPERM, what + ": it is claimed; first remove the bdev on top of it"});
    if (rc == -ETIMEDOUT)
        return tl::unexpected(
            ChangeError{ETIMEDOUT, what + " within `examine_limit`; bdevs that are found appear later"});
    if (rc != 0) return refuse(rc, what);
    return {};
}

Changed<void> Changes::resize(const std::string& name, uint64_t size) {
    const int rc = bdk::await_on_app_thread(
        [&](bdk::Done done) { bdk::module_resize_bdev(name, size, std::move(done)); });
    if (rc == -ENOTSUP)
        return refuse(rc, fmt::format("bdev '{}' could not be resized: its module has no resize", name));
    if (rc != 0) return refuse(rc, fmt::format("bdev '{}' could not be resized to {} bytes", name, size));
    return {};
}

}  // namespace bdevkit::host
