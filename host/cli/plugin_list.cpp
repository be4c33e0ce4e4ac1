// SPDX-License-Identifier: BSD-3-Clause
#include "cli/plugin_list.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "check/child.hpp"
#include "json/json_text.hpp"
#include "loader/plugin_file.hpp"

namespace bdevkit::host {

namespace {

using Json = nlohmann::json;

/// Time limit for one process to open its plugins.
constexpr std::chrono::seconds time_limit{10};

/// "exit(3) was called while ...", if the process has written such a line; otherwise how it ended.
std::string reason_for(const ChildEnd& end) {
    if (end.timed_out)
        return fmt::format("its constructors have not returned within {} s", time_limit.count());
    std::istringstream words(end.last_words);
    for (std::string line; std::getline(words, line);)
        if (const size_t at = line.find("exit("); at != std::string::npos && line.starts_with("bdevkit: "))
            return fmt::format("its constructors end the process: {}",
                               line.substr(at, line.find(':', at) - at));
    return fmt::format("its constructors end the process: {}", end.text());
}

/// Stores the process's answer for one file.
void take(PluginLoader& loader, const std::string& file, const Json& told) {
    if (told.contains("refused")) {
        loader.refuse(file, told.at("refused"));
    } else {
        std::vector<std::unique_ptr<ModuleDescription>> descriptions;
        for (const Json& module : told.at("modules"))
            descriptions.push_back(std::make_unique<ModuleDescription>(module));
        loader.take_descriptions(file, std::move(descriptions));
    }
}

/// Lets a process describe the files, in order. @return the files that it has not reached
std::vector<std::string> describe_some(PluginLoader& loader, std::vector<std::string> files) {
    std::vector<std::string> arguments = {"bdevkit", "plugins", "--describe"};
    arguments.insert(arguments.end(), files.begin(), files.end());
    const ChildEnd end = run_case_process(arguments, time_limit);
    size_t done = 0;
    for (const std::string& line : end.lines) {
        const Json told = Json::parse(line, nullptr, false);
        if (told.is_discarded() || done == files.size()) break;  // cut off by the end of the process
        take(loader, files[done++], told);
    }
    const auto next = files.begin() + ptrdiff_t(done);
    if (next == files.end()) return {};
    // Other plugins may have used up the time.
    if (end.timed_out && done != 0) return {next, files.end()};
    loader.refuse(*next, reason_for(end));
    return {next + 1, files.end()};
}

}  // namespace

void list_plugins(PluginLoader& loader) {
    loader.discover();
    std::vector<std::string> files;
    for (const Plugin& plugin : loader.plugins())
        if (plugin.state == PluginState::found && (files.empty() || files.back() != plugin.path))
            files.push_back(plugin.path.native());
    while (!files.empty())
        files = describe_some(loader, std::move(files));
}

void describe_plugins(const std::vector<std::string>& files) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    fcntl(child_result_fd, F_SETFD, FD_CLOEXEC);
    std::vector<PluginFile> opened;  // they stay open: no destructors need to run here
    for (const std::string& file : files) {
        Json told = Json::object();
        if (auto plugin = open_plugin(file)) {
            for (const ModuleInfo& module : plugin->modules)
                told["modules"].push_back(describe_module(module));
            opened.push_back(*std::move(plugin));
        } else {
            told["refused"] = plugin.error();
        }
        const std::string line = bdk::json_text(told) + "\n";
        // A parent that has exited needs no answer.
        if (write(child_result_fd, line.data(), line.size()) != ssize_t(line.size())) break;
    }
    _exit(0);
}

}  // namespace bdevkit::host
