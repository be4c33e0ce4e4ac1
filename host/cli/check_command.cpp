// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "check/case.hpp"
#include "check/check_report.hpp"
#include "check/check_run.hpp"
#include "check/child.hpp"
#include "cli/command.hpp"
#include "cli/output.hpp"
#include "cli/stack_loading.hpp"
#include "loader/plugin_file.hpp"
#include "loader/search_path.hpp"
#include "stack/quantity.hpp"

namespace bdevkit::host {

namespace {

constexpr const char* check_footer =
    "Tests a plugin against every rule for modules: loads it, creates its bdevs with all kinds of options,\n"
    "and writes, reads, resets and removes them under load, on bases that fail and vanish. Each case runs\n"
    "in its own process, so a plugin that hangs or crashes breaks a rule, and the check goes on. The check\n"
    "provides the bases of a virtual module. It makes up values for other required options from the option\n"
    "table; give others with --option.\n"
    "\n"
    "Examples:\n"
    "  bdevkit check build/my_module.so\n"
    "  bdevkit check passthru                      a plugin of the search path, by the name of its file\n"
    "  bdevkit check raid.so --option level=1 --rule 'base.*'\n"
    "  bdevkit check gpt --base-image disk.img     the file is the content of the base\n"
    "  bdevkit check my_module.so --junit result.xml\n"
    "  bdevkit check --list                        every rule, and the place where it is written\n"
    "\n"
    "Exit codes: 0 no rule is broken, 1 a rule is broken, 2 the command line is wrong. The rules: "
    "docs/check.md.";

/// Sanitizers make a correct module several times slower.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr const char* default_timeout = "120s";
#else
constexpr const char* default_timeout = "30s";
#endif

struct CheckCommandOptions {
    std::string plugin;
    std::vector<std::string> plugin_path;
    std::vector<std::string> given;
    std::string timeout = default_timeout;
    std::string base_size = "64MiB";
    std::string junit;
    std::string case_name, scratch;
    bool json = false;
    bool list = false;
    size_t jobs = 2;
    CheckOptions check;
};

bool usage_error(const std::string& text) {
    print_error("{}\n", text);
    return false;
}

/// Finds the file for the argument PLUGIN. Does not open it; a separate process does that.
bool find_plugin(const CheckCommandOptions& options, std::filesystem::path& file) {
    namespace fs = std::filesystem;
    const std::string& name = options.plugin;
    std::error_code error;
    if (name.find('/') != std::string::npos || name.ends_with(".so")) {
        file = fs::absolute(name, error);
        return fs::exists(file, error) || usage_error(fmt::format("no such file: '{}'", name));
    }
    std::string looked;
    for (const SearchFolder& folder : plugin_search_path(options.plugin_path, {})) {
        file = folder.path / (name + ".so");
        if (fs::exists(file, error)) return true;
        looked += (looked.empty() ? "" : ", ") + folder.path.string();
    }
    return usage_error(fmt::format("no plugin '{}' found (looked for {}.so in {}); give the path of its file",
                                   name, name, looked));
}

/// A plugin that fills its list at run time does not tell its modules: then the check takes the first one.
bool choose_module(CheckOptions& check) {
    const auto looked = look_at_file(check.plugin);
    if (!looked) return true;  // the check says why
    std::vector<std::string> names;
    for (const ModuleLook& module : looked->modules)
        if (!module.name.empty()) names.push_back(module.name);
    if (check.module.empty()) {
        if (names.size() < 2) return true;
        return usage_error(fmt::format("the plugin has several modules; choose one with --module: {}",
                                       fmt::join(names, ", ")));
    }
    if (names.empty() || std::ranges::find(names, check.module) != names.end()) return true;
    return usage_error(
        fmt::format("--module: the plugin has no module '{}', but {}", check.module, fmt::join(names, ", ")));
}

bool parse_given(CheckCommandOptions& options) {
    for (const std::string& given : options.given) {
        const size_t equals = given.find('=');
        if (equals == std::string::npos || equals == 0)
            return usage_error(fmt::format("--option: expected KEY=VALUE, got '{}'", given));
        options.check.given.emplace_back(given.substr(0, equals), given.substr(equals + 1));
    }
    return true;
}

bool parse_quantities(CheckCommandOptions& options) {
    const Quantity timeout = parse_duration(options.timeout);
    if (!timeout || *timeout < 1'000'000'000)
        return usage_error(fmt::format(
            "--timeout: expected a duration of a second or more such as 30s, got '{}'", options.timeout));
    options.check.timeout = std::chrono::milliseconds(*timeout / 1'000'000);
    const Quantity size = parse_size(options.base_size);
    const uint32_t block = options.check.base_block_size;
    if (!size || *size < 1 << 20 || *size % block != 0)
        return usage_error(fmt::format(
            "--base-size: expected a size of 1MiB or more, and a multiple of the block size, got '{}'",
            options.base_size));
    options.check.base_size = *size;
    return true;
}

bool check_patterns(const char* option, const std::vector<std::string>& patterns) {
    for (const std::string& pattern : patterns)
        if (!names_a_rule(pattern))
            return usage_error(fmt::format("{}: no rule is called '{}'; --list shows them", option, pattern));
    return true;
}

void list_rules(const CheckCommandOptions& options) {
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    for (const CheckRule& rule : check_rules()) {
        if (!options.check.rules.has(rule)) continue;
        if (options.json)
            all.push_back({{"rule", rule.id}, {"says", rule.says}, {"where", rule.where}});
        else
            print_out("{:<20} {}\n{:<20} in {}\n", rule.id, rule.says, "", rule.where);
    }
    if (options.json) print_json(all);
}

/// @return false when the file could not be written
bool write_junit(const std::string& name, const CheckReport& report) {
    if (name.empty()) return true;
    std::ofstream file(name);
    file << check_report_junit(report);
    file.close();
    return !file.fail() || usage_error(fmt::format("--junit: cannot write {}", name));
}

ExitCode run(CheckCommandOptions& options) {
    const RuleChoice& rules = options.check.rules;
    if (!check_patterns("--rule", rules.wanted) || !check_patterns("--skip", rules.skipped))
        return exit_usage;
    if (options.list) {
        list_rules(options);
        return exit_ok;
    }
    if (options.plugin.empty()) {
        usage_error("expected a plugin: the path of its file, or its name");
        return exit_usage;
    }
    if (!find_plugin(options, options.check.plugin) || !choose_module(options.check) ||
        !parse_given(options) || !parse_quantities(options))
        return exit_usage;
    if (!options.case_name.empty())
        run_case(options.case_name, options.check, options.scratch, child_result_fd);
    const CheckReport report = check_plugin(options.check, options.jobs);
    if (options.json)
        print_json(check_report_json(report));
    else
        write_out(check_report_text(report));
    if (!write_junit(options.junit, report)) return exit_failure;
    return report.count(RuleOutcome::failed) == 0 ? exit_ok : exit_failure;
}

}  // namespace

Command add_check_command(CLI::App& program) {
    auto options = std::make_shared<CheckCommandOptions>();
    CLI::App* command = program.add_subcommand("check", "Test a plugin against every rule for modules");
    command->footer(check_footer);
    command->add_option("PLUGIN", options->plugin,
                        "The plugin: the path of its file, or its name in the search path");
    add_plugin_path_option(*command, options->plugin_path);
    command->add_option("--module", options->check.module, "The module to test, where the plugin has several")
        ->type_name("NAME");
    command->add_flag("--json", options->json, "Print the report as JSON");
    command->add_option("--junit", options->junit, "Also write the report as JUnit XML")->type_name("FILE");
    command
        ->add_option("--rule", options->check.rules.wanted,
                     "Test only rules whose name matches this shell pattern; may be repeated")
        ->type_name("PATTERN")
        ->allow_extra_args(false);
    command
        ->add_option("--skip", options->check.rules.skipped,
                     "Leave out rules whose name matches this shell pattern; may be repeated")
        ->type_name("PATTERN")
        ->allow_extra_args(false);
    command->add_flag("--list", options->list, "Only list the rules");
    command
        ->add_option(
            "--option", options->given,
            "An option of the module's bdevs, as in a stack; {scratch} in it is an empty folder; may be\n"
            "repeated, also for a list")
        ->type_name("KEY=VALUE")
        ->allow_extra_args(false);
    command->add_option("--base-size", options->base_size, "Size of the bases that the check makes")
        ->type_name("SIZE")
        ->capture_default_str();
    command->add_option("--base-block-size", options->check.base_block_size, "Block size of these bases")
        ->check(CLI::IsMember({512, 1024, 2048, 4096}))
        ->type_name("BYTES")
        ->capture_default_str();
    command
        ->add_option("--base-image", options->check.base_image, "A file with the content of the first base")
        ->check(CLI::ExistingFile)
        ->type_name("FILE");
    command
        ->add_option("--timeout", options->timeout,
                     "Time limit of a case; the limit of a single call or I/O is a third of it")
        ->type_name("DURATION")
        ->capture_default_str();
    command->add_option("--jobs", options->jobs, "Cases at a time")
        ->check(CLI::Range(1, 64))
        ->capture_default_str();
    // The remaining options are for the processes that the check starts.
    command->add_option("--case", options->case_name)->group("");
    command->add_option("--scratch", options->scratch)->group("");
    return {command, [options] { return run(*options); }};
}

}  // namespace bdevkit::host
