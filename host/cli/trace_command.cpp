// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/output.hpp"
#include "perf/trace_reader.hpp"

namespace bdevkit::host {

namespace {

constexpr const char* trace_footer =
    "Prints a trace, written by a bdev of the module `trace`: a line per I/O, in the order of submission.\n"
    "With --json, one JSON object per line: first for the trace, then for each I/O.\n"
    "\n"
    "Examples:\n"
    "  bdevkit trace disk.trace | less\n"
    "  bdevkit trace disk.trace --json | jq -s '[.[1:][] | select(.type == \"write\") | .bytes] | add'\n"
    "`bdevkit perf --replay` replays a trace.";

struct TraceOptions {
    std::string file;
    bool json = false;
};

ExitCode print_trace(const TraceOptions& options) {
    const auto trace = read_trace(options.file);
    if (!trace) {
        print_error("{}\n", trace.error());
        return exit_failure;
    }
    if (options.json)
        print_json_line(trace_title_json(*trace));
    else
        print_out("{}\n", trace_title(*trace));
    for (const bdk_trace_record& record : trace->records) {
        if (options.json)
            print_json_line(trace_line_json(*trace, record));
        else
            print_out("{}\n", trace_line(*trace, record));
    }
    return exit_ok;
}

}  // namespace

Command add_trace_command(CLI::App& program) {
    auto options = std::make_shared<TraceOptions>();
    CLI::App* command = program.add_subcommand("trace", "Print the I/Os of a trace");
    command->footer(trace_footer);
    command->add_option("FILE", options->file, "A file that the module `trace` has written")->required();
    command->add_flag("--json", options->json, "Print JSON");
    return {command, [options] { return print_trace(*options); }};
}

}  // namespace bdevkit::host
