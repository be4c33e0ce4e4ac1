// SPDX-License-Identifier: BSD-3-Clause
// Values for a module's options, made up from its option table.
#pragma once

#include <bdevkit/option.h>

#include <string>
#include <vector>

#include "loader/module_info.hpp"
#include "stack/option_table.hpp"
#include "stack/option_value.hpp"

namespace bdevkit::host {

/// A value for one option: several for a list.
struct Setting {
    std::string option;
    std::vector<std::string> values;
};

/// The options struct for these settings. Throws Broken with the host's message when it refuses them.
OptionStruct options_of(const ModuleInfo& module, const std::vector<Setting>& settings);

/// The host's reason to refuse the settings; empty: it accepts them.
std::string why_refused(const ModuleInfo& module, const std::vector<Setting>& settings);

/// The host's reason to refuse the default of an option; empty: it accepts it.
std::string why_default_is_refused(const ModuleInfo& module, const bdk_option& option);

/// A value that is likely to be accepted, as a user would write it. Not for bdevs and paths.
std::string plausible_value(const bdk_option& option);

/// The smallest and the largest value that the table allows, every value of an enum, or both values of a
/// bool.
std::vector<std::string> limit_values(const bdk_option& option);

/// Values that the table forbids.
std::vector<std::string> forbidden_values(const bdk_option& option);

/// "size=64MiB, base=base0", for messages.
std::string describe(const std::vector<Setting>& settings);

}  // namespace bdevkit::host
