// SPDX-License-Identifier: BSD-3-Clause
#include "python_lock.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

namespace bdevkit::python {

namespace {

std::atomic<uint64_t> g_inside{0};
std::atomic<bool> g_closed{false};

}  // namespace

PythonLock::PythonLock() {
    ++g_inside;  // before the check: either close() sees this count, or this sees `closed`
    if (!g_closed) gil_.emplace();
}

PythonLock::~PythonLock() {
    gil_.reset();
    --g_inside;
}

void PythonLock::close() {
    g_closed = true;
    const py::gil_scoped_release without_gil;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (g_inside != 0 && std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

}  // namespace bdevkit::python
