// SPDX-License-Identifier: BSD-3-Clause
#include "method_call.hpp"

#include <bdevkit/bdev.h>
#include <fmt/format.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "module/method_call.hpp"
#include "runtime/runtime.hpp"
#include "stack/nearest.hpp"
#include "stack/option_table.hpp"
#include "stack/option_value.hpp"
#include "stack/yaml.hpp"

namespace bdevkit::host {

namespace {

/// State that lives until the call has ended, on the app thread.
struct UnderWay {
    std::string what;
    const ModuleInfo* module;
    const MethodInfo* method;
    OptionStruct params;
    std::promise<Changed<std::string>> end;
};

Changed<const ModuleInfo*> find_module(PluginLoader& loader, const std::string& name) {
    const auto plugin = loader.open(name);
    if (plugin && !(*plugin)->info.methods.empty()) return &(*plugin)->info;
    std::vector<std::string> names;
    for (const Plugin& each : loader.plugins())
        if (each.is_there() && (each.state == PluginState::found || !each.info.methods.empty()))
            names.push_back(each.module_name);
    const std::string why = plugin ? fmt::format("module '{}' has no methods", name) : plugin.error();
    return tl::unexpected(ChangeError{ENOENT, why + suggestion(name, names)});
}

Changed<const MethodInfo*> find_method(const ModuleInfo& module, const std::string& name) {
    if (const MethodInfo* method = module.find_method(name)) return method;
    std::vector<std::string> names;
    for (const MethodInfo& method : module.methods)
        names.push_back(method.name);
    return tl::unexpected(ChangeError{
        ENOENT, fmt::format("module '{}' has no method '{}'{}", module.name, name, suggestion(name, names))});
}

/// The bdevs that the parameters name.
std::vector<std::string> named_bdevs(const MethodInfo& method, OptionStruct& params) {
    std::vector<std::string> names;
    for (const bdk_option& param : method.params) {
        if (param.type != BDK_OPTION_BDEV) continue;
        const std::byte* at = params.at(param.offset);
        bdk_option_list list{at, 1};
        if (is_list(param)) list = *reinterpret_cast<const bdk_option_list*>(at);
        for (uint64_t i = 0; i < list.count; i++)
            if (const char* name = static_cast<const char* const*>(list.items)[i]) names.emplace_back(name);
    }
    return names;
}

/// [app thread] The first bdev that does not exist; empty: all exist.
std::string first_missing(const std::vector<std::string>& bdevs) {
    for (const std::string& name : bdevs)
        if (bdk_bdev_get_by_name(name.c_str()) == nullptr) return name;
    return {};
}

/// [app thread]
void begin(const std::shared_ptr<UnderWay>& call, const std::vector<std::string>& bdevs) {
    if (const std::string missing = first_missing(bdevs); !missing.empty())
        return call->end.set_value(
            tl::unexpected(ChangeError{ENODEV, fmt::format("{}: no bdev '{}'", call->what, missing)}));
    const auto ended = [call](int rc, const std::string& text) {
        if (rc == 0) return call->end.set_value(text);
        const std::string why = text.empty() ? std::generic_category().message(-rc) : text;
        call->end.set_value(tl::unexpected(ChangeError{-rc, fmt::format("{}: {}", call->what, why)}));
    };
    bdk::module_call(call->module->module, call->method->method, call->params.data(), ended);
}

}  // namespace

Changed<MethodCall> MethodCall::start(PluginLoader& loader, const std::string& module,
                                      const std::string& method, const std::string& yaml,
                                      const std::filesystem::path& folder) {
    const auto found_module = find_module(loader, module);
    if (!found_module) return tl::unexpected(found_module.error());
    const auto found = find_method(**found_module, method);
    if (!found) return tl::unexpected(found.error());
    const auto call = std::make_shared<UnderWay>();
    call->what = fmt::format("method '{}' of module '{}'", method, module);
    call->module = *found_module;
    call->method = *found;
    Problems problems;
    const ConfigNodePtr given = parse_yaml(yaml, problems);
    if (given == nullptr || !problems.empty()) return refuse(problems);
    call->params =
        OptionReader(option_table_of(**found), folder, call->what).read(given->members, {}, {}, problems);
    if (!problems.empty()) return refuse(problems);
    if (const auto loaded = loader.load(module); !loaded)
        return tl::unexpected(ChangeError{EIO, loaded.error()});
    MethodCall started(call->end.get_future());
    bdk::call_on_app_thread([&] { begin(call, named_bdevs(**found, call->params)); });
    return started;
}

}  // namespace bdevkit::host
