/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file module.h
 * A plugin is a `.so` that exports one data symbol, `bdk_module_v1`, of type `const struct bdk_module`:
 *
 *     BDK_MODULE = {
 *         .abi_major = BDK_ABI_MAJOR, .abi_minor = BDK_ABI_MINOR, .size = sizeof(struct bdk_module),
 *         .name = "null", ...
 *     };
 */
#ifndef BDEVKIT_MODULE_H
#define BDEVKIT_MODULE_H

#include <bdevkit/abi.h>
#include <bdevkit/method.h>
#include <bdevkit/option.h>

BDK_C_BEGIN

struct bdk_bdev;
struct bdk_json_writer;

/** One creation under way; the host's, valid until it has ended. */
struct bdk_create;
/** One removal under way; the host's, valid until it has ended. */
struct bdk_remove;
/** One change of options under way; the host's, valid until it has ended. */
struct bdk_reconfigure;

/** Flags of a module. */
enum {
    /** The bdevs that its examine makes are named after the one examined, with a letter and a number behind
     * it: `diskp1`. So the host can tell a misspelt name from one that is to appear. */
    BDK_MODULE_NAMES_AFTER_BASE = 1u << 0,
};

struct bdk_module {
    /* These four never change. */
    uint32_t abi_major; /**< BDK_ABI_MAJOR */
    uint32_t abi_minor; /**< BDK_ABI_MINOR */
    uint32_t size;      /**< sizeof(struct bdk_module) */
    uint32_t flags;     /**< BDK_MODULE_* */

    const char* name;        /**< unique among modules: lower-case letters, digits, `_` and `-` */
    const char* version;     /**< the module's own, such as "1.2.0" */
    const char* description; /**< one line */
    const char* author;
    const char* license; /**< SPDX identifier */

    const struct bdk_option* options; /**< the option table; NULL when there are none */
    uint32_t option_count;
    uint32_t option_size;         /**< sizeof(struct bdk_option) */
    uint32_t options_struct_size; /**< bytes of the module's options struct */
    uint32_t reserved;

    /**
     * [app thread] Called once after loading; optional.
     * @return 0; a negative errno; BDK_PENDING, then bdk_module_init_done().
     */
    int (*init)(void);

    /**
     * [app thread] Called once, after all its bdevs are gone, before the plugin is unloaded; optional. Only
     * after an init that succeeded.
     * @return 0; BDK_PENDING, then bdk_module_fini_done().
     */
    int (*fini)(void);

    /**
     * [any thread] Bytes of per-I/O context that `driver_ctx` points to in each bdev_io of this module's
     * bdevs; optional. Asked at every bdev registration.
     */
    uint32_t (*get_ctx_size)(void);

    /**
     * [app thread] Creates the bdev `name` (a module that makes several prefixes theirs with it). It exists
     * when bdk_bdev_register() has succeeded; on error nothing of it is left. Called when every option of
     * type bdev names a bdev that exists.
     * @param options  the module's options struct, filled by the host; valid until creation has ended
     * @return 0; a negative errno (said in a log line before); BDK_PENDING, then bdk_module_create_done().
     */
    int (*create)(struct bdk_create* create, const char* name, const void* options);

    /**
     * [app thread] Removes a bdev that `create` made; optional: the default unregisters it.
     * @return 0; a negative errno; BDK_PENDING, then bdk_module_remove_done().
     */
    int (*remove)(struct bdk_remove* remove, struct bdk_bdev* bdev);

    /**
     * [app thread] Told of every bdev that appears, before anything may write to it; no I/O allowed;
     * optional. A module that looks for a name claims the bdev here. Must call bdk_bdev_module_examine_done()
     * once, before it returns.
     */
    void (*examine_config)(struct bdk_bdev* bdev);

    /**
     * [app thread] As examine_config, for modules that read the bdev to recognise it: may do I/O, and calls
     * bdk_bdev_module_examine_done() once, now or later. Not called for bdevs that are claimed; optional.
     */
    void (*examine_disk)(struct bdk_bdev* bdev);

    /** [app thread] Writes module-wide settings, as members of the current object; optional. */
    void (*config_json)(struct bdk_json_writer* w);

    /**
     * [app thread] Gives a bdev that `create` made other options while it is in use; optional: without it
     * they are fixed. On error the bdev is as it was. I/O submitted after the end sees the new options.
     * @param options  as create's: every option as it is to be from now on; those of type bdev are the same
     * @return 0; a negative errno (said in a log line before); BDK_PENDING, then
     * bdk_module_reconfigure_done().
     */
    int (*reconfigure)(struct bdk_reconfigure* reconfigure, struct bdk_bdev* bdev, const void* options);

    /* Since ABI 1.1. */
    const struct bdk_method* methods; /**< the method table; NULL when there are none */
    uint32_t method_count;
    uint32_t method_size; /**< sizeof(struct bdk_method); `option_size` holds for their parameters */

    /**
     * How `create` names its bdevs when it makes several, none of them called `name`: with "p0", NAMEp0,
     * NAMEp1 and so on. Small letters, then a number. The option with BDK_OPTION_PARTS says how many there
     * are; without one, which of these there are shows only when they are made. NULL: `create` makes one
     * bdev, called `name`.
     */
    const char* part_suffix;
};

/** The plugin's own table, which it names as the module of its bdevs and in the done calls. */
extern BDK_API const struct bdk_module bdk_module_v1;

/** The name of the entry symbol, and its definition. */
#define BDK_MODULE_SYMBOL "bdk_module_v1"
#ifdef __cplusplus
#define BDK_MODULE extern "C" BDK_API const struct bdk_module bdk_module_v1
#else
#define BDK_MODULE BDK_API const struct bdk_module bdk_module_v1
#endif

/** [app thread] Ends an init that returned BDK_PENDING. `rc`: 0 or a negative errno. */
BDK_API void bdk_module_init_done(const struct bdk_module* module, int rc);
/** [app thread] Ends a fini that returned BDK_PENDING. */
BDK_API void bdk_module_fini_done(const struct bdk_module* module);
/** [app thread] Ends a create that returned BDK_PENDING. `rc`: 0 or a negative errno. */
BDK_API void bdk_module_create_done(struct bdk_create* create, int rc);
/** [app thread] Ends a remove that returned BDK_PENDING. `rc`: 0 or a negative errno. */
BDK_API void bdk_module_remove_done(struct bdk_remove* remove, int rc);
/** [app thread] Ends a reconfigure that returned BDK_PENDING. `rc`: 0 or a negative errno. */
BDK_API void bdk_module_reconfigure_done(struct bdk_reconfigure* reconfigure, int rc);

BDK_C_END

#endif
