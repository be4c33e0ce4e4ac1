// SPDX-License-Identifier: BSD-3-Clause
// The GIL, taken and given back by threads that may outlive the interpreter.
//
// Once the end of the interpreter has begun, CPython lets no thread but the one that ends it have the GIL: a
// thread that asks for it is ended by pthread_exit(), which unwinds its stack. Our frames are part of that
// stack. Some are noexcept, and others would let go of Python's objects without the GIL. So such a thread
// stays where it is, parked until the process has gone.
#pragma once

#include <pybind11/pybind11.h>

#include <optional>

namespace bdevkit::python {

namespace py = pybind11;

/// [any thread] Whether the thread has the GIL, of an interpreter whose end has not begun.
/// (PyGILState_Check() says yes to all once it has.)
bool has_gil();

/// [with the GIL] The rest of a scope without the GIL, for what waits or takes its time.
class WithoutGil {
public:
    WithoutGil() : state_(PyEval_SaveThread()) {}
    ~WithoutGil();
    WithoutGil(const WithoutGil&) = delete;
    WithoutGil& operator=(const WithoutGil&) = delete;

private:
    PyThreadState* const state_;
};

/// The GIL, for a reactor that calls into Python. A host that could not be stopped runs on while the
/// interpreter ends, and its reactors must not be parked: so the way into Python is closed first, and a
/// callback that comes later does without Python.
class PythonLock {
public:
    PythonLock();
    ~PythonLock();
    PythonLock(const PythonLock&) = delete;
    PythonLock& operator=(const PythonLock&) = delete;

    /// False: the interpreter is exiting, and Python must not be used.
    explicit operator bool() const { return gil_.has_value(); }

    /// [with the GIL] Refuses further threads, and waits without the GIL, for some seconds at most, for
    /// threads inside.
    static void close();

private:
    std::optional<py::gil_scoped_acquire> gil_;
};

}  // namespace bdevkit::python
