// SPDX-License-Identifier: BSD-3-Clause
// The methods of the module. There is none to attach a controller: creating its bdevs does that.
#pragma once

#include <bdevkit/bdevkit.hpp>

namespace nvme {

struct ListMethod {
    static constexpr const char* name = "list";
    static constexpr const char* help = "Lists the controllers and their namespaces.";
    static void call(bdevkit::Json result);
};

/// The option of all other methods.
struct NamedMethod {
    struct Options {
        const char* name;
    };
    static constexpr bdk_option options[] = {
        BDEVKIT_OPTION(name, "The controller's name in the stack, such as Nvme0.").required(),
    };
};

struct ResetMethod : NamedMethod {
    static constexpr const char* name = "reset";
    static constexpr const char* help =
        "Resets a controller; I/O in flight begins again if that is possible.";
    static void call(const Options& given, bdevkit::Call call);
};

struct HealthMethod : NamedMethod {
    static constexpr const char* name = "health";
    static constexpr const char* help = "Reads a controller's health: its SMART log page, decoded.";
    static void call(const Options& given, bdevkit::Call call);
};

struct DetachMethod : NamedMethod {
    static constexpr const char* name = "detach";
    static constexpr const char* help = "Removes the bdevs of a controller and shuts it down.";
    static void call(const Options& given, bdevkit::Call call);
};

}  // namespace nvme
