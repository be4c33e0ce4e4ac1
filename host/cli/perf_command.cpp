// SPDX-License-Identifier: BSD-3-Clause
#include <bdevkit/bdev.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/cpus.hpp"
#include "cli/command.hpp"
#include "cli/output.hpp"
#include "cli/signal_watch.hpp"
#include "cli/stack_loading.hpp"
#include "host.hpp"
#include "perf/perf_report.hpp"
#include "perf/perf_run.hpp"
#include "perf/replay.hpp"
#include "stack/nearest.hpp"
#include "stack/quantity.hpp"

namespace bdevkit::host {

namespace {

constexpr const char* perf_footer =
    "Builds the stack without its frontends and keeps --depth I/Os in flight per job; there is one job per\n"
    "bdev and core. Writes destroy the data on the bdev. ctrl-C ends the run early, with a report.\n"
    "\n"
    "--rw takes: read write rw (in order), randread randwrite randrw (at random), verify (writes, reads\n"
    "back and compares), compare (writes, then the compare command), unmap, write_zeroes, copy, flush, "
    "reset.\n"
    "\n"
    "The latency is measured for every I/O, or for one in 32 above a million I/Os per second and job.\n"
    "`cycles per I/O` is the CPU time of the whole process. Every run also measures the tool's own share,\n"
    "with the same loop against a built-in device that completes at once; --calibrate does only that.\n"
    "\n"
    "Memory and files that were never written read faster than data: --fill writes them first.\n"
    "\n"
    "--replay replays a trace of the module `trace`, instead of --rw: every I/O at its original time, or\n"
    "with --speed max as fast as possible.\n"
    "\n"
    "Examples:\n"
    "  bdevkit perf stack.yaml --bdev disk --rw randread --fill --depth 128 --time 5s\n"
    "  bdevkit perf stack.yaml --rw verify --io-size 16KiB --count 100000\n"
    "  bdevkit perf stack.yaml --rw randrw --read-percent 70 --zipf 1.1 --cores 0,1 --json";

struct PerfCommandOptions {
    std::string file;
    std::vector<std::string> plugin_path;
    std::vector<std::string> bdevs;
    std::vector<uint32_t> cores;
    std::string rw = "randread";
    std::string io_size = "4KiB";
    std::string time;
    std::string offset = "0";
    std::string length;
    bool json = false;
    bool fill = false;
    bool calibrate = false;
    bool skip_calibration = false;
    bool has_theta = false;
    double theta = 0;
    std::string replay;
    std::string speed = "original";
    PerfOptions perf;
};

constexpr uint64_t default_time_ns = 5'000'000'000;
constexpr uint64_t calibration_ns = 100'000'000;
constexpr uint64_t largest_io = 64ull << 20;

/// Parses the option's text. False, with a line on standard error, when it is not such a quantity.
bool read_quantity(const char* option, const std::string& text, Quantity (*parse)(std::string_view),
                   uint64_t* result) {
    const Quantity value = parse(text);
    if (value)
        *result = *value;
    else
        print_error("{}: expected {}, got '{}'\n", option, value.error(), text);
    return value.has_value();
}

bool complete_options(PerfCommandOptions& options) {
    PerfOptions& perf = options.perf;
    const uint32_t read_percent = perf.mix.read_percent;
    perf.mix = *perf_mix_from_name(options.rw);
    if (perf.mix.mixed) perf.mix.read_percent = read_percent;
    if (!read_quantity("--io-size", options.io_size, parse_size, &perf.io_size)) return false;
    if (!read_quantity("--offset", options.offset, parse_size, &perf.offset)) return false;
    if (!options.length.empty() && !read_quantity("--length", options.length, parse_size, &perf.length))
        return false;
    if (perf.io_size == 0 || perf.io_size > largest_io) {
        print_error("--io-size: expected 1 byte to 64MiB, got '{}'\n", options.io_size);
        return false;
    }
    if (options.time.empty())
        perf.time_ns = perf.count == 0 ? default_time_ns : 0;
    else if (!read_quantity("--time", options.time, parse_duration, &perf.time_ns))
        return false;
    if (perf.time_ns == 0 && perf.count == 0) {
        print_error("--time: expected more than 0\n");
        return false;
    }
    for (const uint32_t core : options.cores) {
        const std::string why = bdk::why_unavailable(core);
        if (why.empty()) continue;
        print_error("--cores: {}\n", why);
        return false;
    }
    if (options.has_theta) perf.theta = options.theta;
    return true;
}

/// The bdevs on top, which clients would use.
std::vector<std::string> tops(const Stack& stack) {
    std::vector<std::string> names;
    bdk::call_on_app_thread([&] {
        bdk_for_each_bdev_leaf(
            [](bdk_bdev* bdev, void* ctx) {
                static_cast<std::vector<std::string>*>(ctx)->emplace_back(bdk_bdev_get_name(bdev));
                return 0;
            },
            &names);
    });
    for (const BdevSpec& bdev : stack.bdevs)
        for (const BaseRef& base : bdev.bases)
            std::erase(names, base.bdev);
    return names;
}

/// Sets options.bdevs where it is empty; checks the names.
bool choose_bdevs(PerfCommandOptions& options, const Host& host, const Stack& stack) {
    const std::vector<std::string> leaves = tops(stack);
    if (options.bdevs.empty()) {
        if (leaves.size() != 1) {
            print_error("--bdev: the stack has {} bdevs on top, name one or more: {}\n", leaves.size(),
                        fmt::join(leaves, ", "));
            return false;
        }
        options.bdevs = leaves;
    }
    std::vector<std::string> names;
    for (const BdevCounters& bdev : host.counters())
        names.push_back(bdev.name);
    for (const std::string& name : options.bdevs) {
        if (std::find(names.begin(), names.end(), name) != names.end()) continue;
        print_error("--bdev: the stack has no bdev '{}'{}\n", name, suggestion(name, names));
        return false;
    }
    return true;
}

/// A progress line that is rewritten every second, on a terminal.
class ProgressLine {
public:
    explicit ProgressLine(uint64_t time_ns)
        : total_(static_cast<double>(time_ns) / 1e9), shown_(isatty(2) != 0) {}
    ~ProgressLine() {
        if (last_ > 0) fmt::print(stderr, "\r\x1b[K");
    }
    ProgressLine(const ProgressLine&) = delete;
    ProgressLine& operator=(const ProgressLine&) = delete;

    void update(double seconds, uint64_t ios) {
        if (!shown_ || seconds < last_ + 1) return;
        const double rate = static_cast<double>(ios - ios_) / (seconds - last_);
        const std::string of = total_ > 0 ? fmt::format(" of {:.0f}", total_) : "";
        fmt::print(stderr, "\r\x1b[K{:.0f}{} s   {} IOPS   {} I/Os", seconds, of, readable_rate(rate), ios);
        std::fflush(stderr);
        last_ = seconds;
        ios_ = ios;
    }

private:
    double total_;
    bool shown_;
    double last_ = 0;
    uint64_t ios_ = 0;
};

/// Writes the range once, in order, because memory that was never written reads faster than data.
tl::expected<void, std::string> fill(const PerfCommandOptions& options) {
    PerfOptions perf = options.perf;
    perf.mix = *perf_mix_from_name("write");
    perf.time_ns = 0;
    perf.rate = 0;
    for (const std::string& bdev : options.bdevs) {
        perf.count = perf_ios_of_range(perf, bdev);
        const auto filled = run_perf(perf, {bdev}, {}, [](double, uint64_t) { return true; });
        if (!filled) return tl::unexpected(filled.error());
        if (filled->errors != 0) return tl::unexpected("--fill: " + filled->first_error);
    }
    return {};
}

/// The cost of the same loop without a bdev.
tl::expected<PerfReport, std::string> calibrate(const PerfCommandOptions& options, uint64_t time_ns) {
    PerfOptions perf = options.perf;
    perf.mix = *perf_mix_from_name(perf.mix.random ? "randread" : "read");
    perf.time_ns = time_ns;
    perf.count = 0;
    perf.rate = 0;
    const std::vector<uint32_t> one(options.cores.begin(),
                                    options.cores.begin() + (options.cores.empty() ? 0 : 1));
    return run_perf(perf, {}, one, [](double, uint64_t) { return true; });
}

ExitCode print_report(const PerfCommandOptions& options, const PerfReport& report, const PerfToolCost& tool) {
    if (options.json) {
        nlohmann::json json = perf_json(report, tool);
        json["rw"] = options.calibrate ? "calibrate" : options.rw;
        json["io_size"] = options.perf.io_size;
        json["depth"] = options.perf.depth;
        print_json(json);
    } else {
        print_out("{}, {} per I/O, depth {}\n{}", options.calibrate ? "calibration" : options.rw,
                  format_size(options.perf.io_size), options.perf.depth, perf_table(report, tool));
    }
    if (report.errors == 0) return exit_ok;
    print_error("{} I/Os failed; the first: {}\n", report.errors, report.first_error);
    return exit_failure;
}

/// Replays the trace and prints the result.
ExitCode replay(PerfCommandOptions& options, const Host& host, const Stack& stack, SignalWatch& signals) {
    if (!choose_bdevs(options, host, stack)) return exit_usage;
    if (options.bdevs.size() != 1 || options.cores.size() > 1) {
        print_error("--replay: expected one --bdev and at most one core\n");
        return exit_usage;
    }
    const auto trace = read_trace(options.replay);
    if (!trace) {
        print_error("--replay: {}\n", trace.error());
        return exit_usage;
    }
    const ReplayOptions how{options.speed == "original", options.perf.depth, options.perf.keep_going};
    const int64_t core = options.cores.empty() ? -1 : int64_t{options.cores.front()};
    tl::expected<ReplayReport, std::string> report;
    {
        ProgressLine line(0);
        report = run_replay(*trace, how, options.bdevs.front(), core, [&](double seconds, uint64_t ios) {
            line.update(seconds, ios);
            const auto event = signals.next();
            return !event || *event != SignalWatch::Event::stop;
        });
    }
    if (!report) {
        print_error("--replay: {}\n", report.error());
        return exit_usage;
    }
    if (options.json) {
        nlohmann::json json = perf_json(report->perf, {});
        json["replay"] = {
            {"speed", options.speed}, {"skipped", report->skipped}, {"late_ns", report->late_ns}};
        print_json(json);
    } else {
        print_out("replay of {} at {} speed\n{}", options.replay, options.speed,
                  perf_table(report->perf, {}));
        print_out("replay    {} I/Os skipped because of their type; begun at most {:.3f} ms late\n",
                  report->skipped, static_cast<double>(report->late_ns) / 1e6);
    }
    if (report->perf.errors == 0) return exit_ok;
    print_error("{} I/Os failed; the first: {}\n", report->perf.errors, report->perf.first_error);
    return exit_failure;
}

ExitCode measure(PerfCommandOptions& options, const Host& host, const Stack& stack, SignalWatch& signals) {
    if (!options.calibrate && !choose_bdevs(options, host, stack)) return exit_usage;
    const uint64_t calibration_time = options.calibrate ? options.perf.time_ns : calibration_ns;
    const auto calibration = options.skip_calibration ? tl::expected<PerfReport, std::string>(PerfReport{})
                                                      : calibrate(options, calibration_time);
    if (!calibration) {
        print_error("{}\n", calibration.error());
        return exit_usage;
    }
    const PerfToolCost tool = perf_tool_cost(*calibration);
    if (options.calibrate) return print_report(options, *calibration, tool);

    tl::expected<PerfReport, std::string> report;
    if (const auto filled = options.fill ? fill(options) : tl::expected<void, std::string>(); !filled) {
        report = tl::unexpected(filled.error());
    } else {
        ProgressLine line(options.perf.time_ns);
        report = run_perf(options.perf, options.bdevs, options.cores, [&](double seconds, uint64_t ios) {
            line.update(seconds, ios);
            const auto event = signals.next();
            return !event || *event != SignalWatch::Event::stop;
        });
    }
    if (!report) {
        print_error("{}\n", report.error());
        return exit_usage;
    }
    return print_report(options, *report, tool);
}

ExitCode perf(PerfCommandOptions& options) {
    if (!complete_options(options)) return exit_usage;
    SignalWatch signals;
    LoadedStack loaded = load_stack(options.file, options.plugin_path);
    if (!loaded.valid()) {
        write_error(loaded.problems.format(loaded.file.name));
        return exit_usage;
    }
    loaded.stack.frontends.clear();
    if (options.cores.empty())
        options.cores = loaded.stack.host.reactors.cores;
    else
        loaded.stack.host.reactors.cores = options.cores;
    const auto host = Host::start(loaded.stack, *loaded.loader);
    if (!host) {
        print_error("{}\n", host.error());
        return exit_failure;
    }
    const ExitCode code = options.replay.empty() ? measure(options, **host, loaded.stack, signals)
                                                 : replay(options, **host, loaded.stack, signals);
    const bool stopped = (*host)->stop();
    return code == exit_ok && !stopped ? exit_failure : code;
}

void add_workload_options(CLI::App& command, PerfCommandOptions& options) {
    PerfOptions& perf = options.perf;
    command.add_option("--rw", options.rw, "The kind of I/O (default randread)")
        ->type_name("KIND")
        ->check(CLI::IsMember(perf_mix_names()));
    command.add_option("--read-percent", perf.mix.read_percent, "Reads of rw and randrw (default 50)")
        ->type_name("N")
        ->check(CLI::Range(0, 100));
    command.add_option("--io-size", options.io_size, "Bytes per I/O (default 4KiB)")->type_name("SIZE");
    command.add_option("--depth", perf.depth, "I/Os in flight per job (default 32)")
        ->type_name("N")
        ->check(CLI::Range(1, 65536));
    command.add_option("--time", options.time, "Duration (default 5s, or until --count)")
        ->type_name("DURATION");
    command.add_option("--count", perf.count, "I/Os of all jobs together")->type_name("N");
    command.add_option("--offset", options.offset, "Start of the range in use (default 0)")
        ->type_name("SIZE");
    command.add_option("--length", options.length, "Length of the range (default: to the end)")
        ->type_name("SIZE");
    command.add_option("--rate", perf.rate, "I/Os per second of all jobs together")->type_name("N");
    command
        .add_option_function<double>(
            "--zipf",
            [&options](double theta) {
                options.theta = theta;
                options.has_theta = true;
            },
            "Zipf distribution of the offsets with this exponent, such as 1.1")
        ->type_name("THETA")
        ->check(CLI::Range(0.01, 10.0));
    command.add_option("--seed", perf.seed, "Seed of the random numbers (default 1)")->type_name("N");
}

}  // namespace

Command add_perf_command(CLI::App& program) {
    auto options = std::make_shared<PerfCommandOptions>();
    options->perf.mix.read_percent = 50;
    CLI::App* command = program.add_subcommand("perf", "Measure how fast a stack is");
    command->footer(perf_footer);
    add_stack_argument(*command, options->file);
    add_plugin_path_option(*command, options->plugin_path);
    command
        ->add_option("--bdev", options->bdevs,
                     "The bdev to use; may be repeated (default: the bdev on top of the stack)")
        ->type_name("NAME")
        ->take_all();
    command->add_option("--cores", options->cores, "Cores, one job on each (default: the stack's `cores`)")
        ->type_name("N,N")
        ->delimiter(',');
    add_workload_options(*command, *options);
    CLI::Option* replay =
        command->add_option("--replay", options->replay, "Replay this trace")->type_name("FILE");
    command
        ->add_option("--speed", options->speed, "Speed of a replay: original (default) or max, with --depth")
        ->type_name("SPEED")
        ->check(CLI::IsMember({"original", "max"}))
        ->needs(replay);
    command->add_flag("--fill", options->fill, "Write the range once before the measurement");
    command->add_flag("--keep-going", options->perf.keep_going, "Continue after an I/O has failed");
    command->add_flag("--time-each-io", options->perf.time_each_io,
                      "Measure the latency of each I/O, at any rate");
    command->add_flag("--calibrate", options->calibrate, "Measure only the tool");
    command->add_flag("--no-calibration", options->skip_calibration, "Do not measure the tool");
    command->add_flag("--json", options->json, "Print the report as JSON");
    return {command, [options] { return perf(*options); }, true};
}

}  // namespace bdevkit::host
