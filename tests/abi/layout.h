/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the ABI has put the fields. Plugins compiled against it rely on these numbers forever: a line may be
 * added here, never changed. Included by layout_c.c and layout_cpp.cpp, so that both languages agree.
 *
 * Every struct of the headers is FROZEN, GROWS_FROM or STRIDED here, and scripts/abi goes by that.
 */
#ifndef BDEVKIT_TESTS_ABI_LAYOUT_H
#define BDEVKIT_TESTS_ABI_LAYOUT_H

#include <assert.h>
#include <bdevkit/bdevkit.h>

#define FIELD(type, name, offset, bytes)                                                  \
    static_assert(offsetof(struct type, name) == (offset), #type "." #name " has moved"); \
    static_assert(sizeof(((struct type*)0)->name) == (bytes), #type "." #name " has another size")

/* Exactly that many bytes for ever: it is passed in arrays without a stride, lies inside other structs, or is
 * the caller's memory. */
#define FROZEN(type, bytes) static_assert(sizeof(struct type) == (bytes), #type " has another size")

/* Says its own size in its first 16 bytes, so that it may grow. */
#define GROWS_FROM(type, bytes)                                                              \
    static_assert(sizeof(struct type) >= (bytes), #type " has shrunk");                      \
    static_assert(offsetof(struct type, size) <= 12, #type " does not begin with its size"); \
    static_assert(sizeof(((struct type*)0)->size) == 4, #type ".size is not a uint32_t")

/* Passed in arrays whose stride is told, so that it may grow: by the field `stride` of the struct `where`, or
 * the parameter `stride` of the function `where`. scripts/abi looks for it. */
#define STRIDED(type, bytes, where, stride) static_assert(sizeof(struct type) >= (bytes), #type " has shrunk")

FROZEN(bdk_bdev_io, 128);
FIELD(bdk_bdev_io, type, 0, 4);
FIELD(bdk_bdev_io, bdev, 8, 8);
FIELD(bdk_bdev_io, driver_ctx, 16, 8);
FIELD(bdk_bdev_io, u, 24, 104);

FROZEN(bdk_bdev_io_block_params, 96);
FIELD(bdk_bdev_io_block_params, iovs, 0, 8);
FIELD(bdk_bdev_io_block_params, iovcnt, 8, 4);
FIELD(bdk_bdev_io_block_params, flags, 12, 4);
FIELD(bdk_bdev_io_block_params, offset_blocks, 16, 8);
FIELD(bdk_bdev_io_block_params, num_blocks, 24, 8);
FIELD(bdk_bdev_io_block_params, md_buf, 32, 8);
FIELD(bdk_bdev_io_block_params, fused_iovs, 40, 8);
FIELD(bdk_bdev_io_block_params, fused_iovcnt, 48, 4);
FIELD(bdk_bdev_io_block_params, dif_check_flags, 52, 4);
FIELD(bdk_bdev_io_block_params, src_offset_blocks, 56, 8);
FIELD(bdk_bdev_io_block_params, seek_offset, 64, 8);

FROZEN(bdk_bdev_io_reset_params, 16);

FROZEN(bdk_bdev_io_abort_params, 8);
FIELD(bdk_bdev_io_abort_params, bio_to_abort, 0, 8);

FROZEN(bdk_bdev_io_nvme_passthru_params, 104);
FIELD(bdk_bdev_io_nvme_passthru_params, cmd, 0, 64);
FIELD(bdk_bdev_io_nvme_passthru_params, buf, 64, 8);
FIELD(bdk_bdev_io_nvme_passthru_params, iovs, 72, 8);
FIELD(bdk_bdev_io_nvme_passthru_params, nbytes, 80, 8);
FIELD(bdk_bdev_io_nvme_passthru_params, md_buf, 88, 8);
FIELD(bdk_bdev_io_nvme_passthru_params, md_nbytes, 96, 4);
FIELD(bdk_bdev_io_nvme_passthru_params, iovcnt, 100, 4);

FROZEN(bdk_bdev_io_zone_mgmt_params, 32);
FIELD(bdk_bdev_io_zone_mgmt_params, zone_id, 0, 8);
FIELD(bdk_bdev_io_zone_mgmt_params, num_zones, 8, 4);
FIELD(bdk_bdev_io_zone_mgmt_params, zone_action, 12, 4);
FIELD(bdk_bdev_io_zone_mgmt_params, buf, 16, 8);
FIELD(bdk_bdev_io_zone_mgmt_params, info_size, 24, 4);
FIELD(bdk_bdev_io_zone_mgmt_params, num_filled, 28, 4);

GROWS_FROM(bdk_bdev_limits, 72);
FIELD(bdk_bdev_limits, size, 0, 4);
FIELD(bdk_bdev_limits, buffer_alignment, 8, 4);
FIELD(bdk_bdev_limits, write_unit_size, 12, 4);
FIELD(bdk_bdev_limits, optimal_io_boundary, 16, 4);
FIELD(bdk_bdev_limits, max_rw_size, 20, 4);
FIELD(bdk_bdev_limits, max_segment_size, 24, 4);
FIELD(bdk_bdev_limits, max_num_segments, 28, 4);
FIELD(bdk_bdev_limits, max_unmap, 32, 4);
FIELD(bdk_bdev_limits, max_write_zeroes, 36, 4);
FIELD(bdk_bdev_limits, max_copy, 40, 4);
FIELD(bdk_bdev_limits, acwu, 44, 4);
FIELD(bdk_bdev_limits, max_zone_append_size, 48, 4);
FIELD(bdk_bdev_limits, max_open_zones, 52, 4);
FIELD(bdk_bdev_limits, max_active_zones, 56, 4);
FIELD(bdk_bdev_limits, optimal_open_zones, 60, 4);
FIELD(bdk_bdev_limits, zone_size, 64, 8);

GROWS_FROM(bdk_plugin, 32);
FIELD(bdk_plugin, abi_major, 0, 4);
FIELD(bdk_plugin, abi_minor, 4, 4);
FIELD(bdk_plugin, abi_draft, 8, 4);
FIELD(bdk_plugin, size, 12, 4);
FIELD(bdk_plugin, modules, 16, 8);
FIELD(bdk_plugin, module_count, 24, 4);

GROWS_FROM(bdk_module, 184);
FIELD(bdk_module, size, 0, 4);
FIELD(bdk_module, flags, 4, 4);
FIELD(bdk_module, name, 8, 8);
FIELD(bdk_module, version, 16, 8);
FIELD(bdk_module, description, 24, 8);
FIELD(bdk_module, author, 32, 8);
FIELD(bdk_module, license, 40, 8);
FIELD(bdk_module, options, 48, 8);
FIELD(bdk_module, option_count, 56, 4);
FIELD(bdk_module, option_size, 60, 4);
FIELD(bdk_module, options_struct_size, 64, 4);
FIELD(bdk_module, init, 72, 8);
FIELD(bdk_module, fini, 80, 8);
FIELD(bdk_module, get_ctx_size, 88, 8);
FIELD(bdk_module, create, 96, 8);
FIELD(bdk_module, remove, 104, 8);
FIELD(bdk_module, examine_config, 112, 8);
FIELD(bdk_module, examine_disk, 120, 8);
FIELD(bdk_module, config_json, 128, 8);
FIELD(bdk_module, reconfigure, 136, 8);
FIELD(bdk_module, methods, 144, 8);
FIELD(bdk_module, method_count, 152, 4);
FIELD(bdk_module, method_size, 156, 4);
FIELD(bdk_module, part_suffix, 160, 8);
FIELD(bdk_module, fini_start, 168, 8);
FIELD(bdk_module, get_extension, 176, 8);

STRIDED(bdk_method, 56, bdk_module, method_size);
FIELD(bdk_method, name, 0, 8);
FIELD(bdk_method, help, 8, 8);
FIELD(bdk_method, params, 16, 8);
FIELD(bdk_method, param_count, 24, 4);
FIELD(bdk_method, params_struct_size, 28, 4);
FIELD(bdk_method, call, 32, 8);

STRIDED(bdk_option, 80, bdk_module, option_size);
FIELD(bdk_option, name, 0, 8);
FIELD(bdk_option, help, 8, 8);
FIELD(bdk_option, type, 16, 4);
FIELD(bdk_option, flags, 20, 4);
FIELD(bdk_option, offset, 24, 8);
FIELD(bdk_option, default_value, 32, 8);
FIELD(bdk_option, min, 40, 8);
FIELD(bdk_option, max, 48, 8);
FIELD(bdk_option, enum_values, 56, 8);

FROZEN(bdk_option_list, 16);

FROZEN(bdk_uuid, 16);

GROWS_FROM(bdk_bdev_fn_table, 88);
FIELD(bdk_bdev_fn_table, size, 0, 4);
FIELD(bdk_bdev_fn_table, destruct, 8, 8);
FIELD(bdk_bdev_fn_table, submit_request, 16, 8);
FIELD(bdk_bdev_fn_table, io_type_supported, 24, 8);
FIELD(bdk_bdev_fn_table, get_io_channel, 32, 8);
FIELD(bdk_bdev_fn_table, dump_info_json, 40, 8);
FIELD(bdk_bdev_fn_table, write_config_json, 48, 8);
FIELD(bdk_bdev_fn_table, resize, 56, 8);
FIELD(bdk_bdev_fn_table, dump_device_stat_json, 64, 8);
FIELD(bdk_bdev_fn_table, reset_device_stat, 72, 8);
FIELD(bdk_bdev_fn_table, get_spin_time, 80, 8);

GROWS_FROM(bdk_bdev, 200);
FIELD(bdk_bdev, size, 0, 4);
FIELD(bdk_bdev, flags, 4, 4);
FIELD(bdk_bdev, ctxt, 8, 8);
FIELD(bdk_bdev, name, 16, 8);
FIELD(bdk_bdev, product_name, 24, 8);
FIELD(bdk_bdev, aliases, 32, 8);
FIELD(bdk_bdev, module, 40, 8);
FIELD(bdk_bdev, fn_table, 48, 8);
FIELD(bdk_bdev, blockcnt, 56, 8);
FIELD(bdk_bdev, blocklen, 64, 4);
FIELD(bdk_bdev, phys_blocklen, 68, 4);
FIELD(bdk_bdev, io_type_supported, 72, 8);
FIELD(bdk_bdev, uuid, 80, 16);
FIELD(bdk_bdev, required_alignment, 96, 4);
FIELD(bdk_bdev, write_unit_size, 100, 4);
FIELD(bdk_bdev, optimal_io_boundary, 104, 4);
FIELD(bdk_bdev, max_rw_size, 108, 4);
FIELD(bdk_bdev, max_segment_size, 112, 4);
FIELD(bdk_bdev, max_num_segments, 116, 4);
FIELD(bdk_bdev, max_unmap, 120, 4);
FIELD(bdk_bdev, max_write_zeroes, 124, 4);
FIELD(bdk_bdev, max_copy, 128, 4);
FIELD(bdk_bdev, acwu, 132, 4);
FIELD(bdk_bdev, md_len, 136, 4);
FIELD(bdk_bdev, dif_type, 140, 4);
FIELD(bdk_bdev, dif_pi_format, 144, 4);
FIELD(bdk_bdev, dif_check_flags, 148, 4);
FIELD(bdk_bdev, max_zone_append_size, 152, 4);
FIELD(bdk_bdev, zone_size, 160, 8);
FIELD(bdk_bdev, max_open_zones, 168, 4);
FIELD(bdk_bdev, max_active_zones, 172, 4);
FIELD(bdk_bdev, optimal_open_zones, 176, 4);
FIELD(bdk_bdev, numa_id, 180, 4);
FIELD(bdk_bdev, bases, 184, 8);
FIELD(bdk_bdev, internal, 192, 8);

GROWS_FROM(bdk_bdev_io_forward_opts, 24);

GROWS_FROM(bdk_dif_ctx, 48);
FIELD(bdk_dif_ctx, size, 0, 4);
FIELD(bdk_dif_ctx, block_size, 4, 4);
FIELD(bdk_dif_ctx, md_size, 8, 4);
FIELD(bdk_dif_ctx, flags, 12, 4);
FIELD(bdk_dif_ctx, dif_type, 16, 4);
FIELD(bdk_dif_ctx, pi_format, 20, 4);
FIELD(bdk_dif_ctx, check_flags, 24, 4);
FIELD(bdk_dif_ctx, app_tag, 28, 2);
FIELD(bdk_dif_ctx, app_tag_mask, 30, 2);
FIELD(bdk_dif_ctx, ref_tag, 32, 8);
FIELD(bdk_dif_ctx, guard_seed, 40, 8);

GROWS_FROM(bdk_dif_error, 32);
FIELD(bdk_dif_error, size, 0, 4);
FIELD(bdk_dif_error, check, 4, 4);
FIELD(bdk_dif_error, block, 8, 8);
FIELD(bdk_dif_error, expected, 16, 8);
FIELD(bdk_dif_error, actual, 24, 8);

GROWS_FROM(bdk_bdev_io_opts, 24);

GROWS_FROM(bdk_bdev_claim_opts, 48);

FROZEN(bdk_bdev_io_wait_entry, 40);

FROZEN(bdk_iobuf_entry, 40);

FROZEN(bdk_spinlock, 64);

GROWS_FROM(bdk_bdev_io_stat, 392);
FIELD(bdk_bdev_io_stat, num_read_ops, 16, 8);
FIELD(bdk_bdev_io_stat, num_errors, 120, 8);
FIELD(bdk_bdev_io_stat, ticks_rate, 128, 8);
FIELD(bdk_bdev_io_stat, min_read_latency_ticks, 136, 8);
FIELD(bdk_bdev_io_stat, num_write_zeroes_ops, 208, 8);
FIELD(bdk_bdev_io_stat, max_flush_latency_ticks, 256, 8);
FIELD(bdk_bdev_io_stat, num_errors_by_status, 264, 128);
FIELD(bdk_bdev_io_stat, spin_ns, 392, 8);

STRIDED(bdk_bdev_media_event, 16, bdk_bdev_get_media_events, event_size);

GROWS_FROM(bdk_bdev_qd_stat, 48);

GROWS_FROM(bdk_bdev_qos_limits, 40);
FIELD(bdk_bdev_qos_limits, write_bytes_per_second, 32, 8);

STRIDED(bdk_bdev_zone_info, 32, bdk_bdev_get_zone_info, info_size);

GROWS_FROM(bdk_host_info, 16);

GROWS_FROM(bdk_thread_stats, 32);

GROWS_FROM(bdk_poller_stats, 24);

FROZEN(bdk_trace_header, 128);
FIELD(bdk_trace_header, magic, 0, 8);
FIELD(bdk_trace_header, version, 8, 4);
FIELD(bdk_trace_header, header_size, 12, 4);
FIELD(bdk_trace_header, record_size, 16, 4);
FIELD(bdk_trace_header, block_size, 20, 4);
FIELD(bdk_trace_header, num_blocks, 24, 8);
FIELD(bdk_trace_header, start_time, 32, 8);
FIELD(bdk_trace_header, bdev, 40, 88);

FROZEN(bdk_trace_record, 32);
FIELD(bdk_trace_record, submit_ns, 0, 8);
FIELD(bdk_trace_record, latency_ns, 8, 8);
FIELD(bdk_trace_record, offset_blocks, 16, 8);
FIELD(bdk_trace_record, num_blocks, 24, 4);
FIELD(bdk_trace_record, type, 28, 1);
FIELD(bdk_trace_record, status, 29, 1);
FIELD(bdk_trace_record, flags, 30, 1);
FIELD(bdk_trace_record, thread, 31, 1);

#endif
