// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <CLI/App.hpp>
#include <functional>

namespace bdevkit::host {

/// What the program exits with.
enum ExitCode : int {
    exit_ok = 0,
    exit_failure = 1,  ///< at run time
    exit_usage = 2,    ///< the command line or the configuration is wrong
};

/// A subcommand: declared to CLI11, and what it does once the command line is read.
struct Command {
    CLI::App* app;
    std::function<ExitCode()> run;
    bool watches_signals = false;  ///< it has a SignalWatch; the others end by a signal's default action
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
