// SPDX-License-Identifier: BSD-3-Clause
/// @file module.hpp
/// The table of a module, made at compile time from a class, and the plugin that has it:
///
///     BDEVKIT_MODULE(Null, .name = "null", .version = "1.0.0", .description = "Stores nothing",
///                    .author = "...", .license = "BSD-3-Clause");
///
/// The class stands in an anonymous namespace, so that no other plugin's class of the same name is taken for
/// it; where that was forgotten, gcc warns of "greater visibility". Most often a bdevkit::Bdev or
/// VirtualBdev, it may have as public members:
///
///     struct Options; static constexpr bdk_option options[]   see option.hpp
///     static int create(bdk_create*, const char* name, const Options&)   Bdev brings one
///     struct IoContext                                        per-I/O context
///     static int module_init(), module_fini()                 once per process; see struct bdk_module
///     static void examine_config(bdk_bdev*)                   this layer calls examine_done after it
///     static void examine_disk(Examination, bdk_bdev*)        finishes it, now or later
///     static void module_config(Json)                         settings of the module
///     static constexpr bdk_method methods[]                   see method.hpp
///     void reconfigure(const Options&, Reconfiguration)       of a Bdev: see struct bdk_module
///     void on_remove()                                        of a Bdev: it is about to be unregistered
///     static const bdk_module* module()                       where a plugin or program has several modules
#pragma once

#include <bdevkit/bdev_module.h>
#include <bdevkit/examine.h>
#include <bdevkit/module.h>
#include <bdevkit/error.hpp>
#include <bdevkit/json.hpp>
#include <bdevkit/method.hpp>
#include <bdevkit/option.hpp>

#include <iterator>

namespace BDEVKIT_HIDDEN bdevkit {

/// The module that `T` belongs to: the plugin's only one, or T::module() where there are several.
template <class T>
const bdk_module* module_of() noexcept {
    if constexpr (requires { T::module(); })
        return T::module();
    else
        return &bdk_own_module;
}

/// A change of options under way: finish() it once, on the app thread, now or later.
class Reconfiguration {
public:
    explicit Reconfiguration(bdk_reconfigure* reconfigure) noexcept : reconfigure_(reconfigure) {}
    /// @param rc  0 or a negative errno
    void finish(int rc = 0) const noexcept { bdk_module_reconfigure_done(reconfigure_, rc); }

private:
    bdk_reconfigure* reconfigure_;
};

/// An examination under way: finish() it once, on the app thread, now or later.
class Examination {
public:
    explicit Examination(bdk_examine* examine) noexcept : examine_(examine) {}
    /// @param rc  0: the module has looked; a negative errno: it could not
    void finish(int rc = 0) const noexcept { bdk_examine_done(examine_, rc); }

private:
    bdk_examine* examine_;
};

struct ModuleInfo {
    const char* name = nullptr;
    const char* version = "";
    const char* description = "";
    const char* author = "";
    const char* license = "";
    uint32_t flags = 0;                 ///< BDK_MODULE_*
    const char* part_suffix = nullptr;  ///< of struct bdk_module
};

namespace detail {

/// As guarded(), with the name of T's module.
template <class T, class Fn>
int guarded_for(const char* callback, Fn&& fn) noexcept {
    return guarded(module_of<T>()->name, callback, std::forward<Fn>(fn));
}

/// The callbacks of struct bdk_module.
template <class T>
struct ModuleCallbacks {
    using Options = typename OptionsOf<T>::Type;

    static int init(const bdk_module*) noexcept {
        return guarded_for<T>("init", [] { return T::module_init(); });
    }
    static int fini(const bdk_module*) noexcept {
        return guarded_for<T>("fini", [] { return T::module_fini(); });
    }
    static uint32_t get_ctx_size(const bdk_module*, const bdk_bdev*) noexcept {
        return sizeof(typename T::IoContext);
    }
    static int create(const bdk_module*, bdk_create* create, const char* name,
                      [[maybe_unused]] const void* options) noexcept {
        return guarded_for<T>("create", [&] {
            // Without a table there is no struct.
            if constexpr (std::is_same_v<Options, NoOptions>)
                return T::create(create, name, NoOptions{});
            else
                return T::create(create, name, *static_cast<const Options*>(options));
        });
    }
    static void examine_config(const bdk_module*, bdk_examine* examine, bdk_bdev* bdev) noexcept {
        const int rc = guarded_for<T>("examine_config", [&] { T::examine_config(bdev); });
        bdk_examine_done(examine, rc);
    }
    static void examine_disk(const bdk_module*, bdk_examine* examine, bdk_bdev* bdev) noexcept {
        const int rc = guarded_for<T>("examine_disk", [&] { T::examine_disk(Examination(examine), bdev); });
        if (rc != 0) bdk_examine_done(examine, rc);
    }
    static int remove(const bdk_module*, bdk_remove* remove, bdk_bdev* bdev) noexcept {
        guarded_for<T>("on_remove", [&] { static_cast<T*>(bdev->ctxt)->on_remove(); });
        bdk_bdev_unregister(
            bdev, [](int rc, void* ctx) { bdk_module_remove_done(static_cast<bdk_remove*>(ctx), rc); },
            remove);
        return BDK_PENDING;
    }
    static int reconfigure(const bdk_module*, bdk_reconfigure* reconfigure, bdk_bdev* bdev,
                           const void* options) noexcept {
        const int rc = guarded_for<T>("reconfigure", [&] {
            static_cast<T*>(bdev->ctxt)
                ->reconfigure(*static_cast<const Options*>(options), Reconfiguration(reconfigure));
        });
        return rc == 0 ? BDK_PENDING : rc;
    }
    static void config_json(const bdk_module*, bdk_json_writer* writer) noexcept {
        guarded_for<T>("config_json", [&] { T::module_config(Json(writer)); });
    }
};

}  // namespace detail

/// The table of a module; callbacks for which `T` has no member stay NULL.
template <class T>
constexpr bdk_module make_module(const ModuleInfo& info) {
    using Callbacks = detail::ModuleCallbacks<T>;
    bdk_module module{};
    module.size = sizeof(bdk_module);
    module.flags = info.flags;
    module.name = info.name;
    module.version = info.version;
    module.description = info.description;
    module.author = info.author;
    module.license = info.license;
    module.option_size = sizeof(bdk_option);
    module.create = Callbacks::create;
    if constexpr (requires { T::options; }) {
        module.options = std::data(T::options);
        module.option_count = std::size(T::options);
        module.options_struct_size = sizeof(typename T::Options);
    }
    if constexpr (requires { T::methods; }) {
        module.methods = std::data(T::methods);
        module.method_count = std::size(T::methods);
        module.method_size = sizeof(bdk_method);
    }
    module.part_suffix = info.part_suffix;
    if constexpr (requires { T::module_init(); }) module.init = Callbacks::init;
    if constexpr (requires { T::module_fini(); }) module.fini = Callbacks::fini;
    if constexpr (requires { typename T::IoContext; }) module.get_ctx_size = Callbacks::get_ctx_size;
    if constexpr (requires { T::examine_config(nullptr); }) module.examine_config = Callbacks::examine_config;
    if constexpr (requires { T::examine_disk(Examination(nullptr), nullptr); })
        module.examine_disk = Callbacks::examine_disk;
    if constexpr (requires { T::module_config(Json(nullptr)); }) module.config_json = Callbacks::config_json;
    if constexpr (requires(T & bdev) { bdev.on_remove(); }) module.remove = Callbacks::remove;
    if constexpr (requires(T & bdev, const typename Callbacks::Options& options, Reconfiguration change) {
                      bdev.reconfigure(options, change);
                  })
        module.reconfigure = Callbacks::reconfigure;
    return module;
}

}  // namespace bdevkit

/// Defines a plugin with one module: `Type` and the members of ModuleInfo. Once, at global scope. A plugin
/// with several modules gives each class a module(), each table to make_module(), and the list to BDK_PLUGIN
/// (plugin.h).
#define BDEVKIT_MODULE(Type, ...) \
    BDK_PLUGIN_OF_ONE_MODULE;     \
    constinit const struct bdk_module bdk_own_module = ::bdevkit::make_module<Type>({__VA_ARGS__})
