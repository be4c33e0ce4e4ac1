// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace bdevkit::host {

/// The program's exit codes.
enum ExitCode : int {
    exit_ok = 0,
    exit_failure = 1,  ///< failure at run time
    exit_usage = 2,    ///< the command line or the configuration is wrong
};

/// A subcommand: its declaration to CLI11, and the function to run after the command line has been parsed.
struct Command {
    CLI::App* app;
    std::function<ExitCode()> run;
    bool watches_signals =
        false;  ///< it uses a SignalWatch; for other commands a signal has its default action
};

Command add_run_command(CLI::App& program);
Command add_validate_command(CLI::App& program);
Command add_graph_command(CLI::App& program);
Command add_plugins_command(CLI::App& program);
Command add_perf_command(CLI::App& program);
Command add_trace_command(CLI::App& program);
Command add_check_command(CLI::App& program);
Command add_schema_command(CLI::App& program);
Command add_new_command(CLI::App& program);

}  // namespace bdevkit::host
