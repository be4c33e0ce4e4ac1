/* SPDX-License-Identifier: BSD-3-Clause */
/* The module: its table, and the list of what it was asked for. Everything here runs on the app thread. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "c_passthru.h"

/** A bdev that was asked for, whether its base is there or not. */
struct pt_names {
    char* base_name;
    char* name;
    struct pt_names* next;
};

static struct pt_names* g_names;

static struct pt_names** find_names(const char* name) {
    struct pt_names** link = &g_names;
    while (*link != NULL && strcmp((*link)->name, name) != 0)
        link = &(*link)->next;
    return link;
}

static void free_names(struct pt_names* names) {
    if (names == NULL) return;
    free(names->base_name);
    free(names->name);
    free(names);
}

static int remember_names(const char* base_name, const char* name) {
    struct pt_names** link = find_names(name);
    struct pt_names* names;

    if (*link != NULL) return -EEXIST;
    names = calloc(1, sizeof(*names));
    if (names == NULL) return -ENOMEM;
    names->base_name = strdup(base_name);
    names->name = strdup(name);
    if (names->base_name == NULL || names->name == NULL) {
        free_names(names);
        return -ENOMEM;
    }
    *link = names;
    return 0;
}

static void forget_names(const char* name) {
    struct pt_names** link = find_names(name);
    struct pt_names* names = *link;

    if (names == NULL) return;
    *link = names->next;
    free_names(names);
}

struct pt_options {
    const char* base;
};

static int create(const struct bdk_module* self, struct bdk_create* request, const char* name,
                  const void* options_struct) {
    const struct pt_options* options = options_struct;
    int rc;

    (void)self;
    (void)request;
    rc = remember_names(options->base, name);
    if (rc != 0) {
        BDK_ERRLOG("cannot remember bdev '%s': %s", name, strerror(-rc));
        return rc;
    }
    rc = pt_bdev_build(options->base, name);
    if (rc == -ENODEV) {
        BDK_NOTICELOG("bdev '%s' waits for its base '%s'", name, options->base);
        return 0;
    }
    if (rc != 0) forget_names(name);
    return rc;
}

static void removed(int rc, void* request) {
    bdk_module_remove_done(request, rc);
}

/** Unlike the removal of the base, this also forgets the pair, so that the bdev does not come back. */
static int remove_bdev(const struct bdk_module* self, struct bdk_remove* request, struct bdk_bdev* bdev) {
    (void)self;
    forget_names(bdk_bdev_get_name(bdev));
    bdk_bdev_unregister(bdev, removed, request);
    return BDK_PENDING;
}

static void examine_config(const struct bdk_module* self, struct bdk_examine* examine,
                           struct bdk_bdev* bdev) {
    const char* base_name = bdk_bdev_get_name(bdev);
    const struct pt_names* names;

    (void)self;
    for (names = g_names; names != NULL; names = names->next)
        if (strcmp(names->base_name, base_name) == 0) pt_bdev_build(base_name, names->name);
    bdk_examine_done(examine, 0);
}

static int fini(const struct bdk_module* self) {
    (void)self;
    while (g_names != NULL)
        forget_names(g_names->name);
    return 0;
}

static const struct bdk_option options[] = {
    {.name = "base",
     .help = "Name of the base bdev; it may appear later.",
     .type = BDK_OPTION_STRING,
     .flags = BDK_OPTION_REQUIRED,
     .offset = offsetof(struct pt_options, base)},
};

BDK_MODULE = {
    .size = sizeof(struct bdk_module),
    .name = "c_passthru",
    .version = "1.0.0",
    .description = "Passes every I/O on to its base; in plain C, with a list of names of its own.",
    .author = "bdevkit",
    .license = "BSD-3-Clause",
    .options = options,
    .option_count = 1,
    .option_size = sizeof(struct bdk_option),
    .options_struct_size = sizeof(struct pt_options),
    .fini = fini,
    .get_ctx_size = pt_get_ctx_size,
    .create = create,
    .remove = remove_bdev,
    .examine_config = examine_config,
};
