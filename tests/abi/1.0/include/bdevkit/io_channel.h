/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file io_channel.h
 * io_devices and io_channels. An io_device is any pointer that stands for something with per-thread state; an
 * io_channel is that state on one thread. The semantics are reference/000's.
 */
#ifndef BDEVKIT_IO_CHANNEL_H
#define BDEVKIT_IO_CHANNEL_H

#include <bdevkit/abi.h>
#include <bdevkit/thread.h>

BDK_C_BEGIN

struct bdk_io_channel;
struct bdk_io_channel_iter;

/** Fills the channel context at ctx_buf (zeroed). Runs on the channel's thread. @return 0 or a negative
 * errno. */
typedef int (*bdk_io_channel_create_cb)(void* io_device, void* ctx_buf);
/** Releases what the create callback took. Runs on the channel's thread, in a message after the last put. */
typedef void (*bdk_io_channel_destroy_cb)(void* io_device, void* ctx_buf);
/** Runs on the thread that unregistered, once the last channel is gone. `io_device` may be freed in it. */
typedef void (*bdk_io_device_unregister_cb)(void* io_device);

/**
 * [bdk thread] Makes `io_device` known.
 * @param io_device  the key; must stay valid until the unregister callback
 * @param ctx_size   bytes of context per channel
 * @param name       shown in logs; copied
 * @return 0; -EEXIST when registered already; -EINVAL outside a bdk thread (reported as rule 4); -ENOMEM.
 */
BDK_API int bdk_io_device_register(void* io_device, bdk_io_channel_create_cb create_cb,
                                   bdk_io_channel_destroy_cb destroy_cb, uint32_t ctx_size, const char* name);

/**
 * [bdk thread] Forgets `io_device`: new channels are refused at once, existing ones live until they are put.
 * While a bdk_for_each_channel() runs, the unregistration waits for it.
 * @param cb  may be NULL
 * @return 0; -ENODEV when not registered; -EBUSY when already being unregistered; -EINVAL outside a bdk
 * thread.
 */
BDK_API int bdk_io_device_unregister(void* io_device, bdk_io_device_unregister_cb cb);

/**
 * [bdk thread] The calling thread's channel of `io_device`, made by the create callback at the first call.
 * Every successful get needs one bdk_put_io_channel() on the same thread.
 * @return the channel; NULL (logged) when the device is unknown or unregistered, the thread is exiting, the
 *         caller is on no bdk thread, or the create callback failed.
 */
BDK_API struct bdk_io_channel* bdk_get_io_channel(void* io_device);

/**
 * [channel's thread] Gives back one reference. The last one destroys the channel in a later message, unless
 * it is got again before. Elsewhere: reported as rule 2, nothing is done.
 */
BDK_API void bdk_put_io_channel(struct bdk_io_channel* ch);

/** [channel's thread] One more reference. @return ch, or NULL on another thread (reported as rule 2). */
BDK_API struct bdk_io_channel* bdk_io_channel_ref(struct bdk_io_channel* ch);

/** [any thread] The context of the channel, ctx_size bytes, aligned to 64. */
BDK_API void* bdk_io_channel_get_ctx(struct bdk_io_channel* ch);

/** [any thread] The channel whose context `ctx` is. */
BDK_API struct bdk_io_channel* bdk_io_channel_from_ctx(void* ctx);

/** [any thread] The thread that owns the channel. */
BDK_API struct bdk_thread* bdk_io_channel_get_thread(const struct bdk_io_channel* ch);

/** [any thread] The io_device of the channel. */
BDK_API void* bdk_io_channel_get_io_device(const struct bdk_io_channel* ch);

/** Runs on each channel's thread. Must lead to one bdk_for_each_channel_continue(), now or later. */
typedef void (*bdk_channel_msg)(struct bdk_io_channel_iter* iter);
/** Runs on the thread that started the walk. `status`: the first error passed to continue, or 0. */
typedef void (*bdk_channel_for_each_cpl)(struct bdk_io_channel_iter* iter, int status);

/**
 * [bdk thread] Visits every channel of `io_device`, one thread after the other. Channels that vanish
 * meanwhile are skipped. An error ends the walk.
 * @param cpl  may be NULL
 */
BDK_API void bdk_for_each_channel(void* io_device, bdk_channel_msg fn, void* ctx,
                                  bdk_channel_for_each_cpl cpl);

/** [the visited channel's thread] Goes on to the next channel; `status` other than 0 ends the walk. */
BDK_API void bdk_for_each_channel_continue(struct bdk_io_channel_iter* iter, int status);

/** [in the walk's callbacks] What the walk is about. The channel is NULL in the completion. */
BDK_API void* bdk_io_channel_iter_get_io_device(const struct bdk_io_channel_iter* iter);
BDK_API struct bdk_io_channel* bdk_io_channel_iter_get_channel(const struct bdk_io_channel_iter* iter);
BDK_API void* bdk_io_channel_iter_get_ctx(const struct bdk_io_channel_iter* iter);

BDK_C_END

#endif
