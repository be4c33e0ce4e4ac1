// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "bdevkit"
#include "cli/output.hpp"

#include <bdevkit/log.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <system_error>

#include "base/text.hpp"
#include "json/json_text.hpp"
#include "log/log.hpp"

namespace bdevkit::host {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int indent = 2;
constexpr std::chrono::seconds patience_of_reader{2};
/// What a pipe, a socket or a terminal that is ready takes without blocking.
constexpr size_t longest_write = 256;

bool is_writable_until(int fd, Clock::time_point deadline) {
    while (true) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
        pollfd waits{fd, POLLOUT, 0};
        const int ready = poll(&waits, 1, static_cast<int>(std::max<int64_t>(left, 0)));
        if (ready >= 0) return ready != 0;
        if (errno != EINTR) return true;  // write() tells
    }
}

void write_to(std::FILE* stream, const std::string& text) {
    if (std::fwrite(text.data(), 1, text.size(), stream) == text.size()) return;
    throw std::system_error(errno, std::generic_category(), "cannot write the output");
}

}  // namespace

void write_out(std::string_view text) {
    write_to(stdout, bdk::printable_lines(text));
}

void flush_out() {
    if (std::fflush(stdout) != 0)
        throw std::system_error(errno, std::generic_category(), "cannot write the output");
}

bool write_out_now(std::string_view text) {
    bdk::flush_log(bdk::time_for_last_words);
    const std::string printable = bdk::printable_lines(text);
    const auto deadline = Clock::now() + patience_of_reader;
    for (std::string_view left = printable; !left.empty();) {
        if (!is_writable_until(STDOUT_FILENO, deadline)) {
            BDK_ERRLOG("standard output is not read: %zu bytes are dropped", left.size());
            return false;
        }
        const ssize_t written = write(STDOUT_FILENO, left.data(), std::min(left.size(), longest_write));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) {
            BDK_ERRLOG("cannot write the output: %s", strerrordesc_np(errno));
            return false;
        }
        left.remove_prefix(static_cast<size_t>(written));
    }
    return true;
}

void write_error(std::string_view text) {
    bdk::flush_log(bdk::time_for_last_words);
    write_to(stderr, bdk::printable_lines(text));
}

void print_json(const nlohmann::json& json) {
    write_to(stdout, bdk::json_text(json, indent) + "\n");
}

void print_json(const nlohmann::ordered_json& json) {
    write_to(stdout, bdk::json_text(json, indent) + "\n");
}

void print_json_line(const nlohmann::ordered_json& json) {
    write_to(stdout, bdk::json_text(json) + "\n");
}

}  // namespace bdevkit::host
