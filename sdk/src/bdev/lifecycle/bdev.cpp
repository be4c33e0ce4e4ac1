// SPDX-License-Identifier: BSD-3-Clause
// Registration and removal.
#define BDK_LOG_COMPONENT "bdev"
#include "bdev/lifecycle/bdev.hpp"

#include <bdevkit/log.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/strict.hpp"
#include "base/text.hpp"
#include "bdev/control/qos.hpp"
#include "bdev/control/write_guard.hpp"
#include "bdev/lifecycle/desc.hpp"
#include "bdev/lifecycle/examine.hpp"
#include "bdev/lifecycle/notify.hpp"
#include "bdev/model/bdev_list.hpp"
#include "bdev/model/bdev_types.hpp"
#include "bdev/model/core_hooks.hpp"
#include "bdev/model/desc.hpp"
#include "bdev/model/module_state.hpp"
#include "bdev/path/dif_io.hpp"
#include "diag/pending_calls.hpp"
#include "dif/protection_info.hpp"
#include "log/no_memory.hpp"
#include "log/violation.hpp"
#include "thread/callback_scope.hpp"
#include "thread/place.hpp"
#include "thread/post.hpp"

namespace bdk {

namespace {

/// Copies as much of a struct that starts with its size as both sides know; the rest is zero.
template <typename T>
T zero_extend(const T* source) {
    T copy{};
    std::memcpy(&copy, source, std::min<size_t>(source->size, sizeof(T)));
    return copy;
}

/// The fault of the protection information, or nullptr.
const char* wrong_dif(const bdk_bdev& config) {
    constexpr uint32_t all_checks = BDK_DIF_CHECK_GUARD | BDK_DIF_CHECK_APPTAG | BDK_DIF_CHECK_REFTAG;
    if (config.dif_type == 0 && config.dif_check_flags != 0)
        return "dif_check_flags are set without a dif_type";
    if ((config.dif_check_flags & ~all_checks) != 0) return "dif_check_flags must be BDK_DIF_CHECK_*";
    BlockLayout layout;
    return make_layout(dif_ctx_of(config), &layout);
}

/// The fault of the limits, or nullptr. Even the smallest piece of an I/O must fit them.
const char* wrong_limit(const bdk_bdev& config) {
    bool unit = (config.flags & BDK_BDEV_SPLIT_ON_WRITE_UNIT) != 0 && config.write_unit_size > 1;
    uint64_t smallest = unit ? config.write_unit_size : 1;
    if (config.max_rw_size != 0 && config.max_rw_size < smallest)
        return "max_rw_size is less than write_unit_size";
    // Data are cut only where the second part is as aligned as the first.
    uint64_t segment = config.max_segment_size & ~((uint64_t{1} << config.required_alignment) - 1);
    if (config.max_segment_size != 0 && segment == 0)
        return "max_segment_size is less than the alignment of required_alignment";
    if (segment != 0 && config.max_num_segments != 0 &&
        segment * config.max_num_segments < smallest * config.blocklen)
        return "max_num_segments of max_segment_size bytes hold no block, or no write unit";
    return nullptr;
}

/// The fault of the names, or nullptr. Names reach logs, reports and clients.
const char* wrong_name(const Bdev* bdev) {
    if (bdev->name.empty() || bdev->name.size() > 255) return "name must have 1 to 255 bytes";
    if (wrong_in_name(bdev->name) != nullptr) return "name must be UTF-8 without control characters";
    const auto is_wrong = [](const std::string& alias) {
        return alias.empty() || alias.size() > 255 || wrong_in_name(alias) != nullptr;
    };
    if (std::any_of(bdev->aliases.begin(), bdev->aliases.end(), is_wrong))
        return "aliases must be UTF-8 without control characters, of 1 to 255 bytes";
    return nullptr;
}

/// What the host does not know in the structs, or "". @param rc the error for it
std::string unknown_in(const Bdev* bdev, int* rc) {
    constexpr uint32_t known_flags = BDK_BDEV_WRITE_CACHE | BDK_BDEV_FUA | BDK_BDEV_MD_INTERLEAVED |
                                     BDK_BDEV_DIF_HEAD_OF_MD | BDK_BDEV_ZONED |
                                     BDK_BDEV_SPLIT_ON_OPTIMAL_IO_BOUNDARY | BDK_BDEV_SPLIT_ON_WRITE_UNIT |
                                     BDK_BDEV_DYNAMIC_IO_TYPES;
    const uint32_t size = bdev->pub->size;
    *rc = wrong_size(bdev->pub, size, offsetof(bdk_bdev, internal) + sizeof(void*), sizeof(bdk_bdev));
    if (*rc != 0) return wrong_size_text("bdk_bdev", size, sizeof(bdk_bdev), *rc);
    *rc = -EINVAL;
    if ((bdev->config.flags & ~known_flags) != 0)
        return unknown_bits_text("bdk_bdev.flags", bdev->config.flags & ~known_flags);
    if (bdev->config.reserved != 0) return unknown_bits_text("bdk_bdev.reserved", bdev->config.reserved);
    if (bdev->fn.reserved != 0) return unknown_bits_text("bdk_bdev_fn_table.reserved", bdev->fn.reserved);
    return "";
}

/// The fault of the fields, or "".
const char* wrong_field(const Bdev* bdev) {
    const bdk_bdev& config = bdev->config;
    uint32_t md = (config.flags & BDK_BDEV_MD_INTERLEAVED) != 0 ? config.md_len : 0;
    uint32_t data_len = config.blocklen - md;
    if (config.module == nullptr) return "module is missing: set it to the table of the module";
    if (const char* wrong = wrong_name(bdev); wrong != nullptr) return wrong;
    if (bdev->fn.submit_request == nullptr) return "fn_table->submit_request is missing";
    if (bdev->fn.destruct == nullptr) return "fn_table->destruct is missing";
    if (bdev->fn.get_io_channel == nullptr) return "fn_table->get_io_channel is missing";
    if (config.blocklen <= md || data_len < 512 || !std::has_single_bit(data_len))
        return "blocklen must be a power of two from 512, plus interleaved metadata";
    if (config.blockcnt == 0) return "blockcnt is 0";
    if (config.blockcnt > UINT64_MAX / config.blocklen) return "blockcnt * blocklen does not fit 64 bits";
    if (config.required_alignment > 12) return "required_alignment is an exponent of 2, at most 12";
    if (const char* wrong = wrong_dif(config); wrong != nullptr) return wrong;
    if (const char* wrong = wrong_limit(config); wrong != nullptr) return wrong;
    if (config.io_type_supported == 0 && bdev->fn.io_type_supported == nullptr)
        return "io_type_supported is 0 and fn_table->io_type_supported is missing";
    return "";
}

std::unique_ptr<Bdev> make_bdev(bdk_bdev* pub) {
    auto bdev = std::make_unique<Bdev>();
    bdev->pub = pub;
    bdev->config = zero_extend(pub);
    if (bdev->config.fn_table != nullptr) bdev->fn = zero_extend(bdev->config.fn_table);
    const bdk_bdev& config = bdev->config;
    bdev->name = config.name == nullptr ? "" : config.name;
    bdev->product_name = config.product_name == nullptr ? "" : config.product_name;
    bdev->module_name = config.module == nullptr ? "" : config.module->name;
    for (const char* const* alias = config.aliases; alias != nullptr && *alias != nullptr; alias++)
        bdev->aliases.emplace_back(*alias);
    for (const Bdev* base : bases_of(&config))
        bdev->base_names.push_back(base->name);
    bdev->uuid = config.uuid;
    if (std::all_of(std::begin(config.uuid.bytes), std::end(config.uuid.bytes),
                    [](uint8_t byte) { return byte == 0; }))
        bdev->uuid = uuid_from_name(bdev->name);
    bdev->flags = config.flags;
    bdev->blocklen = config.blocklen;
    bdev->block_shift = std::has_single_bit(config.blocklen) ? std::countr_zero(config.blocklen) : 0;
    bdev->blockcnt = config.blockcnt;
    bdev->md_len = config.md_len;
    bdev->dif_check_flags = config.dif_check_flags;
    bdev->ctx_size = module_ctx_size(*bdev->pub);
    return bdev;
}

/// Adds the bdev to the list. Throws std::bad_alloc.
int add_bdev(bdk_bdev* pub) {
    std::unique_ptr<Bdev> bdev = make_bdev(pub);
    int rc = 0;
    std::string wrong = unknown_in(bdev.get(), &rc);
    if (wrong.empty()) wrong = wrong_field(bdev.get());
    if (!wrong.empty()) {
        BDK_ERRLOG("bdev '%s' of module '%s' is refused: %s", bdev->name.c_str(), bdev->module_name.c_str(),
                   wrong.c_str());
        return rc;
    }
    set_io_types(bdev.get(), module_abi_minor(bdev->config));
    rc = bdev_list_add(bdev.get());
    if (rc != 0) return rc;
    static_cast<void>(bdev.release());  // owned by the list
    return 0;
}

/* ---- removal ---- */

void report_unregistered(bdk_thread* thread, bdk_bdev_unregister_cb cb, void* ctx, int rc) {
    if (cb != nullptr) post(thread, [=] { call_in_scope("unregister callback of a bdev", cb, rc, ctx); });
}

/// [app thread] The module has let go of the bdev, so the core does too.
void destructed(std::unique_ptr<Bdev> bdev, int rc) {
    pending_call_end(bdev->destruct_call);
    if (rc < 0) BDK_ERRLOG("bdev '%s': destruct failed: %s", bdev->name.c_str(), strerrordesc_np(-rc));
    report_unregistered(bdev->unregister_thread, bdev->unregister_cb, bdev->unregister_ctx, rc);
}

void report_no_destruct(std::string_view what, const void* caller) {
    report_violation({.rule = 0,
                      .what = what,
                      .object = "a bdev without a destruct under way",
                      .advice = "end each destruct once: by its return value or, after BDK_PENDING, with "
                                "bdk_bdev_destruct_done()",
                      .return_address = caller});
}

/// [app thread]
void call_destruct(Bdev* bdev) {
    pending_call_end(bdev->removal_call);
    bdev_list_remove(bdev);
    core_hooks.bdev_goes(bdev);
    if (bdev->guard != nullptr) bdev->guard->end_watch();
    notify_watches(BDK_NOTIFY_BDEV_UNREGISTER, bdev->pub);
    bdev->destruct_call = pending_call_begin(
        {"module '", bdev->module_name, "': destruct of bdev '", bdev->name, "'"}, "bdk_bdev_destruct_done");
    const bdk_bdev* pub = bdev->pub;  // must not be dereferenced: the module may free it
    auto destruct = bdev->fn.destruct;
    int rc = call_in_scope("destruct", destruct, bdev->config.ctxt);
    if (rc == BDK_PENDING) return;
    if (auto owned = bdev_list_forget(pub))
        destructed(std::move(owned), rc);
    else
        report_no_destruct("destruct ended with bdk_bdev_destruct_done() and did not return BDK_PENDING",
                           reinterpret_cast<const void*>(destruct));
}

}  // namespace

bool begins_destruct(Bdev* bdev) noexcept {
    if (bdev->status != BdevStatus::removing || bdev->announcing || !bdev->descs.empty()) return false;
    bdev->status = BdevStatus::destructing;
    return true;
}

void destruct_bdev(Bdev* bdev) {
    run_on(bdk_thread_get_app_thread(), [bdev] { call_destruct(bdev); });
}

}  // namespace bdk

using bdk::Bdev;

int bdk_bdev_register(bdk_bdev* pub) {
    if (!bdk::on_app_thread(BDK_ABI_CALL, {"bdev", pub->name == nullptr ? "" : pub->name})) return -EINVAL;
    int rc = bdk::or_enomem([pub] { return bdk::add_bdev(pub); });
    if (rc != 0) return rc;
    bdk::notify_watches(BDK_NOTIFY_BDEV_REGISTER, pub);
    bdk::examine(Bdev::of(pub));
    return 0;
}

void bdk_bdev_unregister(bdk_bdev* pub, bdk_bdev_unregister_cb cb, void* ctx) {
    if (!bdk::on_bdk_thread(BDK_ABI_CALL)) {
        if (cb != nullptr) cb(-EINVAL, ctx);
        return;
    }
    Bdev* bdev = bdk::bdev_of_struct(pub);
    if (bdev == nullptr) {
        bdk::report_violation({.rule = 0,
                               .what = "bdk_bdev_unregister() of a bdev that is not registered",
                               .advice = "unregister each bdev once, before its destruct",
                               .return_address = __builtin_return_address(0)});
        bdk::report_unregistered(bdk::current_thread(), cb, ctx, -ENODEV);
        return;
    }
    {
        std::scoped_lock lock(bdev->mutex);
        if (bdev->status != bdk::BdevStatus::ready) {
            bdk::report_unregistered(bdk::current_thread(), cb, ctx, -EBUSY);
            return;
        }
        bdev->status = bdk::BdevStatus::removing;
        bdev->announcing = true;
        bdev->unregister_cb = cb;
        bdev->unregister_ctx = ctx;
        bdev->unregister_thread = bdk::current_thread();
    }
    bdev->removal_call = bdk::pending_call_begin({"removal of bdev '", bdev->name, "'"},
                                                 [bdev] { return bdk::describe_descs(bdev); });
    bdk::qos_end(bdev);
    bdk::send_event(bdev, BDK_BDEV_EVENT_REMOVE);
    bool destructs = false;
    {
        std::scoped_lock lock(bdev->mutex);
        bdev->announcing = false;
        destructs = bdk::begins_destruct(bdev);
    }
    if (destructs) bdk::destruct_bdev(bdev);
}

int bdk_bdev_unregister_by_name(const char* name, const bdk_module* module, bdk_bdev_unregister_cb cb,
                                void* ctx) {
    if (!bdk::on_app_thread(BDK_ABI_CALL, {"bdev", name})) return -EINVAL;
    bdk_bdev* bdev = bdk_bdev_get_by_name(name);
    if (bdev == nullptr || Bdev::of(bdev)->config.module != module) return -ENODEV;
    bdk_bdev_unregister(bdev, cb, ctx);
    return 0;
}

void bdk_bdev_destruct_done(bdk_bdev* pub, int rc) {
    Bdev* bdev = bdk::bdev_list_forget(pub).release();
    if (bdev == nullptr)
        return bdk::report_no_destruct("bdk_bdev_destruct_done() without a pending destruct",
                                       __builtin_return_address(0));
    bdk::run_on(bdk_thread_get_app_thread(), [=] { bdk::destructed(std::unique_ptr<Bdev>(bdev), rc); });
}

int bdk_bdev_notify_blockcnt_change(bdk_bdev* pub, uint64_t num_blocks) {
    if (!bdk::on_app_thread(BDK_ABI_CALL)) return -EINVAL;
    Bdev* bdev = Bdev::of(pub);
    {
        std::scoped_lock lock(bdev->mutex);
        uint64_t now = bdev->blockcnt.load(std::memory_order_relaxed);
        if (num_blocks == now) return 0;
        if (num_blocks == 0 || num_blocks > UINT64_MAX / bdev->blocklen) {
            BDK_ERRLOG("bdev '%s' cannot have %lu blocks: 1 to 2^64 / %u are possible", bdev->name.c_str(),
                       static_cast<unsigned long>(num_blocks), bdev->blocklen);
            return -EINVAL;
        }
        if (num_blocks < now && !bdev->descs.empty()) {
            BDK_ERRLOG("bdev '%s' cannot shrink from %lu to %lu blocks: it is open", bdev->name.c_str(),
                       static_cast<unsigned long>(now), static_cast<unsigned long>(num_blocks));
            return -EBUSY;
        }
        bdev->blockcnt.store(num_blocks, std::memory_order_relaxed);
    }
    bdk::send_event(bdev, BDK_BDEV_EVENT_RESIZE);
    return 0;
}

int bdk_bdev_alias_add(bdk_bdev* bdev, const char* alias) {
    if (!bdk::on_app_thread(BDK_ABI_CALL, {"alias", alias})) return -EINVAL;
    const size_t length = std::strlen(alias);
    const char* wrong = length == 0 || length > 255 ? "must have 1 to 255 bytes" : bdk::wrong_in_name(alias);
    if (wrong != nullptr) {
        BDK_ERRLOG("bdev '%s' cannot have the name '%s': it %s", Bdev::of(bdev)->name.c_str(), alias, wrong);
        return -EINVAL;
    }
    return bdk::or_enomem([&] { return bdk::bdev_list_add_alias(Bdev::of(bdev), alias); });
}

int bdk_bdev_alias_del(bdk_bdev* bdev, const char* alias) {
    if (!bdk::on_app_thread(BDK_ABI_CALL, {"alias", alias})) return -EINVAL;
    return bdk::bdev_list_remove_alias(Bdev::of(bdev), alias);
}
