// SPDX-License-Identifier: BSD-3-Clause
// Converts the user's values to a module's options struct, according to its option table.
#pragma once

#include <bdevkit/option.h>

#include <cstddef>
#include <deque>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "stack/node.hpp"
#include "stack/option_table.hpp"
#include "stack/problem.hpp"

namespace bdevkit::host {

/// The maximum length of a bdev's name in bytes.
constexpr size_t max_bdev_name = 255;

/// A module's options struct, with the strings and lists that it points to. Moving it keeps addresses.
class OptionStruct {
public:
    OptionStruct() = default;
    explicit OptionStruct(size_t size);

    const void* data() const { return storage_.get(); }

    /// For the host's own tables, whose struct type is known.
    template <typename T>
    const T& as() const {
        return *static_cast<const T*>(data());
    }

    /// The address of an option's value.
    std::byte* at(uint64_t offset) { return storage_.get() + offset; }
    const std::byte* at(uint64_t offset) const { return storage_.get() + offset; }
    const char* keep(std::string text);
    std::byte* keep_list(size_t bytes);

private:
    std::unique_ptr<std::byte[]> storage_;
    std::deque<std::string> strings_;
    std::vector<std::unique_ptr<std::byte[]>> lists_;
};

/// Fills an options struct: first zeros, then defaults, then the members of the user's map.
class OptionReader {
public:
    /// @param base_folder where relative paths start @param subject the owner of the options, for messages:
    /// "module 'malloc'", "`host`"
    OptionReader(OptionTable table, std::filesystem::path base_folder, std::string subject);

    /// Members that are not in the table are problems, except those in `others`, which the caller reads.
    /// @param at the place at which a missing required option is reported
    OptionStruct read(std::span<const Member> members, Location at, const std::vector<std::string>& others,
                      Problems& problems) const;

private:
    void report_unknown(std::span<const Member> members, const std::vector<std::string>& others,
                        Problems& problems) const;
    void store(const bdk_option& option, const Member& member, OptionStruct& result,
               Problems& problems) const;

    OptionTable table_;
    std::filesystem::path base_folder_;
    std::string subject_;
};

}  // namespace bdevkit::host
