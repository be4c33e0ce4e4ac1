// SPDX-License-Identifier: BSD-3-Clause
// Queries about a bdev.
#include <bdevkit/json.h>
#include <bdevkit/queue_depth.h>

#include <algorithm>
#include <cerrno>

#include "bdev/model/bdev.hpp"
#include "bdev/model/bdev_list.hpp"
#include "bdev/model/claim.hpp"
#include "bdev/model/desc.hpp"
#include "bdev/model/status.hpp"
#include "thread/place.hpp"
#include "thread/thread.hpp"

using bdk::Bdev;

const char* bdk_bdev_get_name(const bdk_bdev* bdev) {
    return Bdev::of(bdev)->name.c_str();
}

const char* bdk_bdev_get_product_name(const bdk_bdev* bdev) {
    return Bdev::of(bdev)->product_name.c_str();
}

const char* bdk_bdev_get_module_name(const bdk_bdev* bdev) {
    return Bdev::of(bdev)->module_name.c_str();
}

int bdk_bdev_get_alias(const bdk_bdev* pub, uint32_t n, char* buf, size_t size) {
    Bdev* bdev = Bdev::of(pub);
    std::scoped_lock lock(bdev->mutex);
    if (n >= bdev->aliases.size()) return -ENOENT;
    const std::string& alias = bdev->aliases[n];
    if (size != 0) {
        const size_t length = std::min(size - 1, alias.size());
        std::copy_n(alias.data(), length, buf);
        buf[length] = '\0';
    }
    return static_cast<int>(alias.size());
}

void bdk_bdev_get_uuid(const bdk_bdev* bdev, bdk_uuid* uuid) {
    *uuid = Bdev::of(bdev)->uuid;
}

uint32_t bdk_bdev_get_block_size(const bdk_bdev* bdev) {
    return Bdev::of(bdev)->blocklen;
}

uint32_t bdk_bdev_get_physical_block_size(const bdk_bdev* bdev) {
    uint32_t phys = Bdev::of(bdev)->config.phys_blocklen;
    return phys != 0 ? phys : Bdev::of(bdev)->blocklen;
}

uint64_t bdk_bdev_get_num_blocks(const bdk_bdev* bdev) {
    return Bdev::of(bdev)->blockcnt.load(std::memory_order_relaxed);
}

uint32_t bdk_bdev_get_data_block_size(const bdk_bdev* bdev) {
    return Bdev::of(bdev)->blocklen - (bdk_bdev_is_md_interleaved(bdev) ? Bdev::of(bdev)->md_len : 0);
}

uint32_t bdk_bdev_get_md_size(const bdk_bdev* bdev) {
    return Bdev::of(bdev)->md_len;
}

bool bdk_bdev_is_md_interleaved(const bdk_bdev* bdev) {
    return Bdev::of(bdev)->md_len != 0 && (Bdev::of(bdev)->flags & BDK_BDEV_MD_INTERLEAVED) != 0;
}

uint32_t bdk_bdev_get_dif_type(const bdk_bdev* bdev) {
    return Bdev::of(bdev)->config.dif_type;
}

uint32_t bdk_bdev_get_dif_pi_format(const bdk_bdev* bdev) {
    return Bdev::of(bdev)->config.dif_pi_format;
}

bool bdk_bdev_is_dif_head_of_md(const bdk_bdev* bdev) {
    return bdk_bdev_get_dif_type(bdev) != 0 && (Bdev::of(bdev)->flags & BDK_BDEV_DIF_HEAD_OF_MD) != 0;
}

uint32_t bdk_bdev_get_dif_check_flags(const bdk_bdev* bdev) {
    return Bdev::of(bdev)->config.dif_check_flags;
}

size_t bdk_bdev_get_buf_align(const bdk_bdev* bdev) {
    return size_t{1} << Bdev::of(bdev)->config.required_alignment;
}

uint32_t bdk_bdev_get_write_unit_size(const bdk_bdev* bdev) {
    return std::max(1u, Bdev::of(bdev)->config.write_unit_size);
}

uint32_t bdk_bdev_get_optimal_io_boundary(const bdk_bdev* bdev) {
    return Bdev::of(bdev)->config.optimal_io_boundary;
}

uint32_t bdk_bdev_get_acwu(const bdk_bdev* bdev) {
    return Bdev::of(bdev)->acwu();
}

uint32_t bdk_bdev_get_max_compare_and_write(const bdk_bdev* bdev) {
    return Bdev::of(bdev)->max_compare_and_write();
}

bool bdk_bdev_has_write_cache(const bdk_bdev* bdev) {
    return (Bdev::of(bdev)->flags & BDK_BDEV_WRITE_CACHE) != 0;
}

bool bdk_bdev_is_zoned(const bdk_bdev* bdev) {
    return (Bdev::of(bdev)->flags & BDK_BDEV_ZONED) != 0;
}

uint64_t bdk_bdev_get_zone_size(const bdk_bdev* bdev) {
    return Bdev::of(bdev)->config.zone_size;
}

bool bdk_bdev_io_type_supported(const bdk_bdev* bdev, uint32_t type) {
    return Bdev::of(bdev)->supports(type);
}

bool bdk_bdev_io_type_native(const bdk_bdev* bdev, uint32_t type) {
    return type < bdk::io_type_count && Bdev::of(bdev)->supports_natively(type);
}

namespace {

void dump_types(const Bdev* bdev, bdk_json_writer* w) {
    bdk_json_array_begin(w, "supported_io_types");
    for (uint32_t type = 1; type < bdk::io_type_count; type++)
        if (bdev->supports(type)) bdk_json_string(w, nullptr, bdk_bdev_io_type_name(type));
    bdk_json_array_end(w);
}

void dump_metadata(const bdk_bdev* bdev, bdk_json_writer* w) {
    bdk_json_u64(w, "md_size", bdk_bdev_get_md_size(bdev));
    if (bdk_bdev_get_md_size(bdev) == 0) return;
    bdk_json_bool(w, "md_interleave", bdk_bdev_is_md_interleaved(bdev));
    bdk_json_u64(w, "dif_type", bdk_bdev_get_dif_type(bdev));
    if (bdk_bdev_get_dif_type(bdev) == 0) return;
    bdk_json_bool(w, "dif_is_head_of_md", bdk_bdev_is_dif_head_of_md(bdev));
    bdk_json_u64(w, "dif_pi_format", bdk_bdev_get_dif_pi_format(bdev));
    const uint32_t checks = bdk_bdev_get_dif_check_flags(bdev);
    bdk_json_object_begin(w, "enabled_dif_check_types");
    bdk_json_bool(w, "guard", (checks & BDK_DIF_CHECK_GUARD) != 0);
    bdk_json_bool(w, "apptag", (checks & BDK_DIF_CHECK_APPTAG) != 0);
    bdk_json_bool(w, "reftag", (checks & BDK_DIF_CHECK_REFTAG) != 0);
    bdk_json_object_end(w);
}

void dump_open_state(Bdev* bdev, bdk_json_writer* w) {
    std::scoped_lock lock(bdev->mutex);
    bdk_json_array_begin(w, "aliases");
    for (const std::string& alias : bdev->aliases)
        bdk_json_string(w, nullptr, alias.c_str());
    bdk_json_array_end(w);
    uint64_t writers = std::count_if(bdev->descs.begin(), bdev->descs.end(),
                                     [](const bdk_bdev_desc* desc) { return desc->write.load(); });
    bdk_json_u64(w, "open_descs", bdev->descs.size());
    bdk_json_u64(w, "open_for_writing", writers);
    bdk_json_bool(w, "claimed", bdev->claim.type != BDK_BDEV_CLAIM_NONE);
    if (bdev->claim.type == BDK_BDEV_CLAIM_NONE) return;
    bdk_json_string(w, "claim_type", bdk::claim_type_name(bdev->claim.type));
    bdk_json_array_begin(w, "claimed_by");
    for (const auto& holder : bdev->claim.holders)
        bdk_json_string(w, nullptr, holder.name.c_str());
    bdk_json_array_end(w);
}

/// Writes the rate limits and the sampling, if they are on.
void dump_observation(Bdev* bdev, bdk_json_writer* w) {
    if (bdev->qos.is_limited()) {
        bdk_bdev_qos_limits limits = bdev->qos.limits();
        bdk_json_object_begin(w, "qos");
        bdk_json_u64(w, "rw_iops", limits.rw_iops);
        bdk_json_u64(w, "rw_bytes_per_second", limits.rw_bytes_per_second);
        bdk_json_u64(w, "read_bytes_per_second", limits.read_bytes_per_second);
        bdk_json_u64(w, "write_bytes_per_second", limits.write_bytes_per_second);
        bdk_json_object_end(w);
    }
    bdk_bdev_qd_stat queue_depth{};
    queue_depth.size = sizeof(queue_depth);
    bdk_bdev_get_qd_stat(bdev->pub, &queue_depth);
    if (queue_depth.period_us != 0) {
        bdk_json_object_begin(w, "queue_depth");
        bdk_json_u64(w, "sampling_period_us", queue_depth.period_us);
        bdk_json_u64(w, "current", queue_depth.queue_depth);
        bdk_json_u64(w, "io_time_us", queue_depth.io_time_us);
        bdk_json_u64(w, "weighted_io_time_us", queue_depth.weighted_io_time_us);
        bdk_json_object_end(w);
    }
}

/// Writes the module's own description of the bdev, if it has one.
void dump_by_module(Bdev* bdev, bdk_json_writer* w, const char* name, void (*dump)(void*, bdk_json_writer*)) {
    if (dump == nullptr) return;
    bdk_json_object_begin(w, name);
    dump(bdev->config.ctxt, w);
    bdk_json_object_end(w);
}

/// Writes the settings of the whole module, if it has any.
void dump_module_config(const Bdev* bdev, bdk_json_writer* w) {
    const bdk_module* module = bdev->config.module;
    if (module == nullptr || !BDK_HAS_FIELD(module, bdk_module, config_json) ||
        module->config_json == nullptr)
        return;
    bdk_json_object_begin(w, "module_config");
    module->config_json(module, w);
    bdk_json_object_end(w);
}

}  // namespace

void bdk_bdev_dump_info_json(bdk_bdev* pub, bdk_json_writer* w) {
    if (!bdk::on_app_thread(BDK_ABI_CALL, {"bdev", bdk_bdev_get_name(pub)})) return;
    Bdev* bdev = Bdev::of(pub);
    bdk_json_string(w, "name", bdev->name.c_str());
    bdk_json_string(w, "module", bdev->module_name.c_str());
    bdk_json_string(w, "product_name", bdev->product_name.c_str());
    bdk_json_string(w, "uuid", bdk::uuid_text(bdev->uuid).c_str());
    bdk_json_u64(w, "block_size", bdev->blocklen);
    bdk_json_u64(w, "num_blocks", bdk_bdev_get_num_blocks(pub));
    dump_metadata(pub, w);
    bdk_json_bool(w, "zoned", bdk_bdev_is_zoned(pub));
    bdk_json_bool(w, "write_cache", bdk_bdev_has_write_cache(pub));
    dump_types(bdev, w);
    dump_open_state(bdev, w);
    dump_observation(bdev, w);
    dump_by_module(bdev, w, "config", bdev->fn.write_config_json);
    dump_module_config(bdev, w);
    dump_by_module(bdev, w, "driver_specific", bdev->fn.dump_info_json);
}
