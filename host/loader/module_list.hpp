// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <utility>

#include "loader/module_source.hpp"

namespace bdevkit::host {

/// A fixed list of modules.
class ModuleList final : public ModuleSource {
public:
    explicit ModuleList(std::vector<const ModuleInfo*> modules) : modules_(std::move(modules)) {}

    const ModuleInfo* find(std::string_view name) const override;
    std::string why_refused(std::string_view) const override { return {}; }
    std::vector<std::string> names() const override;
    std::vector<std::string> examining() const override;

private:
    std::vector<const ModuleInfo*> modules_;
};

}  // namespace bdevkit::host
