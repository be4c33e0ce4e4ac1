// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <vector>

#include "module/module_registry.hpp"
#include "stack/stack.hpp"

namespace bdevkit::host {

/// Bdevs of the stack that wait for a base which some module's examine makes, now or when a device is plugged
/// in. They are created as their last base appears, before anybody else may write to it. One at a time in a
/// process.
class WaitingBdevs {
public:
    /// [main thread, while a Runtime runs] From now on new bdevs are looked at.
    WaitingBdevs();
    /// [main thread] Those that wait still are given up.
    ~WaitingBdevs();
    WaitingBdevs(const WaitingBdevs&) = delete;
    WaitingBdevs& operator=(const WaitingBdevs&) = delete;

    /// [app thread] Creates the bdev if its bases are there, else keeps it until they are; done(0) then.
    /// @param bdev  outlives this
    void create(const BdevSpec& bdev, bdk::Done done);

    /// [main thread] "bdev 'a' waits for its base 'b'", for each that waits.
    std::vector<std::string> describe() const;

private:
    static void examine_config(bdk_bdev* bdev);
    void create_ready();

    static const bdk_module as_module;
    static WaitingBdevs* current;

    std::vector<const BdevSpec*> waiting_;  ///< of the app thread
};

}  // namespace bdevkit::host
