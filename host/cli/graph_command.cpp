// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/output.hpp"
#include "cli/stack_loading.hpp"
#include "stack/graph.hpp"

namespace bdevkit::host {

namespace {

constexpr const char* graph_footer =
    "Draws the stack with frontends on top and bases below. Nothing is created.\n"
    "\n"
    "Examples:\n"
    "  bdevkit graph my-stack.yaml\n"
    "  bdevkit graph my-stack.yaml --format dot | dot -Tsvg > stack.svg\n"
    "  bdevkit graph my-stack.yaml --format mermaid      for Markdown";

struct GraphOptions {
    std::string file;
    std::vector<std::string> plugin_path;
    std::string format = "text";
};

ExitCode graph(const GraphOptions& options) {
    const LoadedStack loaded = load_stack(options.file, options.plugin_path);
    if (!loaded.valid()) {
        write_error(loaded.problems.format(loaded.file.name));
        return exit_usage;
    }
    if (options.format == "dot") {
        write_out(draw_dot(loaded.stack));
    } else if (options.format == "mermaid") {
        write_out(draw_mermaid(loaded.stack));
    } else if (options.format == "json") {
        print_json(graph_to_json(loaded.stack));
    } else {
        write_out(draw_text(loaded.stack));
    }
    return exit_ok;
}

}  // namespace

Command add_graph_command(CLI::App& program) {
    auto options = std::make_shared<GraphOptions>();
    CLI::App* command = program.add_subcommand("graph", "Draw a stack");
    command->footer(graph_footer);
    add_stack_argument(*command, options->file);
    add_plugin_path_option(*command, options->plugin_path);
    command->add_option("--format", options->format, "text (default), dot, mermaid or json")
        ->type_name("FORMAT")
        ->check(CLI::IsMember({"text", "dot", "mermaid", "json"}));
    return {command, [options] { return graph(*options); }};
}

}  // namespace bdevkit::host
