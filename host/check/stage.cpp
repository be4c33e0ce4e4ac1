// SPDX-License-Identifier: BSD-3-Clause
#include "check/stage.hpp"

#include <bdevkit/desc.h>
#include <bdevkit/examine.h>
#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <future>
#include <ranges>
#include <thread>

#include "base/errno_text.hpp"
#include "check/option_settings.hpp"
#include "check/perturbation.hpp"
#include "module/module_registry.hpp"
#include "stack/stack_file.hpp"

namespace bdevkit::host {

namespace {

std::vector<uint32_t> usable_cores(size_t count) {
    cpu_set_t set;
    sched_getaffinity(0, sizeof(set), &set);
    std::vector<uint32_t> cores;
    for (uint32_t core = 0; core < CPU_SETSIZE && cores.size() < count; core++)
        if (CPU_ISSET(core, &set)) cores.push_back(core);
    return cores;
}

/// Placeholder for the case's folder in the value of an option.
constexpr std::string_view scratch_word = "{scratch}";

/// A message that may outlive its waiter.
struct Message {
    explicit Message(std::function<void()> function) : fn(std::move(function)) {}
    std::function<void()> fn;
    std::promise<void> returned;
};

void run_message(void* ctx) {
    const std::unique_ptr<std::shared_ptr<Message>> message(static_cast<std::shared_ptr<Message>*>(ctx));
    try {
        (*message)->fn();
        (*message)->returned.set_value();
    } catch (const Broken&) {
        (*message)->returned.set_exception(std::current_exception());
    } catch (const NotApplicable&) {
        (*message)->returned.set_exception(std::current_exception());
    } catch (...) {
        Recorder::instance().exception_left(std::current_exception());
    }
}

}  // namespace

Stage::Stage(const CheckOptions& options, std::filesystem::path scratch, const StageOptions& stage_options)
    : options_(options), scratch_(std::move(scratch)) {
    bdk::RuntimeOptions runtime;
    runtime.env.hugepages = "off";
    runtime.env.memory = 64ull << 20;
    runtime.bdev.bdev_io_pool_size = stage_options.bdev_ios;
    runtime.bdev.bdev_io_cache_size = std::min(stage_options.bdev_ios, runtime.bdev.bdev_io_cache_size);
    // Rule 5 has its own case, which a busy machine does not mislead.
    runtime.blocked_limit = std::chrono::seconds(2);
    if (stage_options.reactors > 1) cores_ = usable_cores(stage_options.reactors);
    runtime.reactors.cores = cores_;
    auto started = bdk::Runtime::start(runtime);
    if (!started) throw Broken{started.error(), "a host that starts"};
    runtime_ = std::move(*started);
    await("lifecycle.init", "the kit's own module",
          [](bdk::Done done) { bdk::module_add(CheckingBdev::module(), std::move(done)); });
}

Stage::~Stage() = default;

void Stage::open() {
    auto opened = open_plugin(options_.plugin);
    if (!opened) throw Broken{opened.error(), "a plugin that opens"};
    if (opened->find(options_.module) == nullptr)
        throw Broken{fmt::format("the plugin has no module '{}'", options_.module), "the module of --module"};
    plugin_.emplace(std::move(*opened));
}

void Stage::load() {
    if (!plugin_) open();
    const int rc = await("lifecycle.init", "init", [this](bdk::Done done) {
        bdk::module_add(module().module, std::move(done), module().abi_minor);
    });
    if (rc != 0) throw Broken{fmt::format("init returned {}", bdk::errno_text(rc)), "0"};
    loaded_ = true;
}

void Stage::unload() {
    if (!loaded_) return;
    loaded_ = false;
    const int rc = await("lifecycle.fini", "fini",
                         [this](bdk::Done done) { bdk::module_remove(module().module, std::move(done)); });
    if (rc != 0) throw Broken{fmt::format("the module cannot be removed: {}", bdk::errno_text(rc)), "0"};
}

bool Stage::is_virtual() const {
    return std::ranges::any_of(module().options, [](const bdk_option& option) {
        return option.type == BDK_OPTION_BDEV && is_required(option);
    });
}

const std::vector<CheckingBdev*>& Stage::bases() {
    if (!bases_.empty() || !is_virtual()) return bases_;
    size_t wanted = 0;
    for (const bdk_option& option : module().options)
        if (option.type == BDK_OPTION_BDEV && is_required(option)) wanted += is_list(option) ? 2 : 1;
    call([&] {
        for (size_t i = 0; i < wanted; i++) {
            const std::string name = fmt::format("base{}", i);
            const uint64_t size = i < next_sizes_.size() ? next_sizes_[i] : options_.base_size;
            const int rc = CheckingBdev::make(name.c_str(), size, uint32_t{options_.base_block_size},
                                              bool{next_take_fua_});
            if (rc != 0) throw Broken{fmt::format("base: {}", bdk::errno_text(rc))};
            base_names_.push_back(name);
            bases_.push_back(CheckingBdev::find(name));
        }
        if (options_.base_image.empty()) return;
        std::ifstream file(options_.base_image, std::ios::binary);
        std::vector<char> bytes(options_.base_size);
        file.read(bytes.data(), std::streamsize(bytes.size()));
        bases_[0]->write_at(0, std::as_bytes(std::span(bytes)).first(size_t(file.gcount())));
    });
    wait_for_examine("examine.done");
    return bases_;
}

void Stage::set_next_bases(std::vector<uint64_t> sizes, bool take_fua) {
    has_made_ = false;
    next_sizes_ = std::move(sizes);
    next_take_fua_ = take_fua;
}

void Stage::drop_bases() {
    has_made_ = false;
    bases_.clear();
    for (auto name = base_names_.rbegin(); name != base_names_.rend(); ++name)
        await("base.removed", fmt::format("removal of the base '{}'", *name), [&](bdk::Done done) {
            if (CheckingBdev::find(*name) == nullptr) return done(0);
            bdk::module_remove_bdev(*name, std::move(done));
        });
    base_names_.clear();
}

std::string Stage::file_for(const std::string& option) {
    const std::filesystem::path path = scratch_ / option;
    if (!std::filesystem::exists(path)) {
        std::ofstream(path).close();
        std::filesystem::resize_file(path, 64ull << 20);
    }
    return path.string();
}

std::vector<std::string> Stage::made_up(const bdk_option& option) {
    if (option.type == BDK_OPTION_PATH) return {file_for(option.name)};
    if (option.type != BDK_OPTION_BDEV) return {plausible_value(option)};
    // Required options of type bdev get the bases in the order of the table.
    size_t first = 0;
    for (const bdk_option& other : module().options) {
        if (std::string_view(other.name) == option.name) break;
        if (other.type == BDK_OPTION_BDEV && is_required(other)) first += is_list(other) ? 2 : 1;
    }
    static_cast<void>(bases());
    std::vector<std::string> names = {base_names_.at(first)};
    if (is_list(option)) names.push_back(base_names_.at(first + 1));
    return names;
}

std::vector<Setting> Stage::settings(const std::vector<Setting>& changes) {
    std::vector<Setting> result = changes;
    const auto is_set = [&](std::string_view name) {
        return std::ranges::any_of(result, [&](const Setting& setting) { return setting.option == name; });
    };
    std::vector<Setting> given;
    for (auto [key, value] : options_.given) {
        if (is_set(key)) continue;
        if (const size_t at = value.find(scratch_word); at != std::string::npos)
            value.replace(at, scratch_word.size(), scratch_.string());
        const auto known = std::ranges::find(given, key, &Setting::option);
        if (known == given.end())
            given.push_back({key, {value}});
        else
            known->values.push_back(value);
    }
    result.insert(result.end(), given.begin(), given.end());
    for (const bdk_option& option : module().options)
        if (is_required(option) && !is_set(option.name)) result.push_back({option.name, made_up(option)});
    return result;
}

int Stage::create(const std::string& name, const std::vector<Setting>& settings) {
    const OptionStruct options = options_of(module(), settings);
    const Perturbation::Pause pause;
    return await("create.defaults", fmt::format("create of '{}'", name), [&](bdk::Done done) {
        bdk::module_create_bdev(module().module, name, options.data(), std::move(done));
    });
}

std::string Stage::create(const std::string& name) {
    if (!can_create()) throw NotApplicable{"the module has no create; it makes bdevs by examination"};
    const std::vector<Setting> usual = settings();
    const int rc = create(name, usual);
    if (rc != 0) {
        const std::string said = fmt::format("create of a bdev with {} returned {}", describe(usual),
                                             rc < 0 ? bdk::errno_text(rc) : std::to_string(rc));
        if (rc < 0 && is_virtual() && examines(module()) && options_.base_image.empty())
            throw NotApplicable{"the module does not recognise a blank base; give one with --base-image (" +
                                said + ")"};
        throw Broken{said, "0, and a bdev; give options that this module needs with --option"};
    }
    const std::vector<std::string> made = wait_for_bdevs();
    has_made_ = true;
    return std::ranges::find(made, name) != made.end() ? name : made.front();
}

std::vector<std::string> Stage::wait_for_bdevs() {
    wait_for_examine("examine.done");
    std::vector<std::string> made = bdevs();
    comes_late_ |= made.empty();
    const auto deadline = std::chrono::steady_clock::now() + patience();
    while (made.empty() && !makes_none_) {
        makes_none_ = std::chrono::steady_clock::now() > deadline;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        made = bdevs();
    }
    if (made.empty())
        throw Broken{
            fmt::format("create succeeded, but the module has no bdev after {} ms", patience().count()),
            "bdk_bdev_register() before create ends, or soon after"};
    return made;
}

int Stage::reconfigure(const std::string& bdev, const std::vector<Setting>& settings) {
    const OptionStruct options = options_of(module(), settings);
    return await("create.reconfigure", fmt::format("reconfigure of '{}'", bdev), [&](bdk::Done done) {
        bdk::module_reconfigure_bdev(bdev, options.data(), std::move(done));
    });
}

int Stage::remove_all() {
    const std::vector<std::string> names = bdevs();
    if (names.empty()) return 0;
    struct Removals {
        size_t left;
        int first;
        bdk::Done done;
    };
    return await("remove.idle", fmt::format("removal of '{}'", names.front()), [&](bdk::Done done) {
        auto removals = std::make_shared<Removals>(Removals{names.size(), 0, std::move(done)});
        for (auto name = names.rbegin(); name != names.rend(); ++name)
            bdk::module_remove_bdev(*name, [removals](int rc) {
                if (removals->first == 0) removals->first = rc;
                if (--removals->left == 0) removals->done(removals->first);
            });
    });
}

void Stage::start_remove(const std::string& bdev, std::function<void(int)> done) {
    call([&] { bdk::module_remove_bdev(bdev, std::move(done)); });
}

std::vector<std::string> Stage::bdevs() {
    struct Walk {
        const std::string& module;
        std::vector<std::string> names;
    } walk{module().name, {}};
    call([&] {
        bdk_for_each_bdev(
            [](bdk_bdev* bdev, void* ctx) {
                auto& found = *static_cast<Walk*>(ctx);
                if (found.module == bdk_bdev_get_module_name(bdev))
                    found.names.emplace_back(bdk_bdev_get_name(bdev));
                return 0;
            },
            &walk);
    });
    return walk.names;
}

bdk_thread* Stage::new_thread(const std::string& name, size_t reactor) {
    std::vector<uint64_t> mask(16);
    if (!cores_.empty()) {
        const uint32_t core = cores_[reactor % cores_.size()];
        mask.at(core / 64) |= uint64_t{1} << (core % 64);
    }
    bdk_thread* thread =
        bdk_thread_create(name.c_str(), cores_.empty() ? nullptr : mask.data(), uint32_t(mask.size()));
    if (thread == nullptr) throw Broken{"the kit cannot create a thread"};
    threads_.push_back(thread);
    return thread;
}

void Stage::wait_for_examine(const std::string& rule) {
    await(rule, "the examination of a bdev", [](const bdk::Done& done) {
        auto kept = std::make_unique<bdk::Done>(done);
        const auto examined = [](void* ctx) {
            (*std::unique_ptr<bdk::Done>(static_cast<bdk::Done*>(ctx)))(0);
        };
        if (bdk_bdev_wait_for_examine(examined, kept.get()) != 0) return done(0);
        static_cast<void>(kept.release());
    });
}

void Stage::call_on(bdk_thread* thread, std::function<void()> fn) {
    if (bdk_get_thread() == thread) return fn();
    auto message = std::make_shared<Message>(std::move(fn));
    std::future<void> returned = message->returned.get_future();
    auto owned = std::make_unique<std::shared_ptr<Message>>(message);
    if (bdk_thread_send_msg(thread, run_message, owned.get()) != 0)
        throw Broken{"a thread of the kit takes no message"};
    static_cast<void>(owned.release());  // owned by the message from here on
    if (returned.wait_for(patience()) != std::future_status::ready)
        Recorder::instance().stuck_here(fmt::format("a call on thread '{}' has not returned after {} ms",
                                                    bdk_thread_get_name(thread), patience().count()));
    returned.get();
}

int Stage::await(const std::string& rule, const std::string& what, std::function<void(bdk::Done)> fn) {
    auto promise = std::make_shared<std::promise<int>>();
    std::future<int> result = promise->get_future();
    call([&] { fn([promise](int rc) { promise->set_value(rc); }); });
    if (result.wait_for(patience()) != std::future_status::ready)
        Recorder::instance().stuck(rule,
                                   fmt::format("{} has not ended after {} ms", what, patience().count()));
    return result.get();
}

void Stage::wait_until(const std::string& rule, const std::string& what, std::function<bool()> condition,
                       bdk_thread* thread) {
    const auto deadline = std::chrono::steady_clock::now() + patience();
    for (bool holds = false; !holds;) {
        call_on(thread != nullptr ? thread : bdk_thread_get_app_thread(), [&] { holds = condition(); });
        if (holds) return;
        if (std::chrono::steady_clock::now() > deadline)
            Recorder::instance().stuck(rule, fmt::format("{} after {} ms", what, patience().count()));
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

void Stage::end() {
    if (loaded_) remove_all();
    drop_bases();
    unload();
    await("lifecycle.fini", "the kit's own module",
          [](bdk::Done done) { bdk::module_remove(CheckingBdev::module(), std::move(done)); });
    for (bdk_thread* thread : std::exchange(threads_, {}))
        call_on(thread, [] { bdk_thread_exit(); });
    runtime_.reset();
}

}  // namespace bdevkit::host
