// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "support/test_host.hpp"

namespace bdk::test {

/// Existing disks as bases for stacks. The model first zeroes them completely.
struct OutsideBase {
    std::string module;                 ///< a plugin of this build
    std::vector<std::string> suffixes;  ///< of the bdevs that it makes, one of which is used at a time
    GivenOptions options;
};

/// The content of the environment variable BDEVKIT_MODEL_BASE: "MODULE SUFFIX,... OPTION=TEXT ...", with
/// options that are texts. Throws when it has another form.
std::optional<OutsideBase> outside_base();

}  // namespace bdk::test
