// SPDX-License-Identifier: BSD-3-Clause
#include "stack/conflicts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>

#include "stack/option_table.hpp"

namespace bdevkit::host {

namespace {

bool is_claimed(const BdevSpec& bdev, const BaseRef& base) {
    if (bdev.module == nullptr) return false;
    const bdk_option* option = option_table_of(*bdev.module).find(base.option);
    return option != nullptr && (option->flags & BDK_OPTION_CLAIMED) != 0;
}

/// The option with the bdev's own UUID, if it was given.
const bdk_option* uuid_option(const BdevSpec& bdev) {
    if (bdev.module == nullptr) return nullptr;
    const bdk_option* option = option_table_of(*bdev.module).find("uuid");
    const bool is_one = option != nullptr && option->type == BDK_OPTION_UUID && !is_list(*option);
    return is_one && bdev.find_member("uuid") != nullptr ? option : nullptr;
}

}  // namespace

BaseClaims::BaseClaims(const std::vector<BdevSpec>& bdevs, Problems& problems) {
    for (const BdevSpec& bdev : bdevs) {
        for (const BaseRef& base : bdev.bases) {
            if (!is_claimed(bdev, base)) continue;
            const auto [first, inserted] = claims_.try_emplace(base.bdev, Claim{bdev.name, base.at});
            if (inserted) continue;
            problems.add(
                base.at,
                fmt::format("bdev '{}' is already claimed for writing by '{}', at {}:{}; only one "
                            "bdev may write to it",
                            base.bdev, first->second.by, first->second.at.line, first->second.at.column));
        }
    }
}

void BaseClaims::check_export(const std::string& bdev, bool read_only, Location at,
                              Problems& problems) const {
    const auto claim = claims_.find(bdev);
    if (read_only || claim == claims_.end()) return;
    problems.add(at,
                 fmt::format("bdev '{}' is claimed for writing by '{}', at {}:{}; export a bdev on top of "
                             "it, or give this export `read_only: true`",
                             bdev, claim->second.by, claim->second.at.line, claim->second.at.column));
}

void check_uuids(const std::vector<BdevSpec>& bdevs, Problems& problems) {
    struct Holder {
        std::string name;
        Location at;
    };
    using Uuid = std::array<uint8_t, sizeof(bdk_uuid)>;
    std::map<Uuid, Holder> holders;
    for (const BdevSpec& bdev : bdevs) {
        const bdk_option* option = uuid_option(bdev);
        if (option == nullptr) continue;
        Uuid uuid{};
        std::memcpy(uuid.data(), bdev.options.at(option->offset), uuid.size());
        if (uuid == Uuid{}) continue;  // missing or invalid
        const Location at = bdev.find_member("uuid")->value->at;
        const auto [first, inserted] = holders.try_emplace(uuid, Holder{bdev.name, at});
        if (inserted) continue;
        problems.add(at, fmt::format("'uuid': bdev '{}' has the same UUID, at {}:{}", first->second.name,
                                     first->second.at.line, first->second.at.column));
    }
}

}  // namespace bdevkit::host
