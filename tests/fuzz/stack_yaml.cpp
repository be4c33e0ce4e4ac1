// SPDX-License-Identifier: BSD-3-Clause
// Stack files: read, resolved with modules, and drawn when nothing is wrong with them.
#include <nlohmann/json.hpp>

#include <string>

#include "fuzz_input.hpp"
#include "stack/graph.hpp"
#include "stack/stack_file.hpp"
#include "stack/stack_test_modules.hpp"

using namespace bdk::fuzz;
using namespace bdevkit::host;

namespace {

void check_problems(const Problems& problems, const std::string& text) {
    const auto lines =
        2 + std::count(text.begin(), text.end(), '\n') + std::count(text.begin(), text.end(), '\r');
    for (const Problem& problem : problems.sorted()) {
        must_hold(!problem.message.empty(), "a problem is told");
        must_hold(problem.at.line >= 0 && problem.at.line <= lines, "a problem is in the file");
    }
}

void check_stack(const Stack& stack) {
    const auto replace = nlohmann::json::error_handler_t::replace;
    must_hold(!graph_to_json(stack).dump(-1, ' ', false, replace).empty(), "a stack is written as JSON");
    static_cast<void>(draw_text(stack));
    static_cast<void>(draw_dot(stack));
    static_cast<void>(draw_mermaid(stack));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string text = FuzzInput(data, size).take_text(size);
    Problems problems;
    try {
        const StackFile file = parse_stack_file(text, "s.yaml", "/stacks", problems);
        const Stack stack = resolve_stack(file, test_module_list(true), problems);
        if (problems.empty()) check_stack(stack);
    } catch (const TooManyProblems&) {
    }
    check_problems(problems, text);
    return 0;
}
