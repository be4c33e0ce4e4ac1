// SPDX-License-Identifier: BSD-3-Clause
#include <bdevkit/abi.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "cli/command.hpp"
#include "cli/output.hpp"
#include "cli/stop_signals.hpp"
#include "loader/module_info.hpp"
#include "stack/nearest.hpp"

namespace bdevkit::host {

namespace {

constexpr const char* description = "Runs stacks of user-space block devices from plugins and serves them.";

constexpr const char* footer =
    "Examples:\n"
    "  bdevkit run examples/quickstart.yaml       serve a stack until ctrl-C\n"
    "  bdevkit validate my-stack.yaml             print every error of a stack file\n"
    "  bdevkit graph my-stack.yaml                draw a stack\n"
    "  bdevkit plugins                            list the plugins\n"
    "  bdevkit plugins malloc                     show the options of a module\n"
    "  bdevkit perf my-stack.yaml --rw randread   measure the speed of a stack\n"
    "  bdevkit new my-module                      create a project for a module\n"
    "  bdevkit check my_module.so                 test a plugin against every rule\n"
    "\n"
    "`bdevkit COMMAND --help` shows more. Exit codes: 0 success, 1 failure at run time,\n"
    "2 wrong command line or configuration.";

std::vector<std::string> command_names(const CLI::App& program) {
    std::vector<std::string> names;
    for (const CLI::App* command : program.get_subcommands([](const CLI::App*) { return true; })) {
        names.push_back(command->get_name());
    }
    return names;
}

/// Reports a word that looks like an option but is not an option of its command. CLI11 would report missing
/// arguments before that.
bool report_unknown_option(const CLI::App& program) {
    for (const CLI::App* command : program.get_subcommands()) {
        for (const std::string& word : command->remaining()) {
            if (word.size() < 2 || word[0] != '-') continue;
            std::vector<std::string> names;
            for (const CLI::Option* option : command->get_options())
                for (const std::string& name : option->get_lnames())
                    names.push_back("--" + name);
            const std::string near = nearest(word, names);
            print_error("bdevkit {0}: no option '{1}'; {2}\n", command->get_name(), word,
                        near.empty() ? fmt::format("`bdevkit {} --help` lists them", command->get_name())
                                     : fmt::format("did you mean '{}'?", near));
            return true;
        }
    }
    return false;
}

ExitCode report_usage(const CLI::App& program, const CLI::ParseError& error, int argc, char** argv) {
    if (argc == 1) {
        write_error(program.help());
        return exit_usage;
    }
    const bool misspelt = argv[1][0] != '-' && program.get_subcommands().empty();
    if (misspelt) {
        print_error("no command '{}'{}\n", argv[1], suggestion(argv[1], command_names(program)));
        return exit_usage;
    }
    const bool asks_for_help = error.get_exit_code() == 0;
    if (!asks_for_help && report_unknown_option(program)) return exit_usage;
    return program.exit(error) == 0 ? exit_ok : exit_usage;  // --help and --version are reported as errors
}

ExitCode run_program(int argc, char** argv) {
    CLI::App program{description, "bdevkit"};
    program.set_version_flag("--version", fmt::format("bdevkit {} (ABI {})", BDEVKIT_VERSION,
                                                      abi_text(BDK_ABI_MAJOR, BDK_ABI_MINOR, BDK_ABI_DRAFT)));
    program.footer(footer);
    program.require_subcommand(1);
    const std::vector<Command> commands = {
        add_run_command(program),     add_validate_command(program), add_graph_command(program),
        add_plugins_command(program), add_perf_command(program),     add_trace_command(program),
        add_check_command(program),   add_schema_command(program),   add_new_command(program)};
    try {
        program.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return report_usage(program, error, argc, argv);
    }
    for (const Command& command : commands) {
        if (!command.app->parsed()) continue;
        if (!command.watches_signals) release_stop_signals();
        return command.run();
    }
    return exit_usage;
}

}  // namespace

}  // namespace bdevkit::host

int main(int argc, char** argv) try {
    // A closed connection and a file at its `ulimit -f` are reported by the result of write() instead.
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);
    const int exit_code = bdevkit::host::run_program(argc, argv);
    bdevkit::host::flush_out();
    return exit_code;
} catch (const std::exception& error) {
    std::fprintf(stderr, "bdevkit: %s\n", error.what());
    return bdevkit::host::exit_failure;
}
