/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file extension.h
 * Optional features by name, as in CLAP and Vulkan. An extension is a const struct of function pointers that
 * starts with `size`; its header names it and says since which host it exists.
 */
#ifndef BDEVKIT_EXTENSION_H
#define BDEVKIT_EXTENSION_H

#include <bdevkit/abi.h>

BDK_C_BEGIN

/** [any thread] The extension's struct, valid for the life of the process; NULL when the host lacks it, and
 * for the name NULL. Read no further than its `size`. */
BDK_API const void* bdk_get_extension(const char* name);

/** "bdevkit.host_info": who hosts the plugin. Since 1.0. */
#define BDK_EXTENSION_HOST_INFO "bdevkit.host_info"
/** What BDK_EXTENSION_HOST_INFO gives. */
struct bdk_host_info {
    uint32_t size;
    uint32_t abi_minor;  /**< the newest ABI minor that the host offers */
    const char* version; /**< of bdevkit, such as "1.0.0" */
};

BDK_C_END

#endif
