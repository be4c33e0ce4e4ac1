// SPDX-License-Identifier: BSD-3-Clause
/// @file method.hpp
/// A module's methods, each a struct of its own with its parameters declared as options are:
///
///     struct Reset {
///         static constexpr const char* name = "reset";
///         static constexpr const char* help = "Resets a controller.";
///         struct Options {
///             const char* name;
///         };
///         static constexpr bdk_option options[] = {BDEVKIT_OPTION(name, "The controller's.").required()};
///         static void call(const Options& given, bdevkit::Json result);  // ends when it returns or throws
///     };
///
/// or, for one that may end later, `static void call(const Options& given, bdevkit::Call call)`. One without
/// parameters has neither Options nor options, and `call(bdevkit::Json)` or `call(bdevkit::Call)`. The
/// module lists them:
///
///     static constexpr bdk_method methods[] = {bdevkit::method<Reset>()};
#pragma once

#include <bdevkit/method.h>
#include <bdevkit/error.hpp>
#include <bdevkit/json.hpp>
#include <bdevkit/option.hpp>

#include <iterator>
#include <type_traits>
#include <utility>

namespace BDEVKIT_HIDDEN bdevkit {

/// One call of a method: finish() it once, on the app thread, now or later. Options are valid until then.
class Call {
public:
    Call(bdk_call* call, Json result) noexcept : call_(call), result_(result) {}

    /// Ends it, with the result that has been written.
    void finish() const noexcept { bdk_module_call_done(call_, 0); }

    /// Ends it, with what write(Json) writes into the result, or with what it throws.
    template <class Fn>
    void finish(Fn&& write) const noexcept {
        const int rc = run(std::forward<Fn>(write));
        bdk_module_call_done(call_, rc);
    }

    /// The result: an object.
    Json result() const noexcept { return result_; }

    /// Runs fn(Json). @return 0, or the errno of what it threw, which the caller is told
    template <class Fn>
    int run(Fn&& fn) const noexcept {
        try {
            std::forward<Fn>(fn)(result_);
            return 0;
        } catch (const Error& error) {
            bdk_call_explain(call_, error.what());
            return error.rc();
        } catch (...) {
            return detail::handle_exception("method", "call");
        }
    }

private:
    bdk_call* call_;
    Json result_;
};

namespace detail {

struct NoOptions {};
template <class T>
struct OptionsOf {
    using Type = NoOptions;
};
template <class T>
requires requires {
    typename T::Options;
}
struct OptionsOf<T> {
    using Type = typename T::Options;
};

template <class T>
inline constexpr bool has_options = !std::is_same_v<typename OptionsOf<T>::Type, NoOptions>;

/// Whether T's call takes How, Json or Call, behind its options.
template <class T, class How>
constexpr bool takes() {
    if constexpr (has_options<T>)
        return std::is_invocable_v<decltype(&T::call), const typename T::Options&, How>;
    else
        return std::is_invocable_v<decltype(&T::call), How>;
}

template <class T, class How>
void call_with([[maybe_unused]] const void* params, How how) {
    if constexpr (has_options<T>)
        T::call(*static_cast<const typename T::Options*>(params), how);
    else
        T::call(how);
}

/// bdk_method::call of T.
template <class T>
int call_method(const bdk_module*, const bdk_method*, bdk_call* call, const void* params,
                bdk_json_writer* writer) noexcept {
    static_assert(takes<T, Json>() || takes<T, Call>(),
                  "a method has `static void call(const Options&, bdevkit::Json)`, or with bdevkit::Call");
    const Call under_way(call, Json(writer));
    if constexpr (takes<T, Json>()) {
        return under_way.run([&](Json result) { call_with<T>(params, result); });
    } else {
        const int rc = under_way.run([&](Json) { call_with<T>(params, under_way); });
        return rc == 0 ? BDK_PENDING : rc;
    }
}

}  // namespace detail

/// The line of a method table that stands for `T`.
template <class T>
constexpr bdk_method method() {
    bdk_method line{};
    line.name = T::name;
    line.help = T::help;
    if constexpr (detail::has_options<T>) {
        line.params = std::data(T::options);
        line.param_count = std::size(T::options);
        line.params_struct_size = sizeof(typename T::Options);
    }
    line.call = detail::call_method<T>;
    return line;
}

}  // namespace bdevkit
