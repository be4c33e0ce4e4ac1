/* SPDX-License-Identifier: BSD-3-Clause */
/* Not a rogue: its create notes a name, and the module registers the bdev some time later. */
#include <bdevkit/bdevkit.h>

static int note(const struct bdk_module* self, struct bdk_create* create_call, const char* name,
                const void* options);

#define ROGUE_CREATE_CALL note
#include "check/rogue_disk.h"

struct noted {
    char* name;
    struct bdk_poller* timer;
};

static int register_noted(void* ctx) {
    struct noted* noted = ctx;
    bdk_poller_unregister(&noted->timer);
    create(&bdk_own_module, NULL, noted->name, NULL);
    free(noted->name);
    free(noted);
    return BDK_POLLER_BUSY;
}

static int note(const struct bdk_module* self, struct bdk_create* create_call, const char* name,
                const void* options) {
    struct noted* noted = calloc(1, sizeof(*noted));
    (void)self, (void)create_call, (void)options;
    if (noted == NULL) return -ENOMEM;
    noted->name = strdup(name);
    noted->timer = bdk_poller_register(register_noted, noted, 20000, "creates_later");
    return 0;
}
