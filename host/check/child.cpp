// SPDX-License-Identifier: BSD-3-Clause
#include "check/child.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <sstream>
#include <system_error>

#include "base/unique_fd.hpp"

namespace bdevkit::host {

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kept_words = 64 << 10;

struct Pipe {
    Pipe() {
        int fds[2];
        if (pipe2(fds, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
        read = bdk::UniqueFd(fds[0]);
        write = bdk::UniqueFd(fds[1]);
    }
    bdk::UniqueFd read, write;
};

void check(int error, const char* what) {
    if (error != 0) throw std::system_error(error, std::generic_category(), what);
}

/// Our environment, and malloc without per-thread caches: freed memory is returned at once, so that leaks are
/// counted exactly.
std::vector<std::string> environment() {
    std::vector<std::string> result;
    for (char** entry = environ; *entry != nullptr; entry++)
        if (std::strncmp(*entry, "GLIBC_TUNABLES=", 15) != 0) result.emplace_back(*entry);
    result.emplace_back("GLIBC_TUNABLES=glibc.malloc.tcache_count=0:glibc.malloc.arena_max=1");
    return result;
}

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
    std::vector<char*> result;
    result.reserve(texts.size() + 1);
    for (const std::string& text : texts)
        result.push_back(const_cast<char*>(text.c_str()));
    result.push_back(nullptr);
    return result;
}

pid_t spawn(const std::vector<std::string>& arguments, int results, int words) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, words, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, words, STDERR_FILENO);
    posix_spawn_file_actions_adddup2(&actions, results, child_result_fd);
    const std::vector<std::string> variables = environment();
    pid_t pid = 0;
    const int error = posix_spawn(&pid, "/proc/self/exe", &actions, nullptr, pointers_to(arguments).data(),
                                  pointers_to(variables).data());
    posix_spawn_file_actions_destroy(&actions);
    check(error, "cannot start a process for a case");
    return pid;
}

/// Reads the available bytes. @return false at the end
bool take(int fd, std::string& text) {
    char buffer[16384];
    const ssize_t length = ::read(fd, buffer, sizeof(buffer));
    if (length < 0 && errno == EINTR) return true;
    if (length <= 0) return false;
    text.append(buffer, size_t(length));
    return true;
}

/// Reads both pipes until both end. @return false when the time is up before that
bool listen(int results, int words, std::string& result_text, std::string& word_text,
            Clock::time_point deadline) {
    pollfd fds[] = {{results, POLLIN, 0}, {words, POLLIN, 0}};
    while (fds[0].fd >= 0 || fds[1].fd >= 0) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
        if (left <= 0) return false;
        if (poll(fds, 2, int(std::min<int64_t>(left, 1000))) < 0 && errno != EINTR) return false;
        if (fds[0].revents != 0 && !take(results, result_text)) fds[0].fd = -1;
        if (fds[1].revents != 0 && !take(words, word_text)) fds[1].fd = -1;
        if (word_text.size() > 2 * kept_words) word_text.erase(0, word_text.size() - kept_words);
        // A process that the plugin has started may keep the output pipe open; only the results matter.
        if (fds[0].fd < 0 && fds[1].revents == 0) break;
    }
    return true;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::istringstream stream(text);
    std::vector<std::string> lines;
    for (std::string line; std::getline(stream, line);)
        lines.push_back(line);
    return lines;
}

}  // namespace

std::string ChildEnd::text() const {
    if (timed_out) return "it was killed because it had not ended in time";
    if (signal != 0)
        return fmt::format("it was killed by SIG{} ({})", sigabbrev_np(signal), sigdescr_np(signal));
    return fmt::format("it called exit({})", exit_code);
}

ChildEnd run_case_process(const std::vector<std::string>& arguments, std::chrono::milliseconds timeout) {
    Pipe results, words;
    const pid_t pid = spawn(arguments, results.write.get(), words.write.get());
    results.write = {};
    words.write = {};

    ChildEnd end;
    std::string text;
    const bool ended =
        listen(results.read.get(), words.read.get(), text, end.last_words, Clock::now() + timeout);
    if (!ended) {
        end.timed_out = true;
        kill(pid, SIGKILL);
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
    if (WIFEXITED(status)) end.exit_code = WEXITSTATUS(status);
    end.lines = lines_of(text);
    return end;
}

}  // namespace bdevkit::host
