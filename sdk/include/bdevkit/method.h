/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file method.h
 * What a module does beside its bdevs, such as listing its controllers or resetting one. A module declares
 * its methods once, in a table of bdk_method. From it come Python's `host.call()`, `bdevkit plugins` and the
 * names of RPC methods, MODULE.METHOD.
 */
#ifndef BDEVKIT_METHOD_H
#define BDEVKIT_METHOD_H

#include <bdevkit/abi.h>
#include <bdevkit/option.h>

BDK_C_BEGIN

struct bdk_json_writer;
struct bdk_module;

/** One call of a method under way; the host's, valid until it has ended. */
struct bdk_call;

/** One method. In C and C++20: `{ .name = "reset", .help = "...", .call = ... }`. */
struct bdk_method {
    const char* name; /**< lower case, words joined by `_`, each once in its table */
    const char* help; /**< one sentence */

    const struct bdk_option* params; /**< its parameters, declared as options are; NULL when there are none */
    uint32_t param_count;            /**< options in `params` */
    uint32_t params_struct_size;     /**< bytes of the struct that `call` gets */

    /**
     * [app thread] Does it. Several calls may be under way at once. The host has checked the parameters;
     * those of type bdev name bdevs that exist. There is no call under way when fini is called: the host
     * waits for them, before it removes the bdevs.
     * @param self    the module
     * @param method  this line of its table
     * @param params  the struct, filled by the host; valid until the call has ended
     * @param result  the result, an object that is empty yet; written on the app thread until the call has
     *                ended. What a call that fails has written is dropped
     * @return 0; a negative errno, told to the caller with what bdk_call_explain() was given; BDK_PENDING,
     * then bdk_module_call_done().
     */
    int (*call)(const struct bdk_module* self, const struct bdk_method* method, struct bdk_call* call,
                const void* params, struct bdk_json_writer* result);

    uint64_t reserved[2];
};

/**
 * [app thread] Says why a call fails, before it ends: what was expected and what to do. `why` is copied; the
 * last one counts, and NULL takes it back. Of a call that has ended it is reported.
 */
BDK_API void bdk_call_explain(struct bdk_call* call, const char* why);
/** [app thread] Ends a call that returned BDK_PENDING, or will. `rc`: 0 or a negative errno. A second end is
 * reported, and does nothing. */
BDK_API void bdk_module_call_done(struct bdk_call* call, int rc);

BDK_C_END

#endif
