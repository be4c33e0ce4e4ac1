// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "loader/module_info.hpp"

namespace bdevkit::host {

/// A JSON Schema (draft 7) of stack files with these modules, for editors that complete and check YAML. It is
/// generated from the option tables that also read the file.
nlohmann::json make_stack_schema(const std::vector<const ModuleInfo*>& modules);

}  // namespace bdevkit::host
