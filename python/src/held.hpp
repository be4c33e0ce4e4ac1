// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <pybind11/pybind11.h>

#include <sys/uio.h>
#include <cstddef>
#include <vector>

namespace bdevkit::python {

namespace py = pybind11;

/// Python objects whose memory an I/O uses. Whoever destroys this without the GIL, a reactor for one, leaves
/// them to whoever holds it next.
class Held {
public:
    Held() = default;
    ~Held();
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;

    /// [with the GIL] The memory of an object with the buffer protocol, contiguous bytes.
    iovec add(py::handle object, bool writable);

    /// [with the GIL] New bytes of that length, to be filled.
    iovec add_bytes(size_t length);

    /// [with the GIL] The bytes of add_bytes(), once; None without.
    py::object take_bytes();

private:
    friend void release_left_behind();

    std::vector<Py_buffer> views_;
    PyObject* bytes_ = nullptr;
};

/// [with the GIL] Releases what was destroyed without it.
void release_left_behind();

}  // namespace bdevkit::python
