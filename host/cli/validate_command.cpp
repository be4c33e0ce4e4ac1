// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/output.hpp"
#include "cli/stack_loading.hpp"

namespace bdevkit::host {

namespace {

constexpr const char* validate_footer =
    "Checks everything that can be checked without creating a bdev: syntax, names, the options of every\n"
    "module, bases, cycles. Prints all errors as file:line:column: message and exits with 2, or exits\n"
    "with 0.\n"
    "\n"
    "Examples:\n"
    "  bdevkit validate my-stack.yaml\n"
    "  bdevkit validate --json my-stack.yaml | jq '.problems[].message'";

struct ValidateOptions {
    std::string file;
    std::vector<std::string> plugin_path;
    bool json = false;
};

void print_report(const LoadedStack& loaded) {
    nlohmann::json problems = nlohmann::json::array();
    for (const Problem& problem : loaded.problems.sorted()) {
        problems.push_back(
            {{"line", problem.at.line}, {"column", problem.at.column}, {"message", problem.message}});
    }
    const nlohmann::json result = {
        {"file", loaded.file.name}, {"valid", loaded.valid()}, {"problems", std::move(problems)}};
    print_json(result);
}

void print_text(const LoadedStack& loaded) {
    if (!loaded.valid()) {
        write_error(loaded.problems.format(loaded.file.name));
        return;
    }
    size_t exports = 0;
    for (const FrontendSpec& frontend : loaded.stack.frontends)
        exports += frontend.exports.size();
    print_out("{}: valid ({} bdevs, {} exports)\n", loaded.file.name, loaded.stack.bdevs.size(), exports);
}

ExitCode validate(const ValidateOptions& options) {
    const LoadedStack loaded = load_stack(options.file, options.plugin_path);
    if (options.json) {
        print_report(loaded);
    } else {
        print_text(loaded);
    }
    return loaded.valid() ? exit_ok : exit_usage;
}

}  // namespace

Command add_validate_command(CLI::App& program) {
    auto options = std::make_shared<ValidateOptions>();
    CLI::App* command = program.add_subcommand("validate", "Check a stack file and print every error");
    command->footer(validate_footer);
    add_stack_argument(*command, options->file);
    add_plugin_path_option(*command, options->plugin_path);
    command->add_flag("--json", options->json, "Print the result as JSON");
    return {command, [options] { return validate(*options); }};
}

}  // namespace bdevkit::host
