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

/** One thread's state of an io_device; the host's, valid until its last reference is put. */
struct bdk_io_channel;
/** A walk over the channels of an io_device; the host's, valid until its completion has returned. */
struct bdk_io_channel_iter;

/**
 * [channel's thread] Makes the channel's state.
 * @param ctx_buf  the context, ctx_size bytes, zeroed
 * @return 0; a negative errno (logged): no channel is made, and the destroy callback does not run
 */
typedef int (*bdk_io_channel_create_cb)(void* io_device, void* ctx_buf);
/** [channel's thread] Releases what the create callback took; in a message after the last put. */
typedef void (*bdk_io_channel_destroy_cb)(void* io_device, void* ctx_buf);
/** [the thread that asked] The last channel is gone: `io_device` may be freed. Runs on the app thread where
 * the thread that unregistered has exited. */
typedef void (*bdk_io_device_unregister_cb)(void* io_device);

/**
 * [bdk thread] Makes `io_device` known.
 * @param io_device   the key, which the host does not look into; valid until the unregister callback
 * @param create_cb   may be NULL: the context stays zeroed
 * @param destroy_cb  may be NULL
 * @param ctx_size    bytes of context per channel; may be 0
 * @param name        shown in logs; copied; may be NULL
 * @return 0; -EEXIST when registered already (logged); -EINVAL when io_device is NULL; -ENOMEM.
 */
BDK_API int bdk_io_device_register(void* io_device, bdk_io_channel_create_cb create_cb,
                                   bdk_io_channel_destroy_cb destroy_cb, uint32_t ctx_size, const char* name);

/**
 * [bdk thread] Forgets `io_device`: new channels are refused at once, existing ones live until they are put.
 * While a bdk_for_each_channel() runs, the unregistration waits for it.
 * @param cb  may be NULL; runs in a message, also when there are no channels
 * @return 0; -ENODEV when not registered; -EBUSY when already being unregistered; both are logged.
 */
BDK_API int bdk_io_device_unregister(void* io_device, bdk_io_device_unregister_cb cb);

/**
 * [bdk thread] The calling thread's channel of `io_device`, made by the create callback at the first call.
 * Every successful get needs one bdk_put_io_channel() on the same thread. The destroy callback runs in a
 * message: a get before that finds the old context.
 * @return the channel; NULL (logged) when the device is unknown or unregistered, the thread is exiting, the
 * create callback failed, or without memory.
 */
BDK_API struct bdk_io_channel* bdk_get_io_channel(void* io_device);

/**
 * [channel's thread] Gives back one reference. The last one destroys the channel in a later message, unless
 * it is got again before. A put too many is reported as rule 2, and nothing is done.
 */
BDK_API void bdk_put_io_channel(struct bdk_io_channel* ch);

/** [channel's thread] One more reference, which needs a put of its own. @return ch; NULL on another thread.
 */
BDK_API struct bdk_io_channel* bdk_io_channel_ref(struct bdk_io_channel* ch);

/** [any thread] The context of the channel, ctx_size bytes, aligned to 64. It lies behind the channel, in
 * every channel of the process at the same distance, so that code may compute one from the other. */
BDK_API void* bdk_io_channel_get_ctx(struct bdk_io_channel* ch);

/** [any thread] The channel whose context `ctx` is; not checked. */
BDK_API struct bdk_io_channel* bdk_io_channel_from_ctx(void* ctx);

/** [any thread] The thread that owns the channel, while the channel is valid. */
BDK_API struct bdk_thread* bdk_io_channel_get_thread(const struct bdk_io_channel* ch);

/** [any thread] The io_device of the channel, while the channel is valid. */
BDK_API void* bdk_io_channel_get_io_device(const struct bdk_io_channel* ch);

/** [channel's thread] Visits one channel. Must lead to one bdk_for_each_channel_continue(), now or later; the
 * channel stays until then only while somebody has a reference. */
typedef void (*bdk_channel_msg)(struct bdk_io_channel_iter* iter);
/** [the thread that asked] The walk has ended. `status`: 0, or the status with which a visit ended the walk;
 * -ENODEV when the device was not registered. */
typedef void (*bdk_channel_for_each_cpl)(struct bdk_io_channel_iter* iter, int status);

/**
 * [bdk thread] Visits every channel of `io_device`, one thread after the other. Channels that vanish
 * meanwhile are skipped. An error ends the walk.
 * @param ctx  the caller's: bdk_io_channel_iter_get_ctx()
 * @param cpl  may be NULL; runs in a message, also for a device that is not registered (logged); not when the
 * calling thread has exited by then (logged)
 */
BDK_API void bdk_for_each_channel(void* io_device, bdk_channel_msg fn, void* ctx,
                                  bdk_channel_for_each_cpl cpl);

/**
 * [channel's thread] Ends a visit, once, and goes on to the next channel. From another thread than the
 * visited channel's it is reported as rule 2 and goes on all the same: the device could never be
 * unregistered otherwise.
 * @param status  0; anything else ends the walk, and is what its completion gets
 */
BDK_API void bdk_for_each_channel_continue(struct bdk_io_channel_iter* iter, int status);

/** [any thread] The io_device that the walk was started with. */
BDK_API void* bdk_io_channel_iter_get_io_device(const struct bdk_io_channel_iter* iter);
/** [any thread] The channel that is visited; NULL in the completion. */
BDK_API struct bdk_io_channel* bdk_io_channel_iter_get_channel(const struct bdk_io_channel_iter* iter);
/** [any thread] The `ctx` that the walk was started with. */
BDK_API void* bdk_io_channel_iter_get_ctx(const struct bdk_io_channel_iter* iter);

BDK_C_END

#endif
