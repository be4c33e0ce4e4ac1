// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/counters_report.hpp"
#include "cli/output.hpp"
#include "cli/signal_watch.hpp"
#include "cli/stack_loading.hpp"
#include "host.hpp"
#include "json/json_text.hpp"
#include "log/log.hpp"
#include "stack/sections.hpp"

namespace bdevkit::host {

namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* run_footer =
    "Builds the stack and serves it until SIGTERM or SIGINT (ctrl-C). When clients can connect it prints\n"
    "one line that begins with `ready:` and has the addresses. On the signal, requests in flight are\n"
    "answered, the stack is taken down and the exit code is 0. Another signal, half a second later or more,\n"
    "exits at once. When an I/O or a module holds up the stop for longer than `stop_limit` (30s), the host\n"
    "names it and exits with 1. If the stack is still being built, the stop waits for that for at most\n"
    "`late_call` (10s), then names the module that hangs and exits with 1. SIGUSR1 prints the I/O counters.\n"
    "\n"
    "Examples:\n"
    "  bdevkit run examples/quickstart.yaml\n"
    "  bdevkit run my-stack.yaml --listen unix:/tmp/x.sock --stats\n"
    "  bdevkit run my-stack.yaml --plugin-path build/plugins --log-level debug\n"
    "Then, from another terminal, with the address of the `ready:` line:\n"
    "  nbdinfo --list 'nbd+unix:///?socket=/tmp/x.sock'\n"
    "  nbdcopy disk.img 'nbd+unix:///NAME?socket=/tmp/x.sock'";

struct RunOptions {
    std::string file;
    std::vector<std::string> plugin_path;
    std::string log_level;
    std::string listen;
    bool stats = false;
    std::string stats_json;
};

/// Applies --listen. @return false when the address cannot be used.
bool override_listen(const std::string& listen, Stack& stack) {
    if (listen.empty()) return true;
    if (const auto valid = check_listen_address(listen); !valid) {
        print_error("--listen: {}\n", valid.error());
        return false;
    }
    if (stack.frontends.empty()) {
        print_error("--listen: the stack has no frontend\n");
        return false;
    }
    stack.frontends.front().listen = listen;
    stack.frontends.front().place = "--listen: ";
    return true;
}

void print_ready(const Host& host, Clock::time_point begin) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin).count();
    const std::vector<std::string>& where = host.where();
    write_out_now(fmt::format(
        "ready: {} (start {} ms)\n",
        where.empty() ? "the stack has no frontend" : fmt::format("{}", fmt::join(where, " ")), ms));
}

/// @return false when the counters could not be written.
bool report_counters(const RunOptions& options, const std::vector<BdevCounters>& counters) {
    const bool printed = !options.stats || write_out_now(counters_table(counters));
    if (options.stats_json.empty()) return printed;
    const std::string text = bdk::json_text(counters_json(counters), 2) + "\n";
    if (options.stats_json == "-") return write_out_now(text) && printed;
    std::ofstream file(options.stats_json);
    file << text;
    file.close();
    if (!file.fail()) return printed;
    print_error("--stats-json: cannot write {}\n", options.stats_json);
    return false;
}

/// The reactors still run, and the memory that they use cannot be freed, so the process ends without cleaning
/// up. Writes that were acknowledged to clients have reached the modules.
[[noreturn]] void give_up(const std::vector<std::string>& waits) {
    fmt::print(stderr, "bdevkit: the host cannot be stopped; exiting without cleaning up (stop_limit):\n");
    for (const std::string& wait : waits)
        fmt::print(stderr, "bdevkit: {}\n", wait);
    std::fflush(nullptr);
    _exit(exit_failure);
}

ExitCode serve(Host& host, const RunOptions& options, SignalWatch& signals) {
    while (signals.wait() == SignalWatch::Event::show_counters)
        write_out_now(counters_table(host.counters()));
    host.stop_frontends();
    const bool reported = report_counters(options, host.counters());
    const bool stopped = host.stop();
    return reported && stopped ? exit_ok : exit_failure;
}

ExitCode run(const RunOptions& options) {
    const Clock::time_point begin = Clock::now();
    SignalWatch signals;
    if (!options.log_level.empty()) bdk::set_log_level(*bdk::log_level_from_name(options.log_level));
    LoadedStack loaded = load_stack(options.file, options.plugin_path);
    if (!loaded.valid()) {
        write_error(loaded.problems.format(loaded.file.name));
        return exit_usage;
    }
    if (!override_listen(options.listen, loaded.stack)) return exit_usage;

    // A module that takes that long may delay the start of the host by as much.
    if (const uint32_t late_ms = loaded.stack.host.bdev.late_call_ms; late_ms != 0)
        signals.set_patience(std::chrono::milliseconds(late_ms));
    const auto host = Host::start(loaded.stack, *loaded.loader, give_up);
    if (!host) {
        print_error("{}\n", host.error());
        return exit_failure;
    }
    print_ready(**host, begin);
    return serve(**host, options, signals);
}

}  // namespace

Command add_run_command(CLI::App& program) {
    auto options = std::make_shared<RunOptions>();
    CLI::App* command = program.add_subcommand("run", "Build a stack and serve it until SIGTERM");
    command->footer(run_footer);
    add_stack_argument(*command, options->file);
    add_plugin_path_option(*command, options->plugin_path);
    command->add_option("--log-level", options->log_level, "Also the environment variable BDEVKIT_LOG")
        ->type_name("LEVEL")
        ->check(CLI::IsMember({"error", "warn", "notice", "info", "debug"}));
    command
        ->add_option("--listen", options->listen,
                     "Address of the first nbd frontend, in place of the stack's")
        ->type_name("ADDRESS");
    command->add_flag("--stats", options->stats, "Print the I/O counters of every bdev at the end");
    command
        ->add_option("--stats-json", options->stats_json,
                     "Write the I/O counters as JSON; - writes to standard output")
        ->type_name("FILE");
    return {command, [options] { return run(*options); }, true};
}

}  // namespace bdevkit::host
