// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <system_error>
#include <tl/expected.hpp>
#include <utility>

#include "base/text.hpp"
#include "cli/child_process.hpp"
#include "cli/command.hpp"
#include "cli/output.hpp"
#include "json/json_text.hpp"
#include "stack/nearest.hpp"

namespace bdevkit::host {

namespace {

namespace fs = std::filesystem;

constexpr const char* new_footer =
    "Creates the folder DIR/NAME with a module to build, test and change: sources, CMake project, README, a\n"
    "stack, tests. The templates are for cookiecutter: `cookiecutter TEMPLATE` asks the same questions.\n"
    "\n"
    "Keys of --set:\n"
    "  description, author, license   of the module; license is an SPDX identifier\n"
    "  io_types   virtual, virtual-c: types that it transforms, of read,write,unmap,flush,write_zeroes;\n"
    "             physical: types beside read and write, of flush,unmap,write_zeroes; or all, none\n"
    "  context    yes or no: whether it keeps a context for each I/O until it ends\n"
    "\n"
    "Examples:\n"
    "  bdevkit new scramble\n"
    "  bdevkit new my-disk --template physical --output ~/src --set license=MIT context=yes\n"
    "  bdevkit new audit --template virtual-c --set io_types=read,write,unmap";

const std::map<std::string, std::string> template_folders = {
    {"virtual", "virtual-module"}, {"physical", "physical-module"}, {"virtual-c", "virtual-module-c"}};

struct NewOptions {
    std::string name;
    std::string kind = "virtual";
    std::string output = ".";
    std::vector<std::string> answers;
};

/// A failure: the message for the user, and the exit code.
struct Failure {
    std::string message;
    ExitCode code = exit_usage;
};
using Outcome = tl::expected<void, Failure>;

tl::unexpected<Failure> refuse(std::string message, ExitCode code = exit_usage) {
    return tl::unexpected(Failure{std::move(message), code});
}

/// The folder of the program: the templates are beside it, in an installation and in the build tree.
fs::path program_folder() {
    return fs::read_symlink("/proc/self/exe").parent_path();
}

bool is_module_name(const std::string& name) {
    const char* letters = "abcdefghijklmnopqrstuvwxyz";
    return !name.empty() && name.size() <= 63 && std::strchr(letters, name[0]) != nullptr &&
           name.find_first_not_of(std::string(letters) + "0123456789_-") == std::string::npos;
}

Outcome check_name(const NewOptions& options) {
    if (!is_module_name(options.name))
        return refuse(
            fmt::format("'{}' is not a valid module name: expected lower-case letters, digits, '_' and '-', "
                        "starting with "
                        "a letter, at most 63 characters",
                        options.name));
    const fs::path target = fs::path(options.output) / options.name;
    std::error_code ignored;  // creating the project will report it
    if (fs::exists(fs::symlink_status(target, ignored)))
        return refuse(fmt::format("'{}' already exists: give another name, or another folder with --output",
                                  target.string()));
    if (fs::exists(options.output, ignored) && !fs::is_directory(options.output, ignored))
        return refuse(fmt::format("'{}' is not a folder: give one with --output", options.output));
    return {};
}

/// Checks one `key=value` against the questions of the template.
Outcome check_answer(const std::string& answer, const nlohmann::json& questions) {
    const size_t equals = answer.find('=');
    if (equals == std::string::npos)
        return refuse(fmt::format("--set {}: expected key=value, such as license=MIT", answer));
    if (bdk::to_utf8(answer) != answer) return refuse(fmt::format("--set {}: the text is not UTF-8", answer));
    const std::string key = answer.substr(0, equals);
    std::vector<std::string> keys;
    for (const auto& [question, preset] : questions.items())
        if (question != "name" && question[0] != '_') keys.push_back(question);
    if (std::find(keys.begin(), keys.end(), key) == keys.end())
        return refuse(fmt::format("--set {}: no such key{}", answer, suggestion(key, keys)));
    const nlohmann::json& preset = questions[key];
    if (preset.is_array() &&
        std::find(preset.begin(), preset.end(), answer.substr(equals + 1)) == preset.end())
        return refuse(fmt::format("--set {}: expected one of {}", answer, bdk::json_text(preset)));
    return {};
}

Outcome check_answers(const NewOptions& options, const fs::path& folder) {
    std::ifstream file(folder / "cookiecutter.json");
    const nlohmann::json questions = nlohmann::json::parse(file, nullptr, false);
    if (!questions.is_object())
        return refuse(fmt::format("no template in '{}': install bdevkit-dev", folder.string()), exit_failure);
    for (const std::string& answer : options.answers)
        if (Outcome checked = check_answer(answer, questions); !checked) return checked;
    return {};
}

/// A temporary folder inside another one. It is removed at the end with its content.
class TemporaryFolder {
public:
    static tl::expected<TemporaryFolder, Failure> make_in(const fs::path& parent) {
        std::error_code error;
        fs::create_directories(parent, error);
        std::string name = (parent / ".bdevkit-new.XXXXXX").string();
        if (!error && mkdtemp(name.data()) == nullptr) error = {errno, std::generic_category()};
        if (error)
            return refuse(fmt::format("cannot make a folder in '{}': {}", parent.string(), error.message()));
        return TemporaryFolder(name);
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        if (!path_.empty()) fs::remove_all(path_, ignored);
    }
    TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
    TemporaryFolder& operator=(TemporaryFolder&&) = delete;

    const fs::path& path() const { return path_; }

private:
    explicit TemporaryFolder(fs::path path) : path_(std::move(path)) {}

    fs::path path_;
};

/// cookiecutter renders the answers like the template. This escapes a text so that it comes out unchanged.
std::string as_literal(const std::string& text) {
    std::string literal;
    for (const char c : text)
        literal += c == '{' ? "{{ '{' }}" : std::string(1, c);
    return literal;
}

/// The errors of the template's own checks, without cookiecutter's lines around them.
std::string complaints(const std::string& output) {
    constexpr std::string_view mark = "error: ";
    std::string found;
    std::istringstream lines(output);
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with(mark)) found += (found.empty() ? "" : "\n") + line.substr(mark.size());
    return found;
}

/// The last line that is not empty: in a traceback, the error.
std::string last_line(const std::string& output) {
    std::string last;
    std::istringstream lines(output);
    for (std::string line; std::getline(lines, line);)
        if (!line.empty()) last = line;
    return last;
}

/// Makes the project in `folder`, which is empty.
Outcome run_cookiecutter(const NewOptions& options, const fs::path& template_folder, const fs::path& folder) {
    // A separate configuration, so that the user's is neither read nor written.
    std::ofstream(folder / "config.yaml") << "replay_dir: replay\ncookiecutters_dir: cookiecutters\n";
    std::vector<std::string> command = {
        "cookiecutter", "--no-input", "--config-file",          "config.yaml",
        "--output-dir", ".",          template_folder.string(), "name=" + options.name};
    for (const std::string& answer : options.answers)
        command.push_back(as_literal(answer));
    const ChildResult result = run_child(command, folder.string());
    if (result.error == ENOENT)
        return refuse("this needs cookiecutter: as root, apt-get install cookiecutter", exit_failure);
    if (result.error != 0)
        return refuse(fmt::format("cannot run cookiecutter: {}", std::strerror(result.error)), exit_failure);
    if (result.exit_code == 0) return {};
    if (std::string found = complaints(result.output); !found.empty()) return refuse(std::move(found));
    return refuse(fmt::format("cookiecutter failed: {}", last_line(result.output)), exit_failure);
}

/// A folder whose path cookiecutter does not change: it renders the path of its output, too.
fs::path plain_folder() {
    const fs::path usual = fs::temp_directory_path();
    return usual.string().find('{') == std::string::npos ? usual : "/tmp";
}

/// Creates the project in a temporary folder, then moves it into place: it appears completely or not at all.
Outcome make_project(const NewOptions& options, const fs::path& template_folder) {
    const auto beside = TemporaryFolder::make_in(options.output);
    if (!beside) return tl::unexpected(beside.error());
    const auto elsewhere = TemporaryFolder::make_in(plain_folder());
    if (!elsewhere) return tl::unexpected(elsewhere.error());
    if (Outcome made = run_cookiecutter(options, template_folder, elsewhere->path()); !made) return made;
    std::error_code error;
    const fs::path target = fs::path(options.output) / options.name;
    const fs::path copy = beside->path() / options.name;
    fs::copy(elsewhere->path() / options.name, copy, fs::copy_options::recursive, error);
    if (!error) fs::rename(copy, target, error);
    if (error)
        return refuse(fmt::format("cannot make '{}': {}", target.string(), error.message()), exit_failure);
    return {};
}

/// The CMake option that locates this bdevkit, if CMake would not find it by itself.
std::string prefix_option() {
    const fs::path prefix = program_folder().parent_path();
    if (prefix == "/usr" || prefix == "/usr/local") return "";
    return fs::exists(prefix / BDEVKIT_LIBDIR / "cmake/bdevkit")
               ? fmt::format(" -DCMAKE_PREFIX_PATH={}", prefix.string())
               : "";
}

void print_next(const NewOptions& options) {
    const std::string folder = (fs::path(options.output) / options.name).lexically_normal().string();
    print_out(
        "{0}: a module to build, test and change. Next:\n\n"
        "  cd {0}\n"
        "  cmake --preset release{1} && cmake --build --preset release\n"
        "  bdevkit check build/release/{2}.so\n",
        folder, prefix_option(), options.name);
}

ExitCode make_module(const NewOptions& options) {
    const fs::path folder = program_folder() / BDEVKIT_TEMPLATES / template_folders.at(options.kind);
    const Outcome outcome =
        check_name(options).and_then([&] { return check_answers(options, folder); }).and_then([&] {
            return make_project(options, folder);
        });
    if (!outcome) {
        print_error("bdevkit new: {}\n", outcome.error().message);
        return outcome.error().code;
    }
    print_next(options);
    return exit_ok;
}

}  // namespace

Command add_new_command(CLI::App& program) {
    auto options = std::make_shared<NewOptions>();
    CLI::App* command = program.add_subcommand("new", "Create a project for a new module");
    command->footer(new_footer);
    command->add_option("NAME", options->name, "Name of the module, the folder and the plugin's file")
        ->required();
    command->add_option("--template", options->kind, "virtual (default), physical or virtual-c (plain C)")
        ->type_name("KIND")
        ->check(CLI::IsMember({"virtual", "physical", "virtual-c"}));
    command->add_option("--output", options->output, "The folder in which to create it (default: this one)")
        ->type_name("DIR");
    command->add_option("--set", options->answers, "Answers to the template's questions; may be repeated")
        ->type_name("KEY=VALUE");
    return {command, [options] { return make_module(*options); }};
}

}  // namespace bdevkit::host
