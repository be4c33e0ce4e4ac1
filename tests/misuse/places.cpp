// SPDX-License-Identifier: BSD-3-Clause
#include "misuse/places.hpp"

#include <array>
#include <cerrno>
#include <cstddef>

namespace bdk::test {
namespace {

/// The end of a call that says nothing by its result.
bool touch(Things&) {
    return true;
}

/* ---- arguments ---- */

template <typename T>
T& scratch() {
    static T object{};
    return object;
}

/// A struct that says its size.
template <typename T>
T& sized() {
    scratch<T>() = {};
    scratch<T>().size = sizeof(T);
    return scratch<T>();
}

std::byte* buffer() {
    static std::array<std::byte, 4096> bytes{};
    return bytes.data();
}

iovec& iov() {
    static iovec one{};
    one = {buffer(), 512};
    return one;
}

const void* nvme_command() {
    return buffer();
}

bdk_bdev_media_event& media_event() {
    static bdk_bdev_media_event event{0, 1};
    return event;
}

bdk_dif_error& dif_error() {
    auto& error = sized<bdk_dif_error>();
    error.check = BDK_DIF_CHECK_GUARD;
    return error;
}

bdk_dif_ctx& no_dif() {
    auto& ctx = sized<bdk_dif_ctx>();
    ctx.block_size = 512;
    return ctx;
}

bdk_bdev_desc*& opened() {
    return scratch<bdk_bdev_desc*>();
}

void count_effect(void* things) {
    static_cast<Things*>(things)->effects++;
}

bdk_bdev_io_wait_entry& wait_entry(Things& t) {
    static bdk_bdev_io_wait_entry entry{};
    entry = {t.bdev, count_effect, &t, {}};
    return entry;
}

/* ---- callbacks: none of them may say anything but -EINVAL ---- */

void count_unless_refused(int rc, void* things) {
    if (rc != -EINVAL) count_effect(things);
}

int visit_bdev(bdk_bdev*, void* things) {
    count_effect(things);
    return 0;
}
int on_poll(void* things) {
    count_effect(things);
    return BDK_POLLER_IDLE;
}
int on_ready(uint32_t, void* things) {
    return on_poll(things);
}
void on_nothing(void* things) {
    count_effect(things);
}
void on_device_gone(void*) {}
void on_end(int rc, void* things) {
    count_unless_refused(rc, things);
}
void on_io(bdk_bdev_io*, bool, void* things) {
    count_effect(things);
}
void on_stat(bdk_bdev*, bdk_bdev_io_stat*, int rc, void* things) {
    count_unless_refused(rc, things);
}
void on_stat_reset(bdk_bdev*, int rc, void* things) {
    count_unless_refused(rc, things);
}
void on_histogram(const bdk_histogram*, int rc, void* things) {
    count_unless_refused(rc, things);
}
void on_open(bdk_bdev_desc*, int, void* things) {
    count_effect(things);
}
void on_event(uint32_t, bdk_bdev*, void* things) {
    count_effect(things);
}
void on_timeout(bdk_bdev_io*, void* things) {
    count_effect(things);
}
void on_notify(uint32_t, bdk_bdev*, void* things) {
    count_effect(things);
}
void on_buf(bdk_io_channel*, bdk_bdev_io*, bool) {}
void on_visit(bdk_io_channel_iter* iter) {
    count_effect(bdk_io_channel_iter_get_ctx(iter));
    bdk_for_each_channel_continue(iter, 0);
}
void on_walked(bdk_io_channel_iter*, int) {}
void do_nothing(void*) {}
void exit_thread(void*) {
    bdk_thread_exit();
}

/* ---- functions that need more than one call ---- */

bool with_ring(Things&) {
    bdk_ring* ring = bdk_ring_create("places", 8);
    void* object = buffer();
    bdk_ring_enqueue(ring, &object, 1);
    const bool one = bdk_ring_count(ring) == 1 && bdk_ring_dequeue(ring, &object, 1) == 1;
    bdk_ring_free(ring);
    return one;
}

bool with_mempool(Things&) {
    bdk_mempool* pool = bdk_mempool_create("places", 4, 64, 0);
    void* element = bdk_mempool_get(pool);
    bdk_mempool_put(pool, element);
    bdk_mempool_free(pool);
    return element != nullptr;
}

bool with_lock(Things&) {
    bdk_spinlock lock{};
    bdk_spin_init(&lock);
    const bool held = bdk_spin_held(&lock);
    bdk_spin_destroy(&lock);
    return !held;
}

/// A misplaced lock is reported and still taken, so that its data stay guarded.
bool lock_once(Things&) {
    static bdk_spinlock lock{};
    bdk_spin_init(&lock);
    bdk_spin_lock(&lock);
    return bdk_spin_held(&lock);
}

bool unlock_free_one(Things&) {
    bdk_spinlock lock{};
    bdk_spin_init(&lock);
    bdk_spin_unlock(&lock);
    return true;
}

}  // namespace

const std::vector<AbiFunction>& abi_functions() {
    static const std::vector<AbiFunction> functions = {
    {"bdk_bdev_get_by_name", Place::app, [](Things&) { return bdk_bdev_get_by_name("disk") == nullptr; }},
    {"bdk_for_each_bdev", Place::app, [](Things& t) { return bdk_for_each_bdev(visit_bdev, &t) == -EINVAL; }},
    {"bdk_for_each_bdev_leaf", Place::app, [](Things& t) { return bdk_for_each_bdev_leaf(visit_bdev, &t) == -EINVAL; }},
    {"bdk_bdev_get_name", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_get_name(t.bdev)); return touch(t); }},
    {"bdk_bdev_get_product_name", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_get_product_name(t.bdev)); return touch(t); }},
    {"bdk_bdev_get_module_name", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_get_module_name(t.bdev)); return touch(t); }},
    {"bdk_bdev_get_block_size", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_get_block_size(t.bdev)); return touch(t); }},
    {"bdk_bdev_get_physical_block_size", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_get_physical_block_size(t.bdev)); return touch(t); }},
    {"bdk_bdev_get_num_blocks", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_get_num_blocks(t.bdev)); return touch(t); }},
    {"bdk_bdev_get_data_block_size", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_get_data_block_size(t.bdev)); return touch(t); }},
    {"bdk_bdev_get_md_size", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_get_md_size(t.bdev)); return touch(t); }},
    {"bdk_bdev_get_dif_type", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_get_dif_type(t.bdev)); return touch(t); }},
    {"bdk_bdev_get_dif_pi_format", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_get_dif_pi_format(t.bdev)); return touch(t); }},
    {"bdk_bdev_get_dif_check_flags", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_get_dif_check_flags(t.bdev)); return touch(t); }},
    {"bdk_bdev_get_buf_align", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_get_buf_align(t.bdev)); return touch(t); }},
    {"bdk_bdev_get_write_unit_size", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_get_write_unit_size(t.bdev)); return touch(t); }},
    {"bdk_bdev_get_optimal_io_boundary", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_get_optimal_io_boundary(t.bdev)); return touch(t); }},
    {"bdk_bdev_get_acwu", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_get_acwu(t.bdev)); return touch(t); }},
    {"bdk_bdev_get_numa_node", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_get_numa_node(t.bdev)); return touch(t); }},
    {"bdk_bdev_get_limits", Place::any, [](Things& t) { bdk_bdev_get_limits(t.bdev, &sized<bdk_bdev_limits>()); return touch(t); }},
    {"bdk_bdev_get_base", Place::app, [](Things& t) { return bdk_bdev_get_base(t.bdev, 0) == nullptr; }},
    {"bdk_bdev_resize_done", Place::app, [](Things& t) { bdk_bdev_resize_done(t.bdev, 0); return touch(t); }},
    {"bdk_bdev_inherit", Place::app, [](Things& t) { bdk_bdev_inherit(t.bdev, t.unregistered); return touch(t); }},
    {"bdk_bdev_get_max_compare_and_write", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_get_max_compare_and_write(t.bdev)); return touch(t); }},
    {"bdk_bdev_get_zone_size", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_get_zone_size(t.bdev)); return touch(t); }},
    {"bdk_bdev_is_md_interleaved", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_is_md_interleaved(t.bdev)); return touch(t); }},
    {"bdk_bdev_is_dif_head_of_md", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_is_dif_head_of_md(t.bdev)); return touch(t); }},
    {"bdk_bdev_has_write_cache", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_has_write_cache(t.bdev)); return touch(t); }},
    {"bdk_bdev_is_zoned", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_is_zoned(t.bdev)); return touch(t); }},
    {"bdk_bdev_get_alias", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_get_alias(t.bdev, 0, nullptr, 0)); return touch(t); }},
    {"bdk_bdev_get_uuid", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_get_uuid(t.bdev, &scratch<bdk_uuid>())); return touch(t); }},
    {"bdk_bdev_io_type_supported", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_io_type_supported(t.bdev, BDK_BDEV_IO_TYPE_READ)); return touch(t); }},
    {"bdk_bdev_io_type_native", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_io_type_native(t.bdev, BDK_BDEV_IO_TYPE_READ)); return touch(t); }},
    {"bdk_bdev_get_device_stat", Place::bdk, [](Things& t) { bdk_bdev_get_device_stat(t.bdev, &sized<bdk_bdev_io_stat>(), on_stat, &t); return touch(t); }},
    {"bdk_bdev_get_io_stat", Place::owner, [](Things& t) { return bdk_bdev_get_io_stat(t.ch, &sized<bdk_bdev_io_stat>()) == -EINVAL; }},
    {"bdk_bdev_reset_device_stat", Place::bdk, [](Things& t) { bdk_bdev_reset_device_stat(t.bdev, BDK_BDEV_RESET_STAT_ALL, on_stat_reset, &t); return touch(t); }},
    {"bdk_bdev_take_device_stat", Place::bdk,
     [](Things& t) {
         bdk_bdev_take_device_stat(t.bdev, &sized<bdk_bdev_io_stat>(), BDK_BDEV_RESET_STAT_ALL, on_stat, &t);
         return touch(t);
     }},
    {"bdk_bdev_io_stat_dump_json", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_io_stat_dump_json(&sized<bdk_bdev_io_stat>(), t.json)); return touch(t); }},
    {"bdk_bdev_dump_info_json", Place::app, [](Things& t) { bdk_bdev_dump_info_json(t.bdev, t.json); return touch(t); }},
    {"bdk_bdev_io_type_name", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_io_type_name(BDK_BDEV_IO_TYPE_READ)); return touch(t); }},
    {"bdk_bdev_io_type_from_name", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_io_type_from_name("read")); return touch(t); }},
    {"bdk_bdev_io_complete", Place::completes, [](Things& t) { bdk_bdev_io_complete(t.fresh, BDK_BDEV_IO_STATUS_SUCCESS); return touch(t); }},
    {"bdk_bdev_io_complete_nvme_status", Place::completes, [](Things& t) { bdk_bdev_io_complete_nvme_status(t.fresh, 0, 0, 0); return touch(t); }},
    {"bdk_bdev_io_complete_scsi_status", Place::completes, [](Things& t) { bdk_bdev_io_complete_scsi_status(t.fresh, 0, 0, 0, 0); return touch(t); }},
    {"bdk_bdev_io_complete_aio_status", Place::completes, [](Things& t) { bdk_bdev_io_complete_aio_status(t.fresh, 0); return touch(t); }},
    {"bdk_bdev_io_complete_remote", Place::any, nullptr},
    {"bdk_bdev_io_complete_base_io_status", Place::completes, [](Things& t) { bdk_bdev_io_complete_base_io_status(t.fresh, t.done); return touch(t); }},
    {"bdk_bdev_io_complete_dif_error", Place::completes, [](Things& t) { bdk_bdev_io_complete_dif_error(t.fresh, &dif_error()); return touch(t); }},
    {"bdk_bdev_io_forward", Place::submitter, [](Things& t) { bdk_bdev_io_forward(t.held, t.desc, t.ch); return touch(t); }},
    {"bdk_bdev_io_forward_ext", Place::submitter, [](Things& t) { bdk_bdev_io_forward_ext(t.held, t.desc, t.ch, nullptr); return touch(t); }},
    {"bdk_bdev_io_get_buf", Place::submitter, [](Things& t) { bdk_bdev_io_get_buf(t.held, on_buf, 512); return touch(t); }},
    {"bdk_bdev_io_set_buf", Place::submitter, [](Things& t) { bdk_bdev_io_set_buf(t.held, t.iobuf_buffer, 512); return touch(t); }},
    {"bdk_bdev_io_set_seek_offset", Place::submitter, [](Things& t) { bdk_bdev_io_set_seek_offset(t.held, 7); return touch(t); }},
    {"bdk_bdev_io_set_append_location", Place::submitter, [](Things& t) { bdk_bdev_io_set_append_location(t.held, 7); return touch(t); }},
    {"bdk_bdev_io_get_io_channel", Place::submitter, [](Things& t) { return bdk_bdev_io_get_io_channel(t.held) == nullptr; }},
    {"bdk_bdev_io_from_ctx", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_io_from_ctx(t.held->driver_ctx)); return touch(t); }},
    {"bdk_bdev_io_get_thread", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_io_get_thread(t.held)); return touch(t); }},
    {"bdk_bdev_io_get_submit_ticks", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_io_get_submit_ticks(t.held)); return touch(t); }},
    {"bdk_bdev_io_get_status", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_io_get_status(t.done)); return touch(t); }},
    {"bdk_bdev_io_get_aio_status", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_io_get_aio_status(t.done)); return touch(t); }},
    {"bdk_bdev_io_get_seek_offset", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_io_get_seek_offset(t.done)); return touch(t); }},
    {"bdk_bdev_io_get_append_location", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_io_get_append_location(t.done)); return touch(t); }},
    {"bdk_bdev_io_get_num_zones", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_io_get_num_zones(t.done)); return touch(t); }},
    {"bdk_bdev_io_set_zone_info", Place::any, [](Things& t) { bdk_bdev_io_set_zone_info(t.held, 0, &scratch<bdk_bdev_zone_info>(), sizeof(bdk_bdev_zone_info)); return touch(t); }},
    {"bdk_bdev_io_get_nvme_status", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_io_get_nvme_status(t.done, nullptr, nullptr, nullptr)); return touch(t); }},
    {"bdk_bdev_io_get_scsi_status", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_io_get_scsi_status(t.done, nullptr, nullptr, nullptr, nullptr)); return touch(t); }},
    {"bdk_bdev_io_get_iovec", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_io_get_iovec(t.done, nullptr, nullptr)); return touch(t); }},
    {"bdk_bdev_register", Place::app, [](Things& t) { return bdk_bdev_register(t.unregistered) == -EINVAL; }},
    {"bdk_bdev_unregister", Place::bdk, [](Things& t) { bdk_bdev_unregister(t.bdev, on_end, &t); return touch(t); }},
    {"bdk_bdev_unregister_by_name", Place::app, [](Things& t) { return bdk_bdev_unregister_by_name("disk", t.module, on_end, &t) == -EINVAL; }},
    // Only of a bdev that is being destructed: Lifecycle.DestructEndsOnce.
    {"bdk_bdev_destruct_done", Place::any, nullptr},
    {"bdk_bdev_notify_blockcnt_change", Place::app, [](Things& t) { return bdk_bdev_notify_blockcnt_change(t.bdev, 4096) == -EINVAL; }},
    {"bdk_bdev_push_media_events", Place::app, [](Things& t) { return bdk_bdev_push_media_events(t.bdev, &media_event(), 1, sizeof(bdk_bdev_media_event)) == -EINVAL; }},
    {"bdk_bdev_alias_add", Place::app, [](Things& t) { return bdk_bdev_alias_add(t.bdev, "another") == -EINVAL; }},
    {"bdk_bdev_alias_del", Place::app, [](Things& t) { return bdk_bdev_alias_del(t.bdev, "alias") == -EINVAL; }},
    {"bdk_bdev_module_claim_bdev", Place::app, [](Things& t) { return bdk_bdev_module_claim_bdev(t.bdev, t.desc, t.module) == -EINVAL; }},
    {"bdk_bdev_module_release_bdev", Place::app, [](Things& t) { return bdk_bdev_module_release_bdev(t.bdev, t.module) == -EINVAL; }},
    {"bdk_bdev_module_claim_bdev_desc", Place::owner, [](Things& t) { return bdk_bdev_module_claim_bdev_desc(t.desc, BDK_BDEV_CLAIM_READ_MANY_WRITE_ONE, nullptr, t.module) == -EINVAL; }},
    {"bdk_bdev_open", Place::bdk, [](Things& t) { return bdk_bdev_open("disk", 0, on_event, &t, &opened()) == -EINVAL; }},
    {"bdk_bdev_open_async", Place::bdk, [](Things& t) { return bdk_bdev_open_async("disk", 0, on_event, &t, 1, on_open, &t) == -EINVAL; }},
    {"bdk_bdev_close", Place::owner, [](Things& t) { bdk_bdev_close(t.desc); return touch(t); }},
    {"bdk_bdev_get_media_events", Place::owner, [](Things& t) { return bdk_bdev_get_media_events(t.desc, &media_event(), 1, sizeof(bdk_bdev_media_event)) == 0; }},
    {"bdk_bdev_desc_get_bdev", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_desc_get_bdev(t.desc)); return touch(t); }},
    {"bdk_bdev_desc_is_writable", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_desc_is_writable(t.desc)); return touch(t); }},
    {"bdk_bdev_desc_get_block_size", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_desc_get_block_size(t.desc)); return touch(t); }},
    {"bdk_bdev_desc_get_md_size", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_desc_get_md_size(t.desc)); return touch(t); }},
    {"bdk_bdev_desc_is_md_interleaved", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_desc_is_md_interleaved(t.desc)); return touch(t); }},
    {"bdk_bdev_desc_get_dif_type", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_desc_get_dif_type(t.desc)); return touch(t); }},
    {"bdk_bdev_get_io_channel", Place::bdk, [](Things& t) { return bdk_bdev_get_io_channel(t.desc) == nullptr; }},
    {"bdk_bdev_io_channel_get_module_channel", Place::owner, [](Things& t) { return bdk_bdev_io_channel_get_module_channel(t.ch) == nullptr; }},
    {"bdk_bdev_free_io", Place::submitter, [](Things& t) { bdk_bdev_free_io(t.done); return touch(t); }},
    {"bdk_bdev_queue_io_wait", Place::owner, [](Things& t) { return bdk_bdev_queue_io_wait(t.bdev, t.ch, &wait_entry(t)) == -EINVAL; }},
    {"bdk_bdev_read", Place::owner, [](Things& t) { return bdk_bdev_read(t.desc, t.ch, buffer(), 0, 512, nullptr, on_io, &t) == -EINVAL; }},
    {"bdk_bdev_write", Place::owner, [](Things& t) { return bdk_bdev_write(t.desc, t.ch, buffer(), 0, 512, nullptr, on_io, &t) == -EINVAL; }},
    {"bdk_bdev_flush", Place::owner, [](Things& t) { return bdk_bdev_flush(t.desc, t.ch, 0, 512, nullptr, on_io, &t) == -EINVAL; }},
    {"bdk_bdev_unmap", Place::owner, [](Things& t) { return bdk_bdev_unmap(t.desc, t.ch, 0, 512, nullptr, on_io, &t) == -EINVAL; }},
    {"bdk_bdev_write_zeroes", Place::owner, [](Things& t) { return bdk_bdev_write_zeroes(t.desc, t.ch, 0, 512, nullptr, on_io, &t) == -EINVAL; }},
    {"bdk_bdev_read_blocks", Place::owner, [](Things& t) { return bdk_bdev_read_blocks(t.desc, t.ch, buffer(), 0, 1, nullptr, on_io, &t) == -EINVAL; }},
    {"bdk_bdev_write_blocks", Place::owner, [](Things& t) { return bdk_bdev_write_blocks(t.desc, t.ch, buffer(), 0, 1, nullptr, on_io, &t) == -EINVAL; }},
    {"bdk_bdev_readv_blocks", Place::owner, [](Things& t) { return bdk_bdev_readv_blocks(t.desc, t.ch, &iov(), 1, 0, 1, nullptr, on_io, &t) == -EINVAL; }},
    {"bdk_bdev_writev_blocks", Place::owner, [](Things& t) { return bdk_bdev_writev_blocks(t.desc, t.ch, &iov(), 1, 0, 1, nullptr, on_io, &t) == -EINVAL; }},
    {"bdk_bdev_flush_blocks", Place::owner, [](Things& t) { return bdk_bdev_flush_blocks(t.desc, t.ch, 0, 1, nullptr, on_io, &t) == -EINVAL; }},
    {"bdk_bdev_unmap_blocks", Place::owner, [](Things& t) { return bdk_bdev_unmap_blocks(t.desc, t.ch, 0, 1, nullptr, on_io, &t) == -EINVAL; }},
    {"bdk_bdev_write_zeroes_blocks", Place::owner, [](Things& t) { return bdk_bdev_write_zeroes_blocks(t.desc, t.ch, 0, 1, nullptr, on_io, &t) == -EINVAL; }},
    {"bdk_bdev_comparev_blocks", Place::owner, [](Things& t) { return bdk_bdev_comparev_blocks(t.desc, t.ch, &iov(), 1, 0, 1, nullptr, on_io, &t) == -EINVAL; }},
    {"bdk_bdev_comparev_and_writev_blocks", Place::owner, [](Things& t) { return bdk_bdev_comparev_and_writev_blocks(t.desc, t.ch, &iov(), 1, &iov(), 1, 0, 1, nullptr, on_io, &t) == -EINVAL; }},
    {"bdk_bdev_copy_blocks", Place::owner, [](Things& t) { return bdk_bdev_copy_blocks(t.desc, t.ch, 0, 1, 1, nullptr, on_io, &t) == -EINVAL; }},
    {"bdk_bdev_zcopy_start", Place::owner, [](Things& t) { return bdk_bdev_zcopy_start(t.desc, t.ch, 0, 1, true, nullptr, on_io, &t) == -EINVAL; }},
    {"bdk_bdev_seek_data", Place::owner, [](Things& t) { return bdk_bdev_seek_data(t.desc, t.ch, 0, nullptr, on_io, &t) == -EINVAL; }},
    {"bdk_bdev_seek_hole", Place::owner, [](Things& t) { return bdk_bdev_seek_hole(t.desc, t.ch, 0, nullptr, on_io, &t) == -EINVAL; }},
    {"bdk_bdev_reset", Place::owner, [](Things& t) { return bdk_bdev_reset(t.desc, t.ch, nullptr, on_io, &t) == -EINVAL; }},
    {"bdk_bdev_abort", Place::owner, [](Things& t) { return bdk_bdev_abort(t.desc, t.ch, nullptr, nullptr, on_io, &t) == -EINVAL; }},
    {"bdk_bdev_nvme_admin_passthru", Place::owner, [](Things& t) { return bdk_bdev_nvme_admin_passthru(t.desc, t.ch, nvme_command(), buffer(), 512, nullptr, on_io, &t) == -EINVAL; }},
    {"bdk_bdev_nvme_io_passthru", Place::owner, [](Things& t) { return bdk_bdev_nvme_io_passthru(t.desc, t.ch, nvme_command(), buffer(), 512, nullptr, on_io, &t) == -EINVAL; }},
    {"bdk_bdev_nvme_io_passthru_md", Place::owner, [](Things& t) { return bdk_bdev_nvme_io_passthru_md(t.desc, t.ch, nvme_command(), buffer(), 512, nullptr, 0, nullptr, on_io, &t) == -EINVAL; }},
    {"bdk_bdev_nvme_iov_passthru_md", Place::owner, [](Things& t) { return bdk_bdev_nvme_iov_passthru_md(t.desc, t.ch, nvme_command(), &iov(), 1, 512, nullptr, 0, nullptr, on_io, &t) == -EINVAL; }},
    {"bdk_bdev_get_zone_info", Place::owner, [](Things& t) { return bdk_bdev_get_zone_info(t.desc, t.ch, 0, 1, &scratch<bdk_bdev_zone_info>(), sizeof(bdk_bdev_zone_info), nullptr, on_io, &t) == -EINVAL; }},
    {"bdk_bdev_zone_management", Place::owner, [](Things& t) { return bdk_bdev_zone_management(t.desc, t.ch, 0, BDK_BDEV_ZONE_OPEN, nullptr, on_io, &t) == -EINVAL; }},
    {"bdk_bdev_zone_appendv", Place::owner, [](Things& t) { return bdk_bdev_zone_appendv(t.desc, t.ch, &iov(), 1, 0, 1, nullptr, on_io, &t) == -EINVAL; }},
    {"bdk_bdev_zcopy_end", Place::submitter, [](Things& t) { return bdk_bdev_zcopy_end(t.zcopy, false, nullptr, on_io, &t) == -EINVAL; }},
    {"bdk_bdev_set_timeout", Place::owner, [](Things& t) { return bdk_bdev_set_timeout(t.desc, 1, on_timeout, &t) == -EINVAL; }},
    {"bdk_dif_ctx_init", Place::any, [](Things& t) { static_cast<void>(bdk_dif_ctx_init(&sized<bdk_dif_ctx>(), t.bdev, 0, 0)); return touch(t); }},
    {"bdk_dif_generate", Place::any, [](Things& t) { static_cast<void>(bdk_dif_generate(&no_dif(), &iov(), 1, nullptr, 1)); return touch(t); }},
    {"bdk_dif_verify", Place::any, [](Things& t) { static_cast<void>(bdk_dif_verify(&no_dif(), &iov(), 1, nullptr, 1, nullptr)); return touch(t); }},
    {"bdk_dif_generate_copy", Place::any, [](Things& t) { static_cast<void>(bdk_dif_generate_copy(&no_dif(), &iov(), 1, &iov(), 1, nullptr, 0)); return touch(t); }},
    {"bdk_dif_verify_copy", Place::any, [](Things& t) { static_cast<void>(bdk_dif_verify_copy(&no_dif(), &iov(), 1, &iov(), 1, nullptr, 0, nullptr)); return touch(t); }},
    {"bdk_dif_remap_ref_tag", Place::any, [](Things& t) { static_cast<void>(bdk_dif_remap_ref_tag(&no_dif(), &iov(), 1, nullptr, 1, 0, nullptr)); return touch(t); }},
    {"bdk_dif_inject_error", Place::any, [](Things& t) { static_cast<void>(bdk_dif_inject_error(&no_dif(), &iov(), 1, nullptr, 1, 0, BDK_DIF_INJECT_DATA)); return touch(t); }},
    {"bdk_bdev_io_dif_generate", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_io_dif_generate(t.held)); return touch(t); }},
    {"bdk_bdev_io_dif_verify", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_io_dif_verify(t.held, nullptr)); return touch(t); }},
    {"bdk_bdev_io_dif_remap", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_io_dif_remap(t.held, 0, 0, nullptr)); return touch(t); }},
    {"bdk_examine_done", Place::app, [](Things& t) { bdk_examine_done(t.examine, 0); return touch(t); }},
    {"bdk_bdev_wait_for_examine", Place::bdk, [](Things& t) { return bdk_bdev_wait_for_examine(on_nothing, &t) == -EINVAL; }},
    {"bdk_bdev_examine", Place::app, [](Things&) { return bdk_bdev_examine("disk") == -EINVAL; }},
    {"bdk_get_extension", Place::any, [](Things& t) { static_cast<void>(bdk_get_extension(BDK_EXTENSION_HOST_INFO)); return touch(t); }},
    {"bdk_bdev_histogram_enable", Place::bdk, [](Things& t) { bdk_bdev_histogram_enable(t.bdev, true, 0, on_end, &t); return touch(t); }},
    {"bdk_bdev_histogram_get", Place::bdk, [](Things& t) { bdk_bdev_histogram_get(t.bdev, on_histogram, &t); return touch(t); }},
    {"bdk_histogram_count", Place::any, nullptr},
    {"bdk_histogram_min_ns", Place::any, nullptr},
    {"bdk_histogram_max_ns", Place::any, nullptr},
    {"bdk_histogram_mean_ns", Place::any, nullptr},
    {"bdk_histogram_percentile_ns", Place::any, nullptr},
    {"bdk_histogram_for_each_bucket", Place::any, nullptr},
    {"bdk_histogram_dump_json", Place::any, nullptr},
    {"bdk_io_device_register", Place::bdk, [](Things& t) { return bdk_io_device_register(&t, nullptr, nullptr, 0, "things") == -EINVAL; }},
    {"bdk_io_device_unregister", Place::bdk, [](Things& t) { return bdk_io_device_unregister(t.device, on_device_gone) == -EINVAL; }},
    {"bdk_get_io_channel", Place::bdk, [](Things& t) { return bdk_get_io_channel(t.device) == nullptr; }},
    {"bdk_put_io_channel", Place::owner, [](Things& t) { bdk_put_io_channel(t.ch); return touch(t); }},
    {"bdk_io_channel_ref", Place::owner, [](Things& t) { return bdk_io_channel_ref(t.ch) == nullptr; }},
    {"bdk_io_channel_get_ctx", Place::any, [](Things& t) { static_cast<void>(bdk_io_channel_get_ctx(t.ch)); return touch(t); }},
    {"bdk_io_channel_from_ctx", Place::any, [](Things& t) { static_cast<void>(bdk_io_channel_from_ctx(bdk_io_channel_get_ctx(t.ch))); return touch(t); }},
    {"bdk_io_channel_get_thread", Place::any, [](Things& t) { static_cast<void>(bdk_io_channel_get_thread(t.ch)); return touch(t); }},
    {"bdk_io_channel_get_io_device", Place::any, [](Things& t) { static_cast<void>(bdk_io_channel_get_io_device(t.ch)); return touch(t); }},
    {"bdk_for_each_channel", Place::bdk, [](Things& t) { bdk_for_each_channel(t.device, on_visit, &t, on_walked); return touch(t); }},
    {"bdk_for_each_channel_continue", Place::goes_on, [](Things& t) { bdk_for_each_channel_continue(t.visit, 0); return touch(t); }},
    {"bdk_io_channel_iter_get_io_device", Place::any, [](Things& t) { static_cast<void>(bdk_io_channel_iter_get_io_device(t.visit)); return touch(t); }},
    {"bdk_io_channel_iter_get_channel", Place::any, [](Things& t) { static_cast<void>(bdk_io_channel_iter_get_channel(t.visit)); return touch(t); }},
    {"bdk_io_channel_iter_get_ctx", Place::any, [](Things& t) { static_cast<void>(bdk_io_channel_iter_get_ctx(t.visit)); return touch(t); }},
    {"bdk_json_object_begin", Place::any, [](Things& t) { static_cast<void>(bdk_json_object_begin(t.json, "o")); return touch(t); }},
    {"bdk_json_object_end", Place::any, [](Things& t) { static_cast<void>(bdk_json_object_end(t.json)); return touch(t); }},
    {"bdk_json_array_begin", Place::any, [](Things& t) { static_cast<void>(bdk_json_array_begin(t.json, "a")); return touch(t); }},
    {"bdk_json_array_end", Place::any, [](Things& t) { static_cast<void>(bdk_json_array_end(t.json)); return touch(t); }},
    {"bdk_json_string", Place::any, [](Things& t) { static_cast<void>(bdk_json_string(t.json, "string", "s")); return touch(t); }},
    {"bdk_json_bool", Place::any, [](Things& t) { static_cast<void>(bdk_json_bool(t.json, "bool", true)); return touch(t); }},
    {"bdk_json_u64", Place::any, [](Things& t) { static_cast<void>(bdk_json_u64(t.json, "u64", 1)); return touch(t); }},
    {"bdk_json_i64", Place::any, [](Things& t) { static_cast<void>(bdk_json_i64(t.json, "i64", 1)); return touch(t); }},
    {"bdk_json_double", Place::any, [](Things& t) { static_cast<void>(bdk_json_double(t.json, "double", 1)); return touch(t); }},
    {"bdk_log_text", Place::any, [](Things& t) { bdk_log_text(BDK_LOG_DEBUG, "places", "places.cpp", 1, "text"); return touch(t); }},
    {"bdk_log", Place::any, [](Things& t) { BDK_DEBUGLOG("a line"); return touch(t); }},
    {"bdk_log_enabled", Place::any, [](Things& t) { static_cast<void>(bdk_log_enabled(BDK_LOG_DEBUG)); return touch(t); }},
    {"bdk_dma_malloc", Place::any, [](Things& t) { bdk_dma_free(bdk_dma_malloc(64, 0, BDK_NUMA_ANY)); return touch(t); }},
    {"bdk_dma_zmalloc", Place::any, [](Things& t) { bdk_dma_free(bdk_dma_zmalloc(64, 0, BDK_NUMA_ANY)); return touch(t); }},
    {"bdk_dma_free", Place::any, [](Things& t) { static_cast<void>(bdk_dma_free(nullptr)); return touch(t); }},
    {"bdk_dma_get_heap", Place::any, [](Things& t) { static_cast<void>(bdk_dma_get_heap(&scratch<uint64_t>())); return touch(t); }},
    {"bdk_vtophys", Place::any, [](Things& t) { static_cast<void>(bdk_vtophys(buffer(), nullptr)); return touch(t); }},
    {"bdk_ring_create", Place::any, [](Things& t) { bdk_ring_free(bdk_ring_create("places", 8)); return touch(t); }},
    {"bdk_ring_free", Place::any, with_ring},
    {"bdk_ring_enqueue", Place::any, with_ring},
    {"bdk_ring_dequeue", Place::any, with_ring},
    {"bdk_ring_count", Place::any, with_ring},
    {"bdk_mempool_create", Place::any, with_mempool},
    {"bdk_mempool_free", Place::any, with_mempool},
    {"bdk_mempool_get", Place::any, with_mempool},
    {"bdk_mempool_put", Place::any, with_mempool},
    {"bdk_iobuf_channel_open", Place::bdk, [](Things&) { return bdk_iobuf_channel_open("places") == nullptr; }},
    {"bdk_iobuf_channel_close", Place::owner, [](Things& t) { bdk_iobuf_channel_close(t.iobuf); return touch(t); }},
    {"bdk_iobuf_get", Place::owner, [](Things& t) { return bdk_iobuf_get(t.iobuf, 512, nullptr) == nullptr; }},
    {"bdk_iobuf_put", Place::owner, [](Things& t) { bdk_iobuf_put(t.iobuf, t.iobuf_buffer, 512); return touch(t); }},
    {"bdk_iobuf_cancel", Place::owner, [](Things& t) { bdk_iobuf_cancel(t.iobuf, &scratch<bdk_iobuf_entry>(), 512); return touch(t); }},
    {"bdk_iobuf_max_len", Place::any, [](Things& t) { static_cast<void>(bdk_iobuf_max_len()); return touch(t); }},
    {"bdk_call_explain", Place::app, [](Things& t) { bdk_call_explain(t.call, "why"); return touch(t); }},
    {"bdk_module_call_done", Place::app, [](Things& t) { bdk_module_call_done(t.call, 0); return touch(t); }},
    {"bdk_module_init_done", Place::app, [](Things& t) { bdk_module_init_done(t.module, 0); return touch(t); }},
    {"bdk_module_fini_done", Place::app, [](Things& t) { bdk_module_fini_done(t.module); return touch(t); }},
    {"bdk_module_create_done", Place::app, [](Things& t) { bdk_module_create_done(t.create, 0); return touch(t); }},
    {"bdk_remove_get_reason", Place::app, [](Things& t) { return bdk_remove_get_reason(t.remove) == BDK_REMOVE_AT_STOP; }},
    {"bdk_module_remove_done", Place::app, [](Things& t) { bdk_module_remove_done(t.remove, 0); return touch(t); }},
    {"bdk_module_reconfigure_done", Place::app, [](Things& t) { bdk_module_reconfigure_done(t.reconfigure, 0); return touch(t); }},
    {"bdk_notify_add", Place::app, [](Things& t) { return bdk_notify_add(on_notify, &t, &scratch<bdk_notify*>()) == -EINVAL; }},
    {"bdk_notify_remove", Place::app, [](Things& t) { bdk_notify_remove(t.watch); return touch(t); }},
    {"bdk_poller_register", Place::bdk, [](Things& t) { return bdk_poller_register(on_poll, &t, 0, "places") == nullptr; }},
    {"bdk_poller_unregister", Place::owner, [](Things& t) { bdk_poller* poller = t.poller; bdk_poller_unregister(&poller); return poller == t.poller; }},
    {"bdk_poller_pause", Place::owner, [](Things& t) { bdk_poller_pause(t.poller); return touch(t); }},
    {"bdk_poller_resume", Place::owner, [](Things& t) { bdk_poller_resume(t.poller); return touch(t); }},
    {"bdk_poller_get_stats", Place::owner, [](Things& t) { return bdk_poller_get_stats(t.poller, &sized<bdk_poller_stats>()) == -EINVAL; }},
    {"bdk_interrupt_register", Place::bdk, [](Things& t) { return bdk_interrupt_register(0, BDK_INTERRUPT_IN, on_ready, &t, "places") == nullptr; }},
    {"bdk_interrupt_set_events", Place::owner, [](Things& t) { return bdk_interrupt_set_events(t.interrupt, BDK_INTERRUPT_OUT) == -EINVAL; }},
    {"bdk_interrupt_unregister", Place::owner, [](Things& t) { bdk_interrupt* interrupt = t.interrupt; bdk_interrupt_unregister(&interrupt); return interrupt == t.interrupt; }},
    {"bdk_bdev_set_qos_rate_limits", Place::bdk, [](Things& t) { bdk_bdev_set_qos_rate_limits(t.bdev, &sized<bdk_bdev_qos_limits>(), on_end, &t); return touch(t); }},
    {"bdk_bdev_get_qos_rate_limits", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_get_qos_rate_limits(t.bdev, &sized<bdk_bdev_qos_limits>())); return touch(t); }},
    {"bdk_bdev_set_qd_sampling_period", Place::bdk, [](Things& t) { bdk_bdev_set_qd_sampling_period(t.bdev, 1000); return touch(t); }},
    {"bdk_bdev_get_qd_stat", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_get_qd_stat(t.bdev, &sized<bdk_bdev_qd_stat>())); return touch(t); }},
    {"bdk_bdev_quiesce_range", Place::bdk, [](Things& t) { return bdk_bdev_quiesce_range(t.bdev, t.module, 0, 1, on_end, &t) == -EINVAL; }},
    {"bdk_bdev_unquiesce_range", Place::bdk, [](Things& t) { return bdk_bdev_unquiesce_range(t.bdev, t.module, 0, 1, on_end, &t) == -EINVAL; }},
    {"bdk_bdev_quiesce", Place::bdk, [](Things& t) { return bdk_bdev_quiesce(t.bdev, t.module, on_end, &t) == -EINVAL; }},
    {"bdk_bdev_unquiesce", Place::bdk, [](Things& t) { return bdk_bdev_unquiesce(t.bdev, t.module, on_end, &t) == -EINVAL; }},
    {"bdk_bdev_lock_range", Place::owner, [](Things& t) { return bdk_bdev_lock_range(t.desc, t.ch, 8, 1, on_end, &t, &scratch<bdk_bdev_range*>()) == -EINVAL; }},
    {"bdk_bdev_unlock_range", Place::owner, [](Things& t) { bdk_bdev_unlock_range(t.range); return touch(t); }},
    {"bdk_bdev_abandon", Place::owner, [](Things& t) { return bdk_bdev_abandon(t.desc, t.ch, BDK_BDEV_ABANDON_DROP, nullptr, on_nothing, &t) == -EINVAL; }},
    {"bdk_bdev_io_status_name", Place::any, [](Things& t) { static_cast<void>(bdk_bdev_io_status_name(BDK_BDEV_IO_STATUS_SUCCESS)); return touch(t); }},
    {"bdk_get_thread", Place::any, [](Things& t) { static_cast<void>(bdk_get_thread()); return touch(t); }},
    {"bdk_thread_get_app_thread", Place::any, [](Things& t) { static_cast<void>(bdk_thread_get_app_thread()); return touch(t); }},
    {"bdk_thread_create", Place::any, [](Things& t) { return bdk_thread_send_msg(bdk_thread_create("short", nullptr, 0), exit_thread, nullptr) == 0 && touch(t); }},
    {"bdk_thread_exit", Place::bdk, [](Things&) { return bdk_thread_exit() == -EINVAL; }},
    {"bdk_thread_is_exiting", Place::any, [](Things& t) { static_cast<void>(bdk_thread_is_exiting(t.app)); return touch(t); }},
    {"bdk_thread_get_name", Place::any, [](Things& t) { static_cast<void>(bdk_thread_get_name(t.app)); return touch(t); }},
    {"bdk_thread_get_id", Place::any, [](Things& t) { static_cast<void>(bdk_thread_get_id(t.app)); return touch(t); }},
    {"bdk_thread_get_by_id", Place::any, [](Things& t) { static_cast<void>(bdk_thread_get_by_id(1)); return touch(t); }},
    {"bdk_thread_get_count", Place::any, [](Things& t) { static_cast<void>(bdk_thread_get_count()); return touch(t); }},
    {"bdk_thread_send_msg", Place::any, [](Things& t) { static_cast<void>(bdk_thread_send_msg(t.app, do_nothing, nullptr)); return touch(t); }},
    {"bdk_thread_exec_msg", Place::any, [](Things& t) { static_cast<void>(bdk_thread_exec_msg(t.app, do_nothing, nullptr)); return touch(t); }},
    {"bdk_thread_send_critical_msg", Place::any, [](Things& t) { static_cast<void>(bdk_thread_send_critical_msg(t.app, do_nothing)); return touch(t); }},
    {"bdk_for_each_thread", Place::bdk, [](Things& t) { bdk_for_each_thread(on_nothing, &t, on_nothing); return touch(t); }},
    {"bdk_thread_get_stats", Place::bdk, [](Things&) { return bdk_thread_get_stats(&sized<bdk_thread_stats>()) == -EINVAL; }},
    {"bdk_thread_set_core", Place::bdk, [](Things&) { return bdk_thread_set_core(0) == -EINVAL; }},
    {"bdk_get_current_core", Place::any, [](Things& t) { static_cast<void>(bdk_get_current_core()); return touch(t); }},
    {"bdk_get_time_ns", Place::any, [](Things& t) { static_cast<void>(bdk_get_time_ns()); return touch(t); }},
    {"bdk_get_ticks", Place::any, [](Things& t) { static_cast<void>(bdk_get_ticks()); return touch(t); }},
    {"bdk_get_ticks_hz", Place::any, [](Things& t) { static_cast<void>(bdk_get_ticks_hz()); return touch(t); }},
    {"bdk_spin_init", Place::any, with_lock},
    {"bdk_spin_destroy", Place::any, with_lock},
    {"bdk_spin_held", Place::any, with_lock},
    {"bdk_spin_lock", Place::bdk, lock_once},
    {"bdk_spin_unlock", Place::bdk, unlock_free_one},
    };
    return functions;
}

}  // namespace bdk::test
