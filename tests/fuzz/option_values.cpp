// SPDX-License-Identifier: BSD-3-Clause
// Values of options of each type, as a user writes them. An input is a list of options with their values.
#include <bdevkit/option.h>

#include <string>
#include <vector>

#include "fuzz_input.hpp"
#include "stack/option_value.hpp"
#include "stack/quantity.hpp"
#include "stack/stack_test_modules.hpp"

using namespace bdk::fuzz;
using namespace bdevkit::host;

namespace {

/// A value that was read is written in a form that reads back as the same value.
void check_quantities(const std::string& text) {
    static_cast<void>(parse_number(text));
    if (const Quantity bytes = parse_size(text))
        must_hold(parse_size(format_size(*bytes)) == bytes, "a size is written as it is read");
    if (const Quantity ns = parse_duration(text))
        must_hold(parse_duration(format_duration(*ns)) == ns, "a duration is written as it is read");
}

ConfigNodePtr value_of(const bdk_option& option, FuzzInput& input) {
    const size_t count = is_list(option) ? input.take<uint8_t>() % 8 : 1;
    auto list = std::make_shared<ConfigNode>();
    list->kind = ConfigNode::Kind::list;
    for (size_t i = 0; i < count; i++) {
        const std::string text = input.take_text(input.take<uint8_t>());
        check_quantities(text);
        list->items.push_back(make_scalar(text, {1, int(i + 1)}));
    }
    if (!is_list(option)) return list->items.front();
    return list;
}

void check_disk(const DiskOptions& disk) {
    must_hold(disk.size >= 512 && disk.size <= 1ull << 40, "a size is within its bounds");
    must_hold(disk.block_size >= 512 && disk.block_size <= 65536, "a number is within its bounds");
    must_hold(disk.mode < 2, "an enum's value is one of its own");
    must_hold(disk.sparse <= 1, "a bool is 0 or 1");
    for (size_t i = 0; i < disk.ports.count; i++)
        must_hold(static_cast<const uint32_t*>(disk.ports.items)[i] <= 100,
                  "an element is within its bounds");
    for (size_t i = 0; i < disk.tags.count; i++)
        must_hold(static_cast<const char* const*>(disk.tags.items)[i] != nullptr, "each element is there");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    FuzzInput input(data, size);
    std::vector<Member> members;
    members.push_back({"size", {1, 1}, make_scalar("1MiB", {1, 1})});
    while (!input.empty()) {
        const bdk_option& option = disk_options[input.take<uint8_t>() % std::size(disk_options)];
        std::erase_if(members, [&](const Member& member) { return member.key == option.name; });
        members.push_back({option.name, {1, 1}, value_of(option, input)});
    }
    Problems problems;
    const OptionReader reader(option_table_of(*test_modules()[0]), "/stacks", "module 'disk'");
    const OptionStruct options = reader.read(members, {1, 1}, {}, problems);
    if (problems.empty()) check_disk(options.as<DiskOptions>());
    must_hold(problems.empty() == problems.format("f").empty(), "each problem has a line");
    return 0;
}
