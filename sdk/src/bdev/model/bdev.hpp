// SPDX-License-Identifier: BSD-3-Clause
// The core's state of a registered bdev.
#pragma once

#include <bdevkit/bdev_module.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "bdev/model/claim.hpp"
#include "bdev/model/latencies.hpp"
#include "bdev/model/qos.hpp"
#include "bdev/model/quiesced_range.hpp"
#include "bdev/model/stat.hpp"

namespace bdk {

struct BdevIo;
class QueueDepthSampler;
class WriteGuard;

enum class BdevStatus {
    ready,
    removing,     ///< no new opens; waits for the last desc to close
    destructing,  ///< destruct has been called
};

/// The content of `bdk_bdev::internal`. Every I/O reads the first line; only a resize writes to it.
struct alignas(64) Bdev {
    bdk_bdev* pub = nullptr;
    std::atomic<uint64_t> blockcnt{0};
    uint64_t io_types = 0;    ///< bits of the types that may be submitted, emulated ones included
    uint64_t core_types = 0;  ///< bits of the types that the core may have a part in before the module
    uint32_t blocklen = 0;
    uint32_t flags = 0;
    uint32_t block_shift = 0;  ///< log2 of blocklen; 0 if blocklen is not a power of two
    uint32_t md_len = 0;
    uint32_t ctx_size = 0;
    uint32_t dif_check_flags = 0;
    uint64_t module_types = 0;  ///< bits of the types that the module takes, always or sometimes
    uint32_t module_flags = 0;  ///< of an I/O, which the module knows

    bdk_bdev config{};       ///< the module's struct as registered, zero-extended to our size
    bdk_bdev_fn_table fn{};  ///< the module's table, zero-extended likewise
    std::string name, product_name, module_name;
    std::vector<std::string> base_names;  ///< as registered; a base may be removed first
    bdk_uuid uuid{};

    uint64_t serial = 0;     ///< number of its registration; unlike an address, never reused
    bool is_listed = false;  ///< guarded by the list's mutex
    Qos qos;

    std::mutex mutex;  ///< guards what follows; never held while a callback runs
    BdevStatus status = BdevStatus::ready;
    bool examine_waits = false;  ///< for descs that are being closed: see examine_desc_gone()
    bool announcing = false;     ///< its descs are being told of its removal; it stays until that is done
    std::vector<std::string> aliases;
    std::vector<bdk_bdev_desc*> descs;
    Claim claim;
    IoStat gone_stat;                                ///< the sum over channels that are gone
    MeasuredLatencies latencies;                     ///< the same for latencies
    std::shared_ptr<QueueDepthSampler> queue_depth;  ///< nullptr: no one has asked for samples
    BdevIo* reset = nullptr;
    bool thawing = false;  ///< the reset is over: new channels need not wait for it
    std::vector<BdevIo*> queued_resets;
    std::vector<QuiescedRange> quiesced;
    std::vector<QuiescedRange> released;           ///< ranges that channels may still hold I/O for
    std::vector<PendingQuiesce> pending_quiesces;  ///< waiting for ranges that overlap theirs
    std::shared_ptr<WriteGuard> guard;             ///< nullptr: never needed so far; stays once it is made
    bdk_bdev_unregister_cb unregister_cb = nullptr;
    void* unregister_ctx = nullptr;
    bdk_thread* unregister_thread = nullptr;
    uint64_t removal_call = 0;   ///< the pending call (pending_calls.hpp) for the wait for the descs
    uint64_t destruct_call = 0;  ///< the pending call for the module's destruct

    static Bdev* of(const bdk_bdev* bdev) noexcept { return static_cast<Bdev*>(bdev->internal); }

    /// [any thread] True if I/O of that type may be submitted now.
    bool supports(uint32_t type) const noexcept {
        if (type >= io_type_count || (io_types & BDK_BDEV_IO_TYPE_BIT(type)) == 0) return false;
        return (flags & BDK_BDEV_DYNAMIC_IO_TYPES) == 0 || supports_dynamic(type);
    }

    /// [any thread] Asks the module whether it takes the type now.
    bool supports_natively(uint32_t type) const noexcept {
        if ((module_types & BDK_BDEV_IO_TYPE_BIT(type)) == 0) return false;
        bool dynamic = (flags & BDK_BDEV_DYNAMIC_IO_TYPES) != 0 && fn.io_type_supported != nullptr;
        return !dynamic || fn.io_type_supported(config.ctxt, type);
    }

    /// [any thread] Asks whether the core makes I/Os of that type from others now.
    bool emulates(uint32_t type) const noexcept;

    /// [any thread] The blocks of a compare-and-write that is one step for the device.
    uint32_t acwu() const noexcept;

    /// [any thread] The most blocks that a compare-and-write may have.
    uint32_t max_compare_and_write() const noexcept;

    uint64_t bytes(uint64_t blocks) const noexcept { return blocks * blocklen; }

    bool has_separate_md() const noexcept { return md_len != 0 && (flags & BDK_BDEV_MD_INTERLEAVED) == 0; }

private:
    bool supports_dynamic(uint32_t type) const noexcept;
};

}  // namespace bdk
