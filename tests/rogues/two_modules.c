/* SPDX-License-Identifier: BSD-3-Clause */
/* Not a rogue: two modules that share their functions and tell them apart by `self`. */
#include <bdevkit/bdevkit.h>
#include <errno.h>
#include <string.h>

static const struct bdk_module first, second;

static int create(const struct bdk_module* self, struct bdk_create* create_call, const char* name,
                  const void* options) {
    (void)create_call, (void)name, (void)options;
    BDK_NOTICELOG("%s", self->name);
    return self == &first ? -ENOSPC : -EROFS;
}

static const struct bdk_module first = {
    .size = sizeof(struct bdk_module),
    .name = "first_of_two",
    .version = "1.0.0",
    .description = "Makes no bdev, for want of space",
    .create = create,
};
static const struct bdk_module second = {
    .size = sizeof(struct bdk_module),
    .name = "second_of_two",
    .version = "2.0.0",
    .description = "Makes no bdev, for another reason",
    .create = create,
};

static const struct bdk_module* const modules[] = {&first, &second};
BDK_PLUGIN = {BDK_PLUGIN_HEAD, .modules = modules, .module_count = 2};
