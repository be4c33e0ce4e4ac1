// SPDX-License-Identifier: BSD-3-Clause
#include "diag/exit_guard.hpp"

#include <dlfcn.h>
#include <execinfo.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <utility>

#include "base/symbol.hpp"

namespace bdk {
namespace {

struct Guards {
    std::mutex mutex;
    std::list<std::string> doing;  ///< the newest last
    pid_t process = 0;             ///< the process that owns them
};

/// Never destroyed, because exit handlers run late.
Guards& guards() {
    static auto* instance = new Guards;
    return *instance;
}

const void* object_of(const void* address) {
    Dl_info info{};
    return dladdr(address, &info) == 0 ? nullptr : info.dli_fbase;
}

/// "    #0 rogue.so(create+0x1c)", one line per frame, beginning with the caller of exit().
std::string callers() {
    std::array<void*, 64> frames{};
    const int count = backtrace(frames.data(), static_cast<int>(frames.size()));
    const void* libc = object_of(reinterpret_cast<const void*>(&std::exit));
    int first = 0;
    while (first < count && object_of(frames[size_t(first)]) != libc)  // this library's own
        ++first;
    while (first < count && object_of(frames[size_t(first)]) == libc)  // exit() and what it calls
        ++first;
    std::string text;
    for (int i = first; i < count; ++i)
        text += "\n    #" + std::to_string(i - first) + " " + location_of(frames[size_t(i)]);
    return text;
}

[[noreturn]] void end_process(const char* call, const std::string& doing) {
    // Not through the log, whose lines would not be written.
    std::fprintf(stderr,
                 "bdevkit: %s was called while %s: a plugin must return an error instead of ending the "
                 "process; it was "
                 "called from:%s\n",
                 call, doing.c_str(), callers().c_str());
    std::fflush(stderr);
    _exit(1);
}

/// The guarded activity; empty: none.
std::string under_way() {
    const std::lock_guard lock(guards().mutex);
    return guards().doing.empty() || guards().process != getpid() ? std::string() : guards().doing.back();
}

void at_exit(int status, void*) {
    const std::string doing = under_way();
    if (!doing.empty()) end_process(("exit(" + std::to_string(status) + ")").c_str(), doing);
}

void at_quick_exit() {
    const std::string doing = under_way();
    if (!doing.empty()) end_process("quick_exit()", doing);
}

void install() {
    static const bool installed = [] {
        void* frame = nullptr;
        backtrace(&frame, 1);  // the first call loads a library, which is better done now
        return on_exit(at_exit, nullptr) == 0 && std::at_quick_exit(at_quick_exit) == 0;
    }();
    static_cast<void>(installed);
}

}  // namespace

ExitGuard::ExitGuard(std::string doing) {
    install();
    const std::lock_guard lock(guards().mutex);
    if (guards().process != getpid()) guards().doing.clear();
    guards().process = getpid();
    doing_ = guards().doing.insert(guards().doing.end(), std::move(doing));
}

ExitGuard::~ExitGuard() {
    const std::lock_guard lock(guards().mutex);
    if (guards().process == getpid()) guards().doing.erase(doing_);
}

}  // namespace bdk
