// SPDX-License-Identifier: BSD-3-Clause
// Marks a module's callback inside a message of the library. While the scope exists, the watchdog names the
// callback instead of the message:
//
//     {
//         const CallbackScope scope("destroy callback", ch->destroy_cb);
//         ch->destroy_cb(...);
//     }
#pragma once

#include "thread/activity.hpp"
#include "thread/reactor.hpp"

namespace bdk {

class CallbackScope {
public:
    /// [any thread] Has no effect outside a reactor. @param kind a string literal
    template <typename Fn>
    CallbackScope(const char* kind, Fn* fn) noexcept
        : activity_(Reactor::current() == nullptr ? nullptr : &Reactor::current()->activity_of_callbacks()) {
        if (activity_ != nullptr) outer_ = activity_->enter({reinterpret_cast<const void*>(fn), kind});
    }
    ~CallbackScope() {
        if (activity_ != nullptr) activity_->leave(outer_);
    }
    CallbackScope(const CallbackScope&) = delete;
    CallbackScope& operator=(const CallbackScope&) = delete;

private:
    Activity* activity_;
    Activity::Callback outer_{};
};

/// [any thread] Calls fn(arguments...) in a scope.
template <typename Fn, typename... Arguments>
auto call_in_scope(const char* kind, Fn* fn, Arguments... arguments) {
    const CallbackScope scope(kind, fn);
    return fn(arguments...);
}

}  // namespace bdk
