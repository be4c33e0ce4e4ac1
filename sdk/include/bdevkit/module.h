/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file module.h
 * A module makes bdevs. Its table says what it is called, which options it takes, and how it does its work. A
 * plugin with one module defines both in one place:
 *
 *     BDK_MODULE = {.size = sizeof(struct bdk_module), .name = "null", ...};
 */
#ifndef BDEVKIT_MODULE_H
#define BDEVKIT_MODULE_H

#include <bdevkit/abi.h>
#include <bdevkit/method.h>
#include <bdevkit/option.h>
#include <bdevkit/plugin.h>

BDK_C_BEGIN

struct bdk_bdev;
struct bdk_examine;
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

/**
 * A module. Every callback gets `self`, the table that the plugin gave the host: several modules of one
 * plugin can so share their functions.
 */
struct bdk_module {
    uint32_t size;  /**< sizeof(struct bdk_module) */
    uint32_t flags; /**< BDK_MODULE_* */

    const char* name;        /**< unique among modules: lower-case letters, digits, `_` and `-` */
    const char* version;     /**< the module's own, such as "1.2.0" */
    const char* description; /**< one line */
    const char* author;      /**< a name; may be NULL */
    const char* license;     /**< SPDX identifier */

    const struct bdk_option* options; /**< the option table; NULL when there are none */
    uint32_t option_count;            /**< options in the table */
    uint32_t option_size;             /**< sizeof(struct bdk_option) */
    uint32_t options_struct_size;     /**< bytes of the module's options struct */
    uint32_t reserved;

    /**
     * [app thread] Called once after loading; optional.
     * @return 0; a negative errno; BDK_PENDING, then bdk_module_init_done().
     */
    int (*init)(const struct bdk_module* self);

    /**
     * [app thread] Called once, after all its bdevs are gone, before the plugin is unloaded; optional. Only
     * after an init that succeeded.
     * @return 0; BDK_PENDING, then bdk_module_fini_done(). With an error the module goes all the same.
     */
    int (*fini)(const struct bdk_module* self);

    /**
     * [app thread] Bytes of per-I/O context that `driver_ctx` points to in each bdev_io of `bdev`; optional.
     * @param bdev  the struct that is being registered
     * @return bytes, not cleared between I/Os; 0: driver_ctx is NULL
     */
    uint32_t (*get_ctx_size)(const struct bdk_module* self, const struct bdk_bdev* bdev);

    /**
     * [app thread] Creates the bdev `name` (a module that makes several prefixes theirs with it). It exists
     * when bdk_bdev_register() has succeeded; on error nothing of it is left. Called when every option of
     * type bdev names a bdev that exists.
     * @param options  the module's options struct, filled by the host; valid until creation has ended
     * @return 0; a negative errno (said in a log line before); BDK_PENDING, then bdk_module_create_done().
     */
    int (*create)(const struct bdk_module* self, struct bdk_create* create, const char* name,
                  const void* options);

    /**
     * [app thread] Removes a bdev that `create` made; optional: the default unregisters it.
     * @return 0; a negative errno; BDK_PENDING, then bdk_module_remove_done().
     */
    int (*remove)(const struct bdk_module* self, struct bdk_remove* remove, struct bdk_bdev* bdev);

    /**
     * [app thread] Told of every bdev that appears, before anything may write to it; no I/O allowed;
     * optional. A module that looks for a name claims the bdev here. Must call bdk_examine_done() once,
     * before it returns.
     */
    void (*examine_config)(const struct bdk_module* self, struct bdk_examine* examine, struct bdk_bdev* bdev);

    /**
     * [app thread] As examine_config, for modules that read the bdev to recognise it: may do I/O, and calls
     * bdk_examine_done() once, now or later. Not called for bdevs that are claimed; optional.
     */
    void (*examine_disk)(const struct bdk_module* self, struct bdk_examine* examine, struct bdk_bdev* bdev);

    /** [app thread] Writes module-wide settings, as members of the current object; optional. */
    void (*config_json)(const struct bdk_module* self, struct bdk_json_writer* w);

    /**
     * [app thread] Gives a bdev that `create` made other options while it is in use; optional: without it
     * they are fixed. On error the bdev is as it was. I/O submitted after the end sees the new options.
     * @param options  as create's: every option as it is to be from now on; those of type bdev are the same
     * @return 0; a negative errno (said in a log line before); BDK_PENDING, then
     * bdk_module_reconfigure_done().
     */
    int (*reconfigure)(const struct bdk_module* self, struct bdk_reconfigure* reconfigure,
                       struct bdk_bdev* bdev, const void* options);

    const struct bdk_method* methods; /**< the method table; NULL when there are none */
    uint32_t method_count;            /**< methods in the table */
    uint32_t method_size; /**< sizeof(struct bdk_method); `option_size` holds for their parameters */

    /**
     * How `create` names its bdevs when it makes several, none of them called `name`: with "p0", NAMEp0,
     * NAMEp1 and so on. Small letters, then a number. The option with BDK_OPTION_PARTS says how many there
     * are; without one, which of these there are shows only when they are made. NULL: `create` makes one
     * bdev, called `name`.
     */
    const char* part_suffix;

    /**
     * [app thread] The host is about to stop and removes all bdevs next, those of other modules too;
     * optional. A module that would take the loss of a base for a failure learns here that it is none. Called
     * once, after an init that succeeded.
     */
    void (*fini_start)(const struct bdk_module* self);

    /**
     * [any thread] An extension of the module by its name, as bdk_get_extension() gives the host's: a const
     * struct that starts with `size`, valid while the plugin is open. Optional; NULL for a name that the
     * module does not know.
     */
    const void* (*get_extension)(const struct bdk_module* self, const char* name);
};

/** The table of a plugin's only module, which BDK_MODULE defines. */
extern BDK_HIDDEN const struct bdk_module bdk_own_module;

/** The plugin of one module, as BDK_MODULE defines it. */
#define BDK_PLUGIN_OF_ONE_MODULE                                                 \
    static const struct bdk_module* const bdk_own_modules[] = {&bdk_own_module}; \
    BDK_PLUGIN = {BDK_PLUGIN_HEAD, .modules = bdk_own_modules, .module_count = 1, .reserved = 0}
/** Defines the plugin of one module; the module's table follows: `BDK_MODULE = {.size = ..., ...};`. */
#define BDK_MODULE            \
    BDK_PLUGIN_OF_ONE_MODULE; \
    const struct bdk_module bdk_own_module

/**
 * [app thread] Ends an init that returned BDK_PENDING, once. The module makes bdevs from then on, and
 * examines those that are there. A call without an init under way is reported, and does nothing; the same
 * holds for the done calls below.
 * @param module  its `self`
 * @param rc      0; a negative errno: the module is not used, and its fini is not called
 */
BDK_API void bdk_module_init_done(const struct bdk_module* module, int rc);
/** [app thread] Ends a fini that returned BDK_PENDING, once. `module`: its `self`. */
BDK_API void bdk_module_fini_done(const struct bdk_module* module);
/** [app thread] Ends a create that returned BDK_PENDING, once. `rc`: 0, with the bdev registered; a negative
 * errno, with nothing of it left. */
BDK_API void bdk_module_create_done(struct bdk_create* create, int rc);
/** Why a bdev is removed. */
enum {
    BDK_REMOVE_BY_USER = 0, /**< it is not to come back: what the module keeps for it may go */
    BDK_REMOVE_AT_STOP = 1, /**< the host stops; the next start makes it again */
};
/** [app thread] Why: BDK_REMOVE_*. The caller treats values that it does not know as BDK_REMOVE_AT_STOP,
 * which is also the answer (reported) when the removal has ended. */
BDK_API uint32_t bdk_remove_get_reason(const struct bdk_remove* remove);
/** [app thread] Ends a remove that returned BDK_PENDING, once. `rc`: 0, with the bdev gone; a negative errno.
 */
BDK_API void bdk_module_remove_done(struct bdk_remove* remove, int rc);
/** [app thread] Ends a reconfigure that returned BDK_PENDING, once. `rc`: 0; a negative errno, with the bdev
 * as it was. */
BDK_API void bdk_module_reconfigure_done(struct bdk_reconfigure* reconfigure, int rc);

BDK_C_END

#endif
