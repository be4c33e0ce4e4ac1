// SPDX-License-Identifier: BSD-3-Clause
#include <bdevkit/thread.h>

#include <memory>

#include "thread/callback_scope.hpp"
#include "thread/place.hpp"
#include "thread/thread.hpp"
#include "thread/thread_registry.hpp"

namespace bdk {
namespace {

/// A walk over all threads by ascending number, so that none is visited twice.
struct ThreadWalk {
    bdk_msg_fn fn;
    void* ctx;
    bdk_msg_fn done;
    bdk_thread* origin;
};

void finish_threads_msg(void* arg) {
    const std::unique_ptr<ThreadWalk> walk(static_cast<ThreadWalk*>(arg));
    walk->origin->walks_due.end_one();
    if (walk->done != nullptr) call_in_scope("completion of a walk", walk->done, walk->ctx);
}

void visit_thread_msg(void* arg);

void visit_next(ThreadWalk* walk, uint64_t last_id) {
    for (;;) {
        bdk_thread* next = ThreadRegistry::instance().next_after(last_id);
        if (next == nullptr) break;
        if (send_always(next, visit_thread_msg, walk)) return;
        last_id = next->id;
    }
    // The thread that started the walk waits for it before it exits, but not for ever.
    if (!send_always(walk->origin, finish_threads_msg, walk)) delete walk;
}

void visit_thread_msg(void* arg) {
    auto* walk = static_cast<ThreadWalk*>(arg);
    const uint64_t id = current_thread()->id;
    call_in_scope("visit of a walk", walk->fn, walk->ctx);
    visit_next(walk, id);
}

}  // namespace
}  // namespace bdk

void bdk_for_each_thread(bdk_msg_fn fn, void* ctx, bdk_msg_fn done) {
    bdk_thread* origin = bdk::current_thread();
    if (!bdk::on_bdk_thread(BDK_ABI_CALL) || !bdk::has_callback(fn, BDK_ABI_CALL)) return;
    origin->walks_due.begin_one();
    auto walk = std::make_unique<bdk::ThreadWalk>(bdk::ThreadWalk{fn, ctx, done, origin});
    bdk::visit_next(walk.release(), 0);
}
