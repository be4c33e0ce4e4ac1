// SPDX-License-Identifier: BSD-3-Clause
#include "check/case.hpp"

#include <execinfo.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <iterator>
#include <thread>

#include "check/perturbation.hpp"

// Defined in a build with AddressSanitizer, which includes LeakSanitizer.
extern "C" __attribute__((weak)) int __lsan_do_recoverable_leak_check();

namespace bdevkit::host {

namespace {

struct Case {
    std::string_view name;
    void (*run)(CaseContext& context);
};

constexpr Case cases[] = {
    {"load", run_load_case},       {"create", run_create_case},   {"types", run_types_case},
    {"data", run_data_case},       {"threads", run_threads_case}, {"control", run_control_case},
    {"remove", run_remove_case},   {"base", run_base_case},       {"base_gone", run_base_gone_case},
    {"nomem", run_nomem_case},     {"examine", run_examine_case}, {"leak", run_leak_case},
    {"block", run_block_case},     {"zone", run_zone_case},       {"sequence", run_sequence_case},
    {"durable", run_durable_case},
};

/// Makes a process that crashes print a backtrace.
void say_where(int signal) {
    void* frames[32];
    backtrace_symbols_fd(frames, backtrace(frames, std::size(frames)), STDERR_FILENO);
    raise(signal);  // the handler is the default one again
}

void trace_crashes() {
    void* first[1];
    backtrace(first, 1);  // loads the libraries that it needs; the handler must not
    struct sigaction action {};
    action.sa_handler = say_where;
    action.sa_flags = SA_RESETHAND | SA_NODEFER;
    for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT})
        sigaction(signal, &action, nullptr);
}

/// The process of a case may crash, and its parent may be killed.
void guard_process() {
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    // Sanitizers print better reports themselves.
    if (__lsan_do_recoverable_leak_check == nullptr) trace_crashes();
}

/// In these cases calls must not take longer than in normal use.
bool judges_time(std::string_view name) {
    return name == "block" || name == "create";
}

/// Ends the process when the case takes too long, wherever it hangs.
void watch_time(std::chrono::milliseconds timeout) {
    std::thread([timeout] {
        std::this_thread::sleep_for(timeout);
        Recorder::instance().stuck_here(fmt::format("the case has not ended after {} ms", timeout.count()));
    }).detach();
}

/// An uncaught exception has left a callback that the reactor called.
void name_exception() {
    if (const std::exception_ptr exception = std::current_exception())
        Recorder::instance().exception_left(exception);
    std::abort();
}

}  // namespace

void run_case(std::string_view name, const CheckOptions& options, const std::filesystem::path& scratch,
              int result_fd) {
    guard_process();
    fcntl(result_fd, F_SETFD, FD_CLOEXEC);
    Recorder recorder(result_fd, options.rules);
    std::set_terminate(name_exception);
    if (!judges_time(name)) Perturbation::start();
    watch_time(options.timeout);
    const auto found =
        std::find_if(std::begin(cases), std::end(cases), [&](const Case& each) { return each.name == name; });
    if (found == std::end(cases)) _exit(2);
    CaseContext context{options, scratch, recorder};
    try {
        found->run(context);
    } catch (const Broken& broken) {
        recorder.fail(recorder.current().empty() ? "lifecycle.init" : recorder.current(), broken.seen,
                      broken.expected);
    }
    if (__lsan_do_recoverable_leak_check != nullptr && __lsan_do_recoverable_leak_check() != 0)
        recorder.fail("leak.memory", "LeakSanitizer found leaked memory (see its report below)",
                      "all memory freed");
    recorder.end();
    // Nothing needs to be destroyed, and the plugin may have left threads running.
    _exit(0);
}

}  // namespace bdevkit::host
