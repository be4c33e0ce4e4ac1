// SPDX-License-Identifier: BSD-3-Clause
// The core's view of a registered bdev.
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

/// `bdk_bdev::internal`. The first line is read by every I/O and written by a resize only.
struct alignas(64) Bdev {
    bdk_bdev* pub = nullptr;
    std::atomic<uint64_t> blockcnt{0};
    uint64_t io_types = 0;    ///< bits of the types that may be submitted, emulated ones included
    uint64_t core_types = 0;  ///< bits of the types that the core has a part in before the module, if ever
    uint32_t blocklen = 0;
    uint32_t flags = 0;
    uint32_t block_shift = 0;  ///< log2 of blocklen, or 0 where that is no power of two
    uint32_t md_len = 0;
    uint32_t ctx_size = 0;
    uint32_t dif_check_flags = 0;
    uint64_t module_types = 0;  ///< bits of the types that the module takes, or may take

    bdk_bdev config{};       ///< the module's struct as registered, zero-extended to our size
    bdk_bdev_fn_table fn{};  ///< likewise
    std::string name, product_name, module_name;
    std::vector<std::string> base_names;  ///< as registered: a base may go before what stands on it
    bdk_uuid uuid{};

    uint64_t serial = 0;     ///< of its registration; never used again, as an address may be
    bool is_listed = false;  ///< guarded by the list's mutex
    Qos qos;

    std::mutex mutex;  ///< guards what follows; never held while a callback runs
    BdevStatus status = BdevStatus::ready;
    bool examine_waits = false;  ///< for descs that are being closed, see examine_desc_gone()
    bool announcing = false;     ///< its removal, to the descs: it stays until that has been done
    std::vector<std::string> aliases;
    std::vector<bdk_bdev_desc*> descs;
    Claim claim;
    IoStat gone_stat;                                ///< of channels that are gone
    MeasuredLatencies latencies;                     ///< likewise
    std::shared_ptr<QueueDepthSampler> queue_depth;  ///< nullptr: never asked for
    BdevIo* reset = nullptr;
    bool thawing = false;  ///< the reset is over: new channels need not wait for it
    std::vector<BdevIo*> queued_resets;
    std::vector<QuiescedRange> quiesced;
    std::vector<QuiescedRange> released;           ///< that channels may still hold I/O for
    std::vector<PendingQuiesce> pending_quiesces;  ///< behind ranges that overlap theirs
    std::shared_ptr<WriteGuard> guard;             ///< nullptr: never asked for; stays once it is there
    bdk_bdev_unregister_cb unregister_cb = nullptr;
    void* unregister_ctx = nullptr;
    bdk_thread* unregister_thread = nullptr;
    uint64_t removal_call = 0;   ///< see pending_calls.hpp: the wait for the descs
    uint64_t destruct_call = 0;  ///< likewise, for the module

    static Bdev* of(const bdk_bdev* bdev) noexcept { return static_cast<Bdev*>(bdev->internal); }

    /// [any thread] True if I/O of that type may be submitted now.
    bool supports(uint32_t type) const noexcept {
        if (type >= BDK_BDEV_IO_NUM_TYPES || (io_types & BDK_BDEV_IO_TYPE_BIT(type)) == 0) return false;
        return (flags & BDK_BDEV_DYNAMIC_IO_TYPES) == 0 || supports_dynamic(type);
    }

    /// [any thread] True if the module itself takes the type, asked now.
    bool supports_natively(uint32_t type) const noexcept {
        if ((module_types & BDK_BDEV_IO_TYPE_BIT(type)) == 0) return false;
        bool dynamic = (flags & BDK_BDEV_DYNAMIC_IO_TYPES) != 0 && fn.io_type_supported != nullptr;
        return !dynamic || fn.io_type_supported(config.ctxt, type);
    }

    /// [any thread] True if the core makes I/Os of that type from others, asked now.
    bool emulates(uint32_t type) const noexcept;

    /// [any thread] Blocks of the longest compare-and-write.
    uint32_t acwu() const noexcept;

    uint64_t bytes(uint64_t blocks) const noexcept { return blocks * blocklen; }

    bool has_separate_md() const noexcept { return md_len != 0 && (flags & BDK_BDEV_MD_INTERLEAVED) == 0; }

private:
    bool supports_dynamic(uint32_t type) const noexcept;
};

}  // namespace bdk
