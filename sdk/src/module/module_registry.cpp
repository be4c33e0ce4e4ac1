// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "module"
#include "module/module_registry.hpp"

#include <bdevkit/log.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <memory>
#include <utility>

#include "bdev/lifecycle/examine.hpp"
#include "bdev/model/bdev.hpp"
#include "bdev/model/bdev_list.hpp"
#include "bdev/model/module_state.hpp"
#include "diag/pending_calls.hpp"
#include "log/no_memory.hpp"
#include "log/violation.hpp"
#include "module/call_gate.hpp"
#include "module/method_call.hpp"
#include "thread/callback_scope.hpp"
#include "thread/place.hpp"

struct bdk_create {
    bdk::GatePass pass;
    bdk::Done done;
    uint64_t call = 0;  ///< see pending_calls.hpp
};

struct bdk_remove {
    bdk::Done done;
    uint64_t call = 0;
    uint64_t bdev = 0;  ///< its serial
    uint32_t reason = BDK_REMOVE_BY_USER;
    std::vector<bdk::Done> joined;  ///< callbacks of later requests for the same removal
};

struct bdk_reconfigure {
    bdk::GatePass pass;
    bdk::Done done;
    uint64_t call = 0;
};

namespace bdk {

namespace {

struct Resize {
    GatePass pass;
    Done done;
    uint64_t call = 0;
    uint64_t bdev = 0;  ///< its serial
};

/// The operations under way. All of it lives on the app thread.
struct Registry {
    std::vector<std::unique_ptr<bdk_create>> creates;            ///< under way
    std::vector<std::unique_ptr<bdk_remove>> removes;            ///< under way
    std::vector<std::unique_ptr<bdk_reconfigure>> reconfigures;  ///< under way
    std::vector<std::unique_ptr<Resize>> resizes;                ///< under way, one for each bdev
};

Registry& registry() {
    static Registry instance;
    return instance;
}

/// Calls into the module. An exception that leaves it is reported and becomes -EIO.
template <typename Fn, typename Call>
int call_module(const bdk_module& table, const char* callback, Fn* fn, Call&& call) {
    const CallbackScope scope(callback, fn);
    try {
        return call();
    } catch (const std::exception& error) {
        BDK_ERRLOG("module '%s': an exception left %s: %s", table.name, callback, error.what());
    } catch (...) {
        BDK_ERRLOG("module '%s': an exception left %s", table.name, callback);
    }
    return -EIO;
}

uint64_t begin_call(const bdk_module& table, const char* callback, std::string_view bdev, const char* done) {
    return pending_call_begin({"module '", table.name, "': ", callback, bdev, bdev.empty() ? "" : "'"}, done);
}

/// Records an operation under way. @return nullptr without memory; then `done` is unchanged
template <typename T>
T* note(std::vector<std::unique_ptr<T>>& list, Done& done) {
    T* noted = or_null([&] {
        list.push_back(std::make_unique<T>());
        return list.back().get();
    });
    if (noted != nullptr) noted->done = std::move(done);
    return noted;
}

/// Removes an operation under way from its list; nullptr if it has already ended.
template <typename T>
std::unique_ptr<T> take(std::vector<std::unique_ptr<T>>& list, const T* operation) {
    auto it =
        std::find_if(list.begin(), list.end(), [&](const auto& entry) { return entry.get() == operation; });
    if (it == list.end()) return nullptr;
    std::unique_ptr<T> taken = std::move(*it);
    list.erase(it);
    pending_call_end(taken->call);
    return taken;
}

void report_second_done(const char* call, const void* caller) {
    report_violation({.rule = 0,
                      .what = call,
                      .object = "an operation that has ended",
                      .advice = "make the done call once, and only after returning BDK_PENDING",
                      .return_address = caller});
}

void forget(const bdk_module* original) {
    examine_forget(original);
    forget_module_state(original);
}

void init_ended(ModuleState* state, int rc) {
    Done done = std::exchange(state->pending, nullptr);
    pending_call_end(state->pending_call);
    state->ready = rc == 0;
    const bdk_module* original = state->original;
    if (rc != 0) forget(original);
    done(rc);
    if (rc == 0) examine_all_by(original);
}

void fini_ended(ModuleState* state, int rc) {
    Done done = std::exchange(state->pending, nullptr);
    pending_call_end(state->pending_call);
    forget(state->original);
    done(rc);
}

bool has_bdevs(const bdk_module* original) {
    std::vector<Bdev*> bdevs = all_bdevs();
    return std::any_of(bdevs.begin(), bdevs.end(),
                       [&](const Bdev* bdev) { return bdev->config.module == original; });
}

}  // namespace

void module_add(const bdk_module* module, Done done, uint32_t abi_minor) {
    if (is_module_name_in_use(module->name)) return done(-EEXIST);
    auto owned = std::make_unique<ModuleState>();
    ModuleState* state = owned.get();
    state->original = module;
    state->abi_minor = abi_minor;
    std::memcpy(&state->table, module, std::min<size_t>(module->size, sizeof(bdk_module)));
    state->pending = std::move(done);
    add_module_state(std::move(owned));
    state->pending_call = begin_call(state->table, "init", {}, "bdk_module_init_done");
    int rc = 0;
    if (state->table.init != nullptr)
        rc = call_module(state->table, "init", state->table.init, [=] { return state->table.init(module); });
    if (rc != BDK_PENDING && state->pending) init_ended(state, rc);
}

void module_remove(const bdk_module* module, Done done) {
    ModuleState* state = module_state(module);
    if (state == nullptr) return done(-ENOENT);
    if (has_bdevs(module) || module_has_calls(module)) return done(-EBUSY);
    state->ready = false;
    state->pending = std::move(done);
    state->pending_call = begin_call(state->table, "fini", {}, "bdk_module_fini_done");
    int rc = 0;
    if (state->table.fini != nullptr)
        rc = call_module(state->table, "fini", state->table.fini, [=] { return state->table.fini(module); });
    if (rc != BDK_PENDING) fini_ended(state, rc);
}

const bdk_module* module_find(std::string_view name) {
    for (const ModuleState* state : module_states())
        if (name == state->table.name) return state->original;
    return nullptr;
}

void modules_fini_start() {
    for (const ModuleState* state : module_states())
        if (state->table.fini_start != nullptr)
            call_module(state->table, "fini_start", state->table.fini_start, [=] {
                state->table.fini_start(state->original);
                return 0;
            });
}

const void* module_extension(const bdk_module* module, const char* name) {
    const ModuleState* state = module_state(module);
    if (state == nullptr || state->table.get_extension == nullptr) return nullptr;
    return state->table.get_extension(state->original, name);
}

std::vector<const bdk_module*> modules() {
    std::vector<const bdk_module*> tables;
    for (const ModuleState* state : module_states())
        tables.push_back(state->original);
    return tables;
}

void module_create_bdev(const bdk_module* module, std::string name, const void* options, Done done) {
    const ModuleState* state = module_state(module);
    if (state == nullptr) return done(-ENOENT);
    if (state->table.create == nullptr) return done(-ENOTSUP);
    bdk_create* create = note(registry().creates, done);
    if (create == nullptr) return done(-ENOMEM);
    if (!create->pass) return take(registry().creates, create)->done(-ESHUTDOWN);
    create->call = begin_call(state->table, "create of bdev '", name, "bdk_module_create_done");
    int rc = call_module(state->table, "create", state->table.create,
                         [&] { return state->table.create(module, create, name.c_str(), options); });
    if (rc == BDK_PENDING) return;
    if (auto ended = take(registry().creates, create)) ended->done(rc);
}

namespace {

/// The default of a module's remove.
void unregister(const Bdev* bdev, Done& done) {
    auto end = [](int rc, void* ctx) {
        const std::unique_ptr<Done> removed(static_cast<Done*>(ctx));
        (*removed)(rc);
    };
    std::unique_ptr<Done> removal = or_null([&] { return std::make_unique<Done>(std::move(done)); });
    if (removal == nullptr) return done(-ENOMEM);
    bdk_bdev_unregister(bdev->pub, end, removal.release());
}

/// A module is asked only once to remove a bdev; later requests wait for the same removal. @return false: no
/// removal is under way
bool join_removal(const Bdev* bdev, Done& done) {
    for (const auto& remove : registry().removes) {
        if (remove->bdev != bdev->serial) continue;
        const int rc = or_enomem([&] {
            remove->joined.push_back(done);
            return 0;
        });
        if (rc != 0) done(rc);
        return true;
    }
    return false;
}

void removal_ended(std::unique_ptr<bdk_remove> remove, int rc) {
    remove->done(rc);
    for (const Done& joined : remove->joined)
        joined(rc);
}

}  // namespace

void module_remove_bdev(std::string_view name, Done done, uint32_t reason) {
    std::unique_lock<std::mutex> lock;
    Bdev* bdev = find_bdev(name, lock);
    lock.unlock();
    if (bdev == nullptr) return done(-ENODEV);
    const ModuleState* state = module_state(bdev->config.module);
    if (state == nullptr || state->table.remove == nullptr) return unregister(bdev, done);
    if (join_removal(bdev, done)) return;
    bdk_remove* remove = note(registry().removes, done);
    if (remove == nullptr) return done(-ENOMEM);
    remove->bdev = bdev->serial;
    remove->reason = reason;
    remove->call = begin_call(state->table, "remove of bdev '", bdev->name, "bdk_module_remove_done");
    int rc = call_module(state->table, "remove", state->table.remove,
                         [&] { return state->table.remove(state->original, remove, bdev->pub); });
    if (rc == BDK_PENDING) return;
    if (auto ended = take(registry().removes, remove)) removal_ended(std::move(ended), rc);
}

void module_reconfigure_bdev(std::string_view name, const void* options, Done done) {
    std::unique_lock<std::mutex> lock;
    Bdev* bdev = find_bdev(name, lock);
    lock.unlock();
    if (bdev == nullptr) return done(-ENODEV);
    const ModuleState* state = module_state(bdev->config.module);
    if (state == nullptr || state->table.reconfigure == nullptr) return done(-ENOTSUP);
    bdk_reconfigure* reconfigure = note(registry().reconfigures, done);
    if (reconfigure == nullptr) return done(-ENOMEM);
    if (!reconfigure->pass) return take(registry().reconfigures, reconfigure)->done(-ESHUTDOWN);
    reconfigure->call =
        begin_call(state->table, "reconfigure of bdev '", bdev->name, "bdk_module_reconfigure_done");
    int rc = call_module(state->table, "reconfigure", state->table.reconfigure, [&] {
        return state->table.reconfigure(state->original, reconfigure, bdev->pub, options);
    });
    if (rc == BDK_PENDING) return;
    if (auto ended = take(registry().reconfigures, reconfigure)) ended->done(rc);
}

namespace {

/// The resize of that bdev that is under way, or nullptr.
Resize* resize_of(const Bdev* bdev) {
    const auto& all = registry().resizes;
    const auto found =
        std::ranges::find_if(all, [=](const auto& resize) { return resize->bdev == bdev->serial; });
    return found == all.end() ? nullptr : found->get();
}

}  // namespace

void module_resize_bdev(std::string_view name, uint64_t bytes, Done done) {
    std::unique_lock<std::mutex> lock;
    Bdev* bdev = find_bdev(name, lock);
    lock.unlock();
    if (bdev == nullptr) return done(-ENODEV);
    if (bdev->fn.resize == nullptr) return done(-ENOTSUP);
    if (bytes % bdev->blocklen != 0) return done(-EINVAL);
    if (resize_of(bdev) != nullptr) return done(-EBUSY);
    Resize* resize = note(registry().resizes, done);
    if (resize == nullptr) return done(-ENOMEM);
    if (!resize->pass) return take(registry().resizes, resize)->done(-ESHUTDOWN);
    resize->bdev = bdev->serial;
    resize->call = begin_call(*bdev->config.module, "resize of bdev '", bdev->name, "bdk_bdev_resize_done");
    const int rc = call_module(*bdev->config.module, "resize", bdev->fn.resize,
                               [&] { return bdev->fn.resize(bdev->config.ctxt, bytes / bdev->blocklen); });
    if (rc == BDK_PENDING) return;
    if (auto ended = take(registry().resizes, resize)) ended->done(rc);
}

}  // namespace bdk

void bdk_bdev_resize_done(bdk_bdev* bdev, int rc) {
    if (!bdk::on_app_thread(BDK_ABI_CALL)) return;
    bdk::Resize* resize = bdk::resize_of(bdk::Bdev::of(bdev));
    if (resize == nullptr)
        return bdk::report_second_done("bdk_bdev_resize_done() without a pending resize",
                                       __builtin_return_address(0));
    bdk::take(bdk::registry().resizes, resize)->done(rc);
}

void bdk_module_init_done(const bdk_module* module, int rc) {
    if (!bdk::on_app_thread(BDK_ABI_CALL, {"module", module->name})) return;
    bdk::ModuleState* state = bdk::module_state(module);
    if (state == nullptr || !state->pending || state->ready)
        return bdk::report_second_done("bdk_module_init_done() without a pending init",
                                       __builtin_return_address(0));
    bdk::init_ended(state, rc);
}

void bdk_module_fini_done(const bdk_module* module) {
    if (!bdk::on_app_thread(BDK_ABI_CALL, {"module", module->name})) return;
    bdk::ModuleState* state = bdk::module_state(module);
    if (state == nullptr || !state->pending)
        return bdk::report_second_done("bdk_module_fini_done() without a pending fini",
                                       __builtin_return_address(0));
    bdk::fini_ended(state, 0);
}

void bdk_module_create_done(bdk_create* create, int rc) {
    if (!bdk::on_app_thread(BDK_ABI_CALL)) return;
    auto ended = bdk::take(bdk::registry().creates, create);
    if (ended == nullptr)
        return bdk::report_second_done("bdk_module_create_done() without a pending create",
                                       __builtin_return_address(0));
    ended->done(rc);
}

uint32_t bdk_remove_get_reason(const bdk_remove* remove) {
    if (!bdk::on_app_thread(BDK_ABI_CALL)) return BDK_REMOVE_AT_STOP;
    const auto& all = bdk::registry().removes;
    const auto found = std::ranges::find(all, remove, &std::unique_ptr<bdk_remove>::get);
    if (found != all.end()) return remove->reason;
    bdk::report_second_done("bdk_remove_get_reason() without a removal under way",
                            __builtin_return_address(0));
    return BDK_REMOVE_AT_STOP;
}

void bdk_module_remove_done(bdk_remove* remove, int rc) {
    if (!bdk::on_app_thread(BDK_ABI_CALL)) return;
    auto ended = bdk::take(bdk::registry().removes, remove);
    if (ended == nullptr)
        return bdk::report_second_done("bdk_module_remove_done() without a pending remove",
                                       __builtin_return_address(0));
    bdk::removal_ended(std::move(ended), rc);
}

void bdk_module_reconfigure_done(bdk_reconfigure* reconfigure, int rc) {
    if (!bdk::on_app_thread(BDK_ABI_CALL)) return;
    auto ended = bdk::take(bdk::registry().reconfigures, reconfigure);
    if (ended == nullptr)
        return bdk::report_second_done("bdk_module_reconfigure_done() without a pending reconfigure",
                                       __builtin_return_address(0));
    ended->done(rc);
}
