// SPDX-License-Identifier: BSD-3-Clause
// The usual course of a case: start a host, load the plugin, run steps that each create their own bdev.
#pragma once

#include <functional>
#include <string>

#include "check/case.hpp"
#include "check/client.hpp"
#include "check/stage.hpp"

namespace bdevkit::host {

/// Starts a host, loads the plugin, runs steps(stage) and ends the host. When the plugin does not load, that
/// is recorded and no step runs.
void with_stage(CaseContext& context, const StageOptions& options, const std::function<void(Stage&)>& steps);

/// The bdev of one step. Throws NotApplicable when none can be created; the rule create.defaults reports
/// that.
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

/// Throws NotApplicable when the bdev has zones, because zones cannot be written in any order.
void need_plain_blocks(const CheckClient& client);

/// Writes to each of the module's bdevs and expects the others to stay unchanged, because a module may make
/// several bdevs from one base. Throws Broken.
void expect_apart(Stage& stage);

/// Whether reads return data. Reads from a null disk leave the buffer unchanged.
bool keeps_data(CheckClient& client);

}  // namespace bdevkit::host
