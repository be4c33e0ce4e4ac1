/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of a passthru bdev: open, claim, register; events of the base; destruct. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "c_passthru.h"

static void pt_bdev_free(struct pt_bdev* pt) {
    if (pt == NULL) return;
    free(pt->name);
    free(pt->base_name);
    free(pt);
}

static int channel_create(void* io_device, void* ctx_buf) {
    struct pt_bdev* pt = io_device;
    struct pt_channel* channel = ctx_buf;

    channel->base_ch = bdk_bdev_get_io_channel(pt->base_desc);
    return channel->base_ch != NULL ? 0 : -ENOMEM;
}

static void channel_destroy(void* io_device, void* ctx_buf) {
    struct pt_channel* channel = ctx_buf;

    (void)io_device;
    bdk_put_io_channel(channel->base_ch);
}

static struct bdk_io_channel* get_io_channel(void* ctxt) {
    return bdk_get_io_channel(ctxt);
}

static void dump_info_json(void* ctxt, struct bdk_json_writer* w) {
    const struct pt_bdev* pt = ctxt;

    bdk_json_string(w, "base", pt->base_name);
}

/* ---- destruct: the channels are gone; the claim, the desc and the io_device follow, in this order ---- */

static void io_device_unregistered(void* io_device) {
    struct pt_bdev* pt = io_device;

    bdk_bdev_destruct_done(&pt->bdev, 0);
    pt_bdev_free(pt);
}

static void close_base(void* desc) {
    bdk_bdev_close(desc);
}

static int destruct(void* ctxt) {
    struct pt_bdev* pt = ctxt;

    bdk_bdev_module_release_bdev(pt->base, &bdk_own_module);
    if (bdk_thread_exec_msg(pt->open_thread, close_base, pt->base_desc) != 0)
        BDK_ERRLOG("bdev '%s': its base cannot be closed, the thread that opened it is gone", pt->name);
    if (bdk_io_device_unregister(pt, io_device_unregistered) != 0) return -EIO;
    return BDK_PENDING;
}

static const struct bdk_bdev_fn_table fn_table = {
    .size = sizeof(struct bdk_bdev_fn_table),
    .destruct = destruct,
    .submit_request = pt_submit_request,
    .io_type_supported = pt_io_type_supported,
    .get_io_channel = get_io_channel,
    .dump_info_json = dump_info_json,
    .write_config_json = dump_info_json,
};

/* ---- the base ---- */

static void base_event(uint32_t type, struct bdk_bdev* base, void* event_ctx) {
    struct pt_bdev* pt = event_ctx;

    switch (type) {
        case BDK_BDEV_EVENT_REMOVE:
            bdk_bdev_unregister(&pt->bdev, NULL, NULL);
            break;
        case BDK_BDEV_EVENT_RESIZE:
            bdk_bdev_notify_blockcnt_change(&pt->bdev, bdk_bdev_get_num_blocks(base));
            break;
        default:
            break;
    }
}

/** The bdev gets the abilities of its base. */
static void copy_geometry(struct bdk_bdev* bdev, const struct bdk_bdev* base) {
    bdev->flags = BDK_BDEV_FUA;
    if (bdk_bdev_has_write_cache(base)) bdev->flags |= BDK_BDEV_WRITE_CACHE;
    if (bdk_bdev_is_md_interleaved(base)) bdev->flags |= BDK_BDEV_MD_INTERLEAVED;
    bdev->blockcnt = bdk_bdev_get_num_blocks(base);
    bdev->blocklen = bdk_bdev_get_block_size(base);
    bdev->phys_blocklen = bdk_bdev_get_physical_block_size(base);
    bdev->required_alignment = (uint32_t)__builtin_ctzl(bdk_bdev_get_buf_align(base));
    bdev->write_unit_size = bdk_bdev_get_write_unit_size(base);
    bdev->optimal_io_boundary = bdk_bdev_get_optimal_io_boundary(base);
    bdev->acwu = bdk_bdev_get_max_compare_and_write(base);
    bdev->md_len = bdk_bdev_get_md_size(base);
    bdev->dif_type = bdk_bdev_get_dif_type(base);
    bdev->dif_pi_format = bdk_bdev_get_dif_pi_format(base);
    bdev->dif_check_flags = bdk_bdev_get_dif_check_flags(base);
    if (bdk_bdev_is_dif_head_of_md(base)) bdev->flags |= BDK_BDEV_DIF_HEAD_OF_MD;
}

static void fill_bdev(struct pt_bdev* pt) {
    struct bdk_bdev* bdev = &pt->bdev;

    bdev->size = sizeof(*bdev);
    bdev->ctxt = pt;
    bdev->name = pt->name;
    bdev->product_name = "C passthru";
    bdev->module = &bdk_own_module;
    bdev->fn_table = &fn_table;
    copy_geometry(bdev, pt->base);
}

/** With the base open: everything from the io_device to the registration, or nothing of it. */
static int expose(struct pt_bdev* pt) {
    int rc = bdk_io_device_register(pt, channel_create, channel_destroy, sizeof(struct pt_channel), pt->name);

    if (rc != 0) return rc;
    rc = bdk_bdev_module_claim_bdev(pt->base, pt->base_desc, &bdk_own_module);
    if (rc == 0) {
        rc = bdk_bdev_register(&pt->bdev);
        if (rc == 0) return 0;
        bdk_bdev_module_release_bdev(pt->base, &bdk_own_module);
    }
    bdk_io_device_unregister(pt, NULL);
    return rc;
}

static int open_and_expose(struct pt_bdev* pt) {
    int rc = bdk_bdev_open(pt->base_name, BDK_BDEV_OPEN_WRITE, base_event, pt, &pt->base_desc);

    if (rc != 0) return rc;
    pt->open_thread = bdk_get_thread();
    pt->base = bdk_bdev_desc_get_bdev(pt->base_desc);
    fill_bdev(pt);
    rc = expose(pt);
    if (rc != 0) bdk_bdev_close(pt->base_desc);
    return rc;
}

int pt_bdev_build(const char* base_name, const char* name) {
    struct pt_bdev* pt = calloc(1, sizeof(*pt));
    int rc = -ENOMEM;

    if (pt != NULL) {
        pt->name = strdup(name);
        pt->base_name = strdup(base_name);
        if (pt->name != NULL && pt->base_name != NULL) rc = open_and_expose(pt);
    }
    if (rc == 0) return 0;
    if (rc != -ENODEV) BDK_ERRLOG("cannot build bdev '%s' on '%s': %s", name, base_name, strerror(-rc));
    pt_bdev_free(pt);
    return rc;
}
