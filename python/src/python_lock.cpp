// SPDX-License-Identifier: BSD-3-Clause
#include "python_lock.hpp"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <thread>

#include "call_python.hpp"

namespace bdevkit::python {

namespace {

std::atomic<uint64_t> g_inside{0};
std::atomic<bool> g_closed{false};

[[noreturn]] void park() {
    for (;;)
        pause();
}

/// Calls fn(), which takes the GIL. The unwinding that pthread_exit() begins there goes no further than here.
/// It has no exception object, so that it cannot be caught by a reference to its type.
template <typename Fn>
void park_if_unwound(Fn fn) {
    try {
        fn();
    } catch (const std::exception&) {
        throw;
    } catch (...) {
        park();
    }
}

}  // namespace

bool has_gil() {
    return PyGILState_Check() != 0 && Py_IsInitialized() != 0;  // the second look last: the end does not wait
}

WithoutGil::~WithoutGil() {
    park_if_unwound([this] { PyEval_RestoreThread(state_); });
}

PythonLock::PythonLock() {
    ++g_inside;  // before the look: close() sees the one, or this sees the other
    if (g_closed) return;
    park_if_unwound([this] { gil_.emplace(); });
}

PythonLock::~PythonLock() {
    // A callback that close() has not waited for has lost the GIL in Python's code, and is being unwound.
    if (gil_ && _Py_IsFinalizing() != 0) park();
    gil_.reset();
    --g_inside;
}

py::object call_python(const py::object& callable, const py::tuple& arguments) {
    PyObject* result = nullptr;
    park_if_unwound([&] { result = PyObject_CallObject(callable.ptr(), arguments.ptr()); });
    if (result == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(result);
}

py::module_ import_python(const char* name) {
    PyObject* module = nullptr;
    park_if_unwound([&] { module = PyImport_ImportModule(name); });
    if (module == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::module_>(module);
}

void PythonLock::close() {
    g_closed = true;
    const WithoutGil without_gil;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (g_inside != 0 && std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

}  // namespace bdevkit::python
