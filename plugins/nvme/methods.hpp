// SPDX-License-Identifier: BSD-3-Clause
// The module's methods. A controller is attached by creating its bdevs.
#pragma once

#include <bdevkit/bdevkit.hpp>

namespace nvme {

struct ListMethod {
    static constexpr const char* name = "list";
    static constexpr const char* help = "Tells of every controller, and of its namespaces.";
    static void call(bdevkit::Json result);
};

/// What the others need.
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
    static constexpr const char* help = "Resets a controller; what is in flight begins again where it can.";
    static void call(const Options& given, bdevkit::Call call);
};

struct HealthMethod : NamedMethod {
    static constexpr const char* name = "health";
    static constexpr const char* help = "Tells of a controller's health: its SMART log page, decoded.";
    static void call(const Options& given, bdevkit::Call call);
};

struct DetachMethod : NamedMethod {
    static constexpr const char* name = "detach";
    static constexpr const char* help = "Removes the bdevs of a controller, shuts it down and leaves it.";
    static void call(const Options& given, bdevkit::Call call);
};

}  // namespace nvme
