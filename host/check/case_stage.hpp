// SPDX-License-Identifier: BSD-3-Clause
// The usual course of a case: a host, the plugin, and steps that each make a bdev for themselves.
#pragma once

#include <functional>
#include <string>

#include "check/case.hpp"
#include "check/client.hpp"
#include "check/stage.hpp"

namespace bdevkit::host {

/// Starts a host, loads the plugin, runs steps(stage) and ends the host. When the plugin does not load, that
/// is told and nothing is done.
void with_stage(CaseContext& context, const StageOptions& options, const std::function<void(Stage&)>& steps);

/// The bdev of one step. Throws NotApplicable when none can be made, which is create.defaults' to tell.
class CheckedBdev {
public:
    explicit CheckedBdev(Stage& stage);
    /// Removes it.
    ~CheckedBdev();
    CheckedBdev(const CheckedBdev&) = delete;
    CheckedBdev& operator=(const CheckedBdev&) = delete;

    const std::string& name() const { return name_; }

private:
    Stage& stage_;
    std::string name_;
};

/// Throws NotApplicable for a module without base.
void need_base(Stage& stage);

/// Throws NotApplicable when the bdev has zones, which cannot be written anywhere.
void need_plain_blocks(const CheckClient& client);

/// Writes to each of the module's bdevs, and expects the others to stay as they are: a module may make
/// several of one base. Throws Broken.
void expect_apart(Stage& stage);

/// Whether reads give anything: those of a null disk leave the buffer as it is, wherever they look.
bool keeps_data(CheckClient& client);

}  // namespace bdevkit::host
