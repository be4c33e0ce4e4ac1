// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "thread"
#include "thread/thread_registry.hpp"
#include "log/no_memory.hpp"

#include <bdevkit/log.h>

#include <algorithm>
#include <set>

#include "base/cpus.hpp"

namespace bdk {
namespace {

/// Exited threads whose memory is kept for late senders.
constexpr size_t graves_kept = 4096;

tl::expected<void, std::string> check_cores(const std::vector<uint32_t>& cores) {
    std::set<uint32_t> seen;
    for (const uint32_t core : cores) {
        if (const std::string why = why_unavailable(core); !why.empty())
            return tl::unexpected("cores: " + why);
        if (!seen.insert(core).second) {
            return tl::unexpected("cores: core " + std::to_string(core) + " is listed twice");
        }
    }
    return {};
}

bool allows(const uint64_t* cpumask, uint32_t words, uint32_t core) {
    return cpumask == nullptr || (core / 64 < words && (cpumask[core / 64] >> (core % 64) & 1) != 0);
}

}  // namespace

ThreadRegistry& ThreadRegistry::instance() {
    // Never destroyed, because a static object of a plugin may use it after main().
    static auto* registry = new ThreadRegistry;
    return *registry;
}

tl::expected<void, std::string> ThreadRegistry::start(const ReactorOptions& options) {
    if (auto checked = check_cores(options.cores); !checked) return checked;
    std::vector<std::unique_ptr<Reactor>> reactors;
    for (const uint32_t core : options.cores) {
        reactors.push_back(std::make_unique<Reactor>(core, options.mode));
    }
    if (reactors.empty()) reactors.push_back(std::make_unique<Reactor>(std::nullopt, options.mode));
    {
        const std::lock_guard lock(mutex_);
        reactors_ = std::move(reactors);
        graves_.clear();
    }
    // The first reactor's: the others stay free for I/O.
    const uint32_t first_core = options.cores.empty() ? 0 : options.cores.front();
    std::vector<uint64_t> mask(first_core / 64 + 1);
    mask.back() = 1ull << (first_core % 64);
    app_thread_.store(create("app", mask.data(), static_cast<uint32_t>(mask.size())),
                      std::memory_order_release);
    return {};
}

void ThreadRegistry::end_threads() {
    exit_and_wait(false);
    exit_and_wait(true);
    app_thread_.store(nullptr, std::memory_order_release);
}

void ThreadRegistry::end_reactors() {
    std::vector<std::unique_ptr<Reactor>> reactors;
    {
        const std::lock_guard lock(mutex_);
        reactors.swap(reactors_);
    }
    // A reactor may still be waking another one, so none is destroyed before all have ended.
    for (const auto& reactor : reactors)
        reactor->end();
    reactors.clear();
    // Outside the lock, because no thread sends at this point.
    std::deque<std::unique_ptr<bdk_thread>> graves;
    const std::lock_guard lock(mutex_);
    graves.swap(graves_);
}

void ThreadRegistry::exit_and_wait(bool app_thread_too) {
    std::unique_lock lock(mutex_);
    const bdk_thread* app = app_thread();
    std::set<uint64_t> asked;
    const auto ask_all = [&] {
        bool left = false;
        for (const auto& [id, thread] : threads_) {
            if (thread.get() == app && !app_thread_too) continue;
            left = true;
            if (!asked.insert(id).second) continue;
            request_exit(thread.get());
        }
        return !left;
    };
    // Repeated after every change, because an exiting thread may create another one.
    changed_.wait(lock, ask_all);
}

bdk_thread* ThreadRegistry::create(const char* name, const uint64_t* cpumask, uint32_t words) {
    const std::lock_guard lock(mutex_);
    Reactor* reactor = least_loaded(cpumask, words);
    if (reactor == nullptr) {
        BDK_ERRLOG("thread '%s': no reactor runs on a core of its mask", name == nullptr ? "" : name);
        return nullptr;
    }
    const uint64_t id = ++last_id_;
    auto thread = std::make_unique<bdk_thread>(id, name != nullptr ? name : "thread_" + std::to_string(id));
    bdk_thread* created = thread.get();
    threads_.emplace(id, std::move(thread));
    cannot_fail("the start of a thread", [&] { reactor->adopt(created); });
    changed_.notify_all();
    return created;
}

Reactor* ThreadRegistry::least_loaded(const uint64_t* cpumask, uint32_t words) {
    Reactor* best = nullptr;
    for (const auto& reactor : reactors_) {
        if (!allows(cpumask, words, reactor->core())) continue;
        if (best == nullptr || reactor->thread_count() < best->thread_count()) best = reactor.get();
    }
    return best;
}

bdk_thread* ThreadRegistry::find(uint64_t id) {
    const std::lock_guard lock(mutex_);
    const auto found = threads_.find(id);
    return found == threads_.end() ? nullptr : found->second.get();
}

bdk_thread* ThreadRegistry::next_after(uint64_t id) {
    const std::lock_guard lock(mutex_);
    const auto found = threads_.upper_bound(id);
    return found == threads_.end() ? nullptr : found->second.get();
}

uint32_t ThreadRegistry::count() {
    const std::lock_guard lock(mutex_);
    return static_cast<uint32_t>(threads_.size());
}

void ThreadRegistry::bury(bdk_thread* thread) {
    thread->messages.reset();
    const std::lock_guard lock(mutex_);
    const auto found = threads_.find(thread->id);
    graves_.push_back(std::move(found->second));
    threads_.erase(found);
    if (graves_.size() > graves_kept) graves_.pop_front();
    changed_.notify_all();
}

Reactor* ThreadRegistry::reactor_of_core(uint32_t core) {
    const std::lock_guard lock(mutex_);
    for (const auto& reactor : reactors_) {
        if (reactor->core() == core) return reactor.get();
    }
    return nullptr;
}

std::vector<Reactor*> ThreadRegistry::reactors() {
    const std::lock_guard lock(mutex_);
    std::vector<Reactor*> all;
    for (const auto& reactor : reactors_)
        all.push_back(reactor.get());
    return all;
}

void ThreadRegistry::when_senders_are_done(std::function<void()> done) {
    visit_reactor(0, std::move(done));
}

void ThreadRegistry::visit_reactor(size_t index, std::function<void()> done) {
    const std::vector<Reactor*> all = reactors();
    if (index == all.size()) {
        if (g_outside_senders.load(std::memory_order_seq_cst) == 0) {
            done();
        } else {
            visit_reactor(index - 1, std::move(done));
        }
        return;
    }
    all[index]->post(
        [this, index, done = std::move(done)]() mutable { visit_reactor(index + 1, std::move(done)); });
}

}  // namespace bdk
