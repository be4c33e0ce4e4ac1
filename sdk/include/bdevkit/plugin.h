/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file plugin.h
 * A plugin is a `.so` that exports one data symbol, `bdk_plugin_v1`, of type `const struct bdk_plugin`: the
 * list of what it brings. Most plugins have one module, and BDK_MODULE of module.h writes the list. A plugin
 * with several writes it itself:
 *
 *     static const struct bdk_module* const modules[] = {&raid0_module, &raid1_module};
 *     BDK_PLUGIN = {BDK_PLUGIN_HEAD, .modules = modules, .module_count = 2};
 *
 * The tables are `static` or hidden. A visible table could be replaced by one of the same name in the
 * program; the host refuses a plugin whose tables lie in another file.
 */
#ifndef BDEVKIT_PLUGIN_H
#define BDEVKIT_PLUGIN_H

#include <bdevkit/abi.h>

BDK_C_BEGIN

struct bdk_module;

/** What a plugin brings. The table and all that it points to are constant, and valid while the plugin is
 * open. */
struct bdk_plugin {
    /* These four never change. */
    uint32_t abi_major; /**< BDK_ABI_MAJOR */
    uint32_t abi_minor; /**< BDK_ABI_TARGET */
    uint32_t abi_draft; /**< BDK_ABI_DRAFT */
    uint32_t size;      /**< sizeof(struct bdk_plugin) */

    const struct bdk_module* const* modules; /**< `module_count` of them, valid while the plugin is open */
    uint32_t module_count;                   /**< at least 1 */
    uint32_t reserved;
};

/** The first four fields of a plugin that is built against these headers. */
#define BDK_PLUGIN_HEAD                                                                  \
    .abi_major = BDK_ABI_MAJOR, .abi_minor = BDK_ABI_TARGET, .abi_draft = BDK_ABI_DRAFT, \
    .size = sizeof(struct bdk_plugin)

/** The name of the entry symbol. */
#define BDK_PLUGIN_SYMBOL "bdk_plugin_v1"
/** The entry symbol. */
extern BDK_API const struct bdk_plugin bdk_plugin_v1;
/** Begins the definition of the entry symbol. */
#define BDK_PLUGIN const struct bdk_plugin bdk_plugin_v1

BDK_C_END

#endif
