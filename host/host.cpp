// SPDX-License-Identifier: BSD-3-Clause
#include "host.hpp"

#include <bdevkit/desc.h>
#include <bdevkit/examine.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <sstream>
#include <system_error>

#include "frontends/frontend.hpp"
#include "module/call_gate.hpp"
#include "module/module_registry.hpp"
#include "module_statistics.hpp"
#include "waiting_bdevs.hpp"

#define BDK_LOG_COMPONENT "host"
#include <bdevkit/log.h>

namespace bdevkit::host {

namespace {

/// The names of all bdevs, each base before the bdevs on top of it.
std::vector<std::string> bdev_names() {
    std::vector<std::string> result;
    bdk::call_on_app_thread([&] {
        const auto add = [](bdk_bdev* bdev, void* ctx) {
            static_cast<std::vector<std::string>*>(ctx)->emplace_back(bdk_bdev_get_name(bdev));
            return 0;
        };
        bdk_for_each_bdev(add, &result);
    });
    return result;
}

/// The stack itself states the purpose of bdevs that it exports or uses as bases; data that clients have
/// written there must not decide it.
bdk::RuntimeOptions options_of(const Stack& stack) {
    bdk::RuntimeOptions options = stack.host;
    options.bdev.client_bdevs = stack.exported_bdevs();
    for (const BdevSpec& bdev : stack.bdevs)
        for (const BaseRef& base : bdev.bases)
            options.bdev.client_bdevs.push_back(base.bdev);
    return options;
}

}  // namespace

void Host::wait_for_examine() {
    bdk::Done kept;
    bdk::await_on_app_thread([&](bdk::Done done) {
        kept = std::move(done);
        const auto examined = [](void* ctx) { bdk::finish(*static_cast<bdk::Done*>(ctx), 0); };
        if (const int rc = bdk_bdev_wait_for_examine(examined, &kept); rc != 0) bdk::finish(kept, rc);
    });
}

namespace {

/// Reads the counters of one bdev, which a desc keeps alive meanwhile.
class CountersReader {
public:
    static int read(BdevCounters& counters) {
        CountersReader reader(counters);
        return bdk::await_on_app_thread([&](bdk::Done done) { reader.start(std::move(done)); });
    }

private:
    explicit CountersReader(BdevCounters& counters) : counters_(counters) {}

    void start(bdk::Done done) {
        // The desc is closed soon, with or without a removal.
        const auto ignore_event = [](uint32_t, bdk_bdev*, void*) {};
        const int rc = bdk_bdev_open(counters_.name.c_str(), 0, ignore_event, nullptr, &desc_);
        if (rc != 0) return done(rc);
        done_ = std::move(done);
        bdk_bdev* bdev = bdk_bdev_desc_get_bdev(desc_);
        counters_.module = bdk_bdev_get_module_name(bdev);
        counters_.driver_specific = module_statistics(bdev);
        counters_.io = {.size = sizeof counters_.io};
        const auto counted = [](bdk_bdev*, bdk_bdev_io_stat*, int result, void* ctx) {
            auto* reader = static_cast<CountersReader*>(ctx);
            bdk_bdev_close(reader->desc_);
            bdk::finish(reader->done_, result);
        };
        bdk_bdev_get_device_stat(bdev, &counters_.io, counted, this);
    }

    BdevCounters& counters_;
    bdk_bdev_desc* desc_ = nullptr;
    bdk::Done done_;
};

}  // namespace

Host::Host(const Stack& stack, PluginLoader& loader, StopLimit::Stuck stuck)
    : stack_(stack), loader_(loader), stuck_(std::move(stuck)) {}

Host::~Host() {
    stop();
}

tl::expected<std::unique_ptr<Host>, std::string> Host::start(const Stack& stack, PluginLoader& loader,
                                                             StopLimit::Stuck stuck) {
    std::unique_ptr<Host> host(new Host(stack, loader, std::move(stuck)));
    if (tl::expected<void, std::string> started = host->start_all(); !started) {
        host->stop();
        return tl::unexpected(std::move(started.error()));
    }
    return host;
}

void Host::log_stuck(const std::vector<std::string>& waits) {
    for (const std::string& wait : waits)
        BDK_ERRLOG("the host cannot stop: %s", wait.c_str());
}

tl::expected<void, std::string> Host::start_all() {
    tl::expected<std::unique_ptr<bdk::Runtime>, std::string> runtime =
        bdk::Runtime::start(options_of(stack_));
    if (!runtime) return tl::unexpected(std::move(runtime.error()));
    runtime_ = std::move(*runtime);
    waiting_ = std::make_unique<WaitingBdevs>();
    return load_modules().and_then([this] { return create_bdevs(); }).and_then([this] {
        return start_frontends();
    });
}

tl::expected<void, std::string> Host::load_modules() {
    for (const std::string& module : stack_.modules()) {
        if (const auto loaded = loader_.load(module); !loaded) return tl::unexpected(loaded.error());
    }
    return {};
}

tl::expected<void, std::string> Host::create_bdevs() {
    // In pieces, so that no turn of the reactor takes long.
    constexpr size_t at_a_time = 32;
    for (std::span<const BdevSpec> left = stack_.bdevs; !left.empty();) {
        const auto piece = left.first(std::min(at_a_time, left.size()));
        left = left.subspan(piece.size());
        const int rc =
            bdk::await_on_app_thread([&](bdk::Done done) { waiting_->create(piece, std::move(done)); });
        if (rc != 0) return tl::unexpected(describe_failure());
    }
    const int rc = bdk::await_on_app_thread(
        [&](bdk::Done done) { waiting_->settle(stack_.exported_bdevs(), std::move(done)); });
    if (rc != 0) return tl::unexpected(describe_failure());
    for (const std::string& line : waiting_->describe())
        BDK_WARNLOG("%s", line.c_str());
    return {};
}

std::string Host::describe_failure() const {
    const auto [bdev, rc] = waiting_->failure();
    return fmt::format("{}:{}:{}: bdev '{}' of module '{}' could not be created: {}", stack_.file,
                       bdev->at.line, bdev->at.column, bdev->name, bdev->module->name,
                       std::generic_category().message(-rc));
}

tl::expected<void, std::string> Host::start_frontends() {
    for (const FrontendSpec& spec : stack_.frontends) {
        std::unique_ptr<Frontend> frontend = spec.kind->make(spec);
        tl::expected<void, std::string> started = frontend->start();
        if (!started) return started;
        note_where(*frontend);
        frontends_.push_back(std::move(frontend));
    }
    return {};
}

void Host::note_where(const Frontend& frontend) {
    std::istringstream lines(frontend.where());
    for (std::string line; std::getline(lines, line);)
        if (!line.empty()) where_.push_back(line);
}

void Host::stop_frontends() {
    callers_.refuse();
    if (stop_limit_ == nullptr && runtime_ != nullptr)
        stop_limit_ = std::make_unique<StopLimit>(stack_.host.stop_limit, stuck_);
    while (!frontends_.empty()) {
        frontends_.back()->stop();
        frontends_.pop_back();
    }
}

std::vector<BdevCounters> Host::counters() const {
    std::vector<BdevCounters> result;
    if (runtime_ == nullptr) return result;
    for (std::string& name : bdev_names()) {
        BdevCounters counters{.name = std::move(name)};
        // A bdev may have been removed since it was listed.
        if (CountersReader::read(counters) == 0) result.push_back(std::move(counters));
    }
    return result;
}

/// No call that creates or removes bdevs may run while the rest is removed.
void Host::wait_for_calls() {
    bdk::await_on_app_thread(
        [](bdk::Done done) { bdk::close_call_gate([done = std::move(done)] { done(0); }); });
}

bool Host::remove_bdevs() {
    return bdk::await_on_app_thread([](bdk::Done done) { bdk::module_remove_all_bdevs(std::move(done)); }) ==
           0;
}

bool Host::stop() {
    if (runtime_ == nullptr) return true;
    stop_frontends();
    waiting_.reset();
    wait_for_calls();
    bool clean = remove_bdevs();
    callers_.wait_until_gone();
    for (const std::string& line : loader_.remove_modules()) {
        BDK_ERRLOG("%s", line.c_str());
        clean = false;
    }
    stop_limit_->bdevs_are_gone();
    runtime_.reset();
    stop_limit_.reset();
    return clean;
}

}  // namespace bdevkit::host
