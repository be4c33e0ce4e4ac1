// SPDX-License-Identifier: BSD-3-Clause
// Calls of modules' methods, with parameters in the format of the stack file.
#pragma once

#include <filesystem>
#include <future>
#include <string>

#include "change_error.hpp"
#include "loader/plugin_loader.hpp"

namespace bdevkit::host {

/// A call under way. It continues even if no thread waits for it; the host's stop() waits until it has ended.
class MethodCall {
public:
    /// [main thread] Finds the method, checks the parameters, loads the module if need be, and calls.
    /// @param yaml    the parameters, a map
    /// @param folder  where relative paths start
    static Changed<MethodCall> start(PluginLoader& loader, const std::string& module,
                                     const std::string& method, const std::string& yaml,
                                     const std::filesystem::path& folder);

    /// [not a bdk thread] Waits for the result. Call it once. @return a JSON object
    Changed<std::string> wait() { return end_.get(); }

private:
    explicit MethodCall(std::future<Changed<std::string>> end) : end_(std::move(end)) {}

    std::future<Changed<std::string>> end_;
};

}  // namespace bdevkit::host
