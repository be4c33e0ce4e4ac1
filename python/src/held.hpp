// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <pybind11/pybind11.h>

#include <sys/uio.h>
#include <cstddef>
#include <vector>

namespace bdevkit::python {

namespace py = pybind11;

/// Python objects whose memory an I/O uses. If a thread without the GIL, such as a reactor, destroys this,
/// the objects are released later by the next thread that calls release_left().
class Held {
public:
    Held() = default;
    ~Held();
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;

    /// [with the GIL] The memory of an object with the buffer protocol, contiguous bytes.
    iovec add(py::handle object, bool writable);

    /// [with the GIL] A new bytes object of that length, to be filled.
    iovec add_bytes(size_t length);

    /// [with the GIL] The object of add_bytes(), once; None if there is none.
    py::object take_bytes();

private:
    friend void release_left_behind();

    std::vector<Py_buffer> views_;
    PyObject* bytes_ = nullptr;
};

/// [with the GIL] Releases objects that were left by threads without the GIL.
void release_left_behind();

}  // namespace bdevkit::python
