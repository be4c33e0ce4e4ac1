// SPDX-License-Identifier: BSD-3-Clause
// From what a user wrote and a module's option table to the module's options struct.
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

/// Bytes of a bdev's name.
constexpr size_t max_bdev_name = 255;

/// A module's options struct, with the strings and lists that it points to. Moving it keeps addresses.
class OptionStruct {
public:
    OptionStruct() = default;
    explicit OptionStruct(size_t size);

    const void* data() const { return storage_.get(); }

    /// For the host's own tables, whose struct is known.
    template <typename T>
    const T& as() const {
        return *static_cast<const T*>(data());
    }

    /// The value of one option starts here.
    std::byte* at(uint64_t offset) { return storage_.get() + offset; }
    const std::byte* at(uint64_t offset) const { return storage_.get() + offset; }
    const char* keep(std::string text);
    std::byte* keep_list(size_t bytes);

private:
    std::unique_ptr<std::byte[]> storage_;
    std::deque<std::string> strings_;
    std::vector<std::unique_ptr<std::byte[]>> lists_;
};

/// Fills an options struct: zeros, defaults, then the members of a map as the user gave them.
class OptionReader {
public:
    /// @param base_folder  where relative paths start
    /// @param subject      whose options they are, in messages: "module 'malloc'", "`host`"
    OptionReader(OptionTable table, std::filesystem::path base_folder, std::string subject);

    /// Members that the table does not have are problems, but for those in `others`, which the caller reads.
    /// @param at  where a required option that is missing is reported
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
