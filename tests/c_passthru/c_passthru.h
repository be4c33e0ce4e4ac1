/* SPDX-License-Identifier: BSD-3-Clause */
/* The declarations that the files of the module share. */
#ifndef C_PASSTHRU_H
#define C_PASSTHRU_H

#define BDK_LOG_COMPONENT "c_passthru"
#include <bdevkit/bdevkit.h>

/** One passthru bdev. It is its own io_device. */
struct pt_bdev {
    struct bdk_bdev bdev; /* what we register; ctxt points back here */
    char* name;
    char* base_name;
    struct bdk_bdev* base;
    struct bdk_bdev_desc* base_desc;
    struct bdk_thread* open_thread; /* opened base_desc, and closes it */
};

/** Per thread: the channel of the base. */
struct pt_channel {
    struct bdk_io_channel* base_ch;
};

/* vbdev.c */
/** [app thread] Builds the bdev `name` on `base_name`. @return 0; -ENODEV while there is no base; an errno.
 */
int pt_bdev_build(const char* base_name, const char* name);

/* io.c */
uint32_t pt_get_ctx_size(const struct bdk_module* self, const struct bdk_bdev* bdev);
void pt_submit_request(struct bdk_io_channel* ch, struct bdk_bdev_io* io);
bool pt_io_type_supported(void* ctxt, uint32_t type);

#endif
